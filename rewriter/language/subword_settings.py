"""Settings of a pretrained subword T5 in the stages: its own, and the defaults that are not the corpus policy's.

A pretrained T5 has thirty times the weights of the corpus policy and knows a language already: it takes smaller
steps, and fewer. The defaults are those usual for T5s of this size; see docs/training.md for what was measured.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from untilclick.rewriter.config import (
    BaseConfig,
    KLConfig,
    PPOConfig,
    RolloutConfig,
    UpdateConfig,
    ValidationConfig,
    WarmStartConfig,
)
from untilclick.rewriter.flat_settings import setting_names
from untilclick.search.errors import ModelError

SETTINGS_FILE = "subword.json"
"""Of `SubwordConfig`, in the folders of a subword T5 and in its bundle."""


@dataclass(frozen=True)
class SubwordConfig:
    """How a subword T5 is asked and read, in all stages and in the service; decided with the base."""

    length: int = 24
    """Longest answer in tokens, the end token included: of rollouts, of targets and of what is read."""
    beams: int = 8
    """Likeliest texts of a prompt that are read, by beam search."""
    prompt_length: int = 64
    """Longest prompt in tokens, the end token included."""
    target_words: int = 8
    """Words of the texts that base and warm start teach, the heaviest of the target first."""

    def save(self, folder: Path) -> None:
        """Write `subword.json` into the folder."""
        (folder / SETTINGS_FILE).write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> SubwordConfig:
        """Read `subword.json`. Raises ModelError when it is missing or broken."""
        path = folder / SETTINGS_FILE
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise ModelError(f"{path} cannot be read ({error}); train the model again") from error


def is_subword_stage(folder: Path) -> bool:
    """True for the folder of a stage whose policy is a subword T5."""
    return (folder / SETTINGS_FILE).is_file()


@dataclass(frozen=True)
class SubwordBaseConfig(BaseConfig):
    """`base` of a subword T5: pseudo-queries from documents, texts of their best words as targets."""

    steps: int = 200
    """Optimiser steps."""
    batch_size: int = 32
    """Pseudo-queries per step."""
    learning_rate: float = 5e-4
    """AdamW, peak."""


@dataclass(frozen=True)
class SubwordWarmStartConfig(WarmStartConfig):
    """`warm-start` of a subword T5."""

    epochs: int = 4
    """Passes over the pairs."""
    patience: int = 2
    """Passes without a new best on validation before training stops."""
    batch_size: int = 32
    """Pairs per step."""
    learning_rate: float = 5e-4
    """AdamW, peak."""
    word_dropout: float = 0.0
    """Share of prompt tokens left out at random."""


_ROLLOUT = RolloutConfig(prompts_per_iteration=16, samples_per_prompt=8)
_KL = KLConfig(coef=0.02, placement="reward")  # `loss` would keep whole distributions over all subwords
_UPDATE = UpdateConfig(learning_rate=1e-4, value_learning_rate=1e-3, average_decay=0.9)
_VALIDATION = ValidationConfig(patience=4)


@dataclass(frozen=True, repr=False)
class SubwordPPOConfig(PPOConfig):
    """`ppo` of a subword T5: the settings of `PPOConfig`, some with other defaults."""

    iterations: int = 200
    """Largest number of rounds."""
    rollout: RolloutConfig = _ROLLOUT
    kl: KLConfig = _KL
    update: UpdateConfig = _UPDATE
    validation: ValidationConfig = _VALIDATION


@dataclass(frozen=True)
class StageConfigs:
    """The configuration classes of the stages that go on from a model."""

    warm_start: type[WarmStartConfig]
    ppo: type[PPOConfig]
    without_use: frozenset[str] = frozenset()
    """Settings that the model has no use for."""

    def usable(self, config: type[BaseConfig | WarmStartConfig | PPOConfig]) -> list[str]:
        """Names of the settings of a stage that the model has a use for."""
        return [name for name in setting_names(config) if name not in self.without_use]


WITHOUT_USE = frozenset(
    {"prior_weight", "document_weight", "memory_learning_rate", "found_weight", "found_depth", "terms"}
)
"""Settings of the corpus policy that a subword T5 has no use for: it has no memory, no first step that says all, and
its answers are as long as `SubwordConfig.length`."""


TERM_STAGES = StageConfigs(WarmStartConfig, PPOConfig)
SUBWORD_STAGES = StageConfigs(SubwordWarmStartConfig, SubwordPPOConfig, WITHOUT_USE)


def stage_configs(folder: Path) -> StageConfigs:
    """The configurations for stages that go on from the model in this folder."""
    return SUBWORD_STAGES if is_subword_stage(folder) else TERM_STAGES
