"""Settings of a pretrained subword T5: those it alone has, and defaults of the stages that differ from the corpus
policy's.

A pretrained T5 has thirty times the weights of the corpus policy and knows a language already, so it is trained with
smaller and fewer steps. The defaults are usual for T5s of this size; docs/training.md has the measurements.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from untilclick.rewriter.config import BaseConfig, WarmStartConfig
from untilclick.rewriter.flat_settings import setting_names
from untilclick.rewriter.ppo_config import KLConfig, PPOConfig, RolloutConfig, UpdateConfig, ValidationConfig
from untilclick.search.errors import ModelError
from untilclick.search.files.json_records import read_record
from untilclick.search.files.whole_files import write_whole

SETTINGS_FILE = "subword.json"
"""File of `SubwordConfig` in a model folder of a subword T5 and in its bundle."""


@dataclass(frozen=True)
class SubwordConfig:
    """Lengths of a subword T5's prompts and outputs; fixed when its base is trained, for later stages and service."""

    length: int = 24
    """Longest output in tokens, the end token included; for rollouts, targets and the texts that are read."""
    beams: int = 8
    """Number of likeliest texts that are read for a prompt; the width of the beam search."""
    prompt_length: int = 64
    """Longest prompt in tokens, the end token included."""
    target_words: int = 8
    """Number of words in the texts that base and warm start teach, the heaviest word of the target first."""

    def save(self, folder: Path) -> None:
        """Write `subword.json` into the folder."""
        write_whole(folder / SETTINGS_FILE, json.dumps(asdict(self)))

    @classmethod
    def load(cls, folder: Path) -> SubwordConfig:
        """Read `subword.json`. Raises ModelError if it is missing or broken."""
        path = folder / SETTINGS_FILE
        try:
            return read_record(cls, path)
        except (OSError, ValueError) as error:
            raise ModelError(f"{path} cannot be read ({error}); train the model again") from error


def is_subword_stage(folder: Path) -> bool:
    """True if the folder holds a stage, or a bundle, whose policy is a subword T5."""
    return (folder / SETTINGS_FILE).is_file()


@dataclass(frozen=True)
class SubwordBaseConfig(BaseConfig):
    """`base` of a subword T5: pseudo-queries from documents as inputs, texts of their best words as targets."""

    steps: int = 200
    """Optimiser steps."""
    batch_size: int = 32
    """Pseudo-queries per optimiser step."""
    learning_rate: float = 5e-4
    """Peak learning rate of AdamW."""


@dataclass(frozen=True, repr=False)
class SubwordWarmStartConfig(WarmStartConfig):
    """`warm-start` of a subword T5: the settings of `WarmStartConfig`, some with other defaults."""

    epochs: int = 4
    """Passes over the pairs."""
    patience: int = 2
    """Passes without a new best on validation before training stops."""
    batch_size: int = 32
    """Pairs per optimiser step."""
    learning_rate: float = 5e-4
    """Peak learning rate of AdamW."""
    word_dropout: float = 0.0
    """Share of prompt tokens left out at random, 0..1."""


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
    """The configuration classes of the stages that train a model further."""

    warm_start: type[WarmStartConfig]
    ppo: type[PPOConfig]
    without_use: frozenset[str] = frozenset()
    """Names of settings that have no effect on the model."""

    def usable(self, config: type[BaseConfig | WarmStartConfig | PPOConfig]) -> list[str]:
        """Names of the settings of a stage that have an effect on the model."""
        return [name for name in setting_names(config) if name not in self.without_use]


WITHOUT_USE = frozenset(
    {"prior_weight", "document_weight", "memory_learning_rate", "found_weight", "found_depth", "terms"}
)
"""Settings of the corpus policy without effect on a subword T5: it has no memory, its rewrite is not the distribution
of the first step, and `SubwordConfig.length` limits its outputs."""


TERM_STAGES = StageConfigs(WarmStartConfig, PPOConfig)
SUBWORD_STAGES = StageConfigs(SubwordWarmStartConfig, SubwordPPOConfig, WITHOUT_USE)


def stage_configs(folder: Path) -> StageConfigs:
    """The configuration classes for stages that train the model of this folder further."""
    return SUBWORD_STAGES if is_subword_stage(folder) else TERM_STAGES
