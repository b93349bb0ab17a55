"""Converts our settings of PPO into a trlX configuration, and back.

An option that trlX has keeps trlX's name; the others are added to its method section under our names. Sizes differ:
trlX counts sequences, we count prompts with a number of samples each.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from trlx.data.configs import TRLConfig
from trlx.data.method_configs import register_method
from trlx.models.modeling_ppo import PPOConfig as TrlxPPOConfig
from trlx.pipeline import _DATAPIPELINE
from trlx.trainer import _TRAINERS

from untilclick.rewriter.flat_settings import flat, grouped, present, setting_names
from untilclick.rewriter.ppo_config import PPOConfig, check_samples
from untilclick.search.errors import UntilclickError

RENAMED = {
    "epochs": "ppo_epochs",
    "kl_coef": "init_kl_coef",
    "kl_target": "target",
    "kl_horizon": "horizon",
    "gae_lambda": "lam",
    "clip_range": "cliprange",
    "value_clip_range": "cliprange_value",
    "value_coef": "vf_coef",
}
"""Our flat name -> trlX's name of the same option."""
ELSEWHERE = frozenset(
    (
        "prompts_per_iteration",
        "minibatches",
        "micro_batches",
        "learning_rate",
        "iterations",
        "validate_every",
        "checkpoint_every",
        "seed",
    )
)
"""Settings that trlX has in other sections or counts in other units."""
UNUSED = {
    "scale_reward": None,
    "ref_mean": None,
    "ref_std": None,
    "cliprange_reward": None,
    "gen_experience_kwargs": None,
    "num_value_layers_unfrozen": 0,
    "gen_kwargs": {"max_new_tokens": 0},
}
"""Options of trlX's PPO that ours does not use, with the value that turns each off. `terms` is the length of
sequences, and sequences are always drawn at temperature 1 from all candidates. `max_new_tokens` must exist, because
trlX subtracts it from `train.seq_length`."""
LONGEST_PROMPT = 64
"""Default of `train.seq_length`: tokens of a prompt that the model reads, the end token included."""
TRAINER, PIPELINE = "RewriterPPOTrainer", "RewriterPromptPipeline"
"""Names under which `trainer.py` and `prompts.py` are registered in trlX."""
TRACKERS = (None, "tensorboard", "wandb")
"""Values of `train.tracker` that trlX supports."""


@dataclass
@register_method
class RewriterPPOConfig(TrlxPPOConfig):  # type: ignore[misc]
    """trlX's PPO options, and the settings of `ppo_config.PPOConfig` that it lacks, under our flat names."""

    algorithm: str = PPOConfig.algorithm
    learn_from: str = PPOConfig.learn_from
    reward: str = PPOConfig.reward.name
    click_model: str = PPOConfig.reward.click_model
    click_behaviour: str = PPOConfig.reward.click_behaviour
    click_credit: str = PPOConfig.reward.click_credit
    max_queries: int = PPOConfig.queries.max_queries
    later_share: float = PPOConfig.queries.later_share
    samples_per_prompt: int = PPOConfig.rollout.samples_per_prompt
    terms: int = PPOConfig.rollout.terms
    value_learning_rate: float = PPOConfig.update.value_learning_rate
    memory_learning_rate: float = PPOConfig.update.memory_learning_rate
    entropy_coef: float = PPOConfig.loss.entropy_coef
    found_weight: float = PPOConfig.found_documents.weight
    found_depth: int = PPOConfig.found_documents.depth
    kl_placement: str = PPOConfig.kl.placement
    center_groups: bool = PPOConfig.advantage.center_groups
    whiten_advantages: bool = PPOConfig.advantage.whiten
    max_grad_norm: float = PPOConfig.update.max_grad_norm
    average_decay: float = PPOConfig.update.average_decay
    rollout_weight: float = PPOConfig.rollout.rewrite_weight
    rollout_feedback: float = PPOConfig.rollout.feedback_weight
    rollout_context: float = PPOConfig.rollout.context_weight
    word_dropout: float = PPOConfig.rollout.word_dropout
    patience: int = PPOConfig.validation.patience
    caution: str | float = PPOConfig.validation.caution

    @classmethod
    def from_dict(cls, config: Mapping[str, Any]) -> RewriterPPOConfig:  # Any: options are of every type
        """The options in a file or a program, which may have names of earlier versions."""
        return cls(**present(config))


def trlx_config(config: PPOConfig, model: Path, folder: Path) -> TRLConfig:
    """The trlX configuration of a run that starts from the model folder `model` and writes its checkpoints to
    `folder`. A round of ours is a chunk of trlX, and its intervals are optimiser steps instead of rounds. Trackers
    write beside `folder` (`ppo.trlx` -> `ppo.log`). Raises UntilclickError for sizes that trlX cannot express."""
    samples, steps = config.rollout.samples_per_prompt, config.update.epochs * config.update.minibatches
    sizes = _step_sizes(config)
    method = {RENAMED.get(name, name): value for name, value in flat(config).items() if name not in ELSEWHERE}
    sections: dict[str, dict[str, Any]] = {  # Any: trlX's options are of every type
        "method": {
            "name": RewriterPPOConfig.__name__,
            **method,
            **UNUSED,
            "num_rollouts": config.rollout.prompts_per_iteration * samples,
            "chunk_size": config.rollout.prompts_per_iteration * samples,
        },
        "model": {"model_path": str(model), "model_arch_type": "seq2seq", "num_layers_unfrozen": -1},
        "tokenizer": {"tokenizer_path": str(model), "padding_side": "right"},
        "optimizer": {"name": "adamw", "kwargs": {"lr": config.update.learning_rate, "weight_decay": 0.0}},
        "scheduler": {"name": "linear", "kwargs": {}},
        "train": {
            "seq_length": LONGEST_PROMPT,
            "epochs": config.iterations,
            "total_steps": config.iterations * steps,
            "batch_size": sizes.batch * samples,
            "minibatch_size": sizes.micro_batch * samples if config.update.micro_batches > 1 else None,
            "checkpoint_interval": config.checkpoint_every * steps,
            "eval_interval": config.validation.every * steps,
            "pipeline": PIPELINE,
            "trainer": TRAINER,
            "checkpoint_dir": str(folder),
            "tracker": None,
            "logging_dir": str(folder.with_name(f"{folder.name.removesuffix('.trlx')}.log")),
            "seed": config.seed,
        },
    }
    return TRLConfig.from_dict(sections)


class _StepSizes(NamedTuple):
    """Sizes of an optimiser step in prompts."""

    batch: int
    """Prompts of the step."""
    micro_batch: int
    """Prompts of each of its micro-batches."""


def _step_sizes(config: PPOConfig) -> _StepSizes:
    """The sizes of all optimiser steps. Raises UntilclickError for minibatches or micro-batches of unequal size."""
    prompts, minibatches, micro_batches = (
        config.rollout.prompts_per_iteration,
        config.update.minibatches,
        config.update.micro_batches,
    )
    batch = -(-prompts // minibatches)
    if -(-prompts // batch) != minibatches:
        raise UntilclickError(
            f"ppo.minibatches is {minibatches}, ppo.prompts_per_iteration {prompts}: trlX has one size for all "
            "steps; give a divisor"
        )
    if batch % micro_batches:
        raise UntilclickError(
            f"ppo.micro_batches is {micro_batches}, and a step has {batch} prompts: trlX splits steps into equal "
            f"parts; give a divisor of {batch}"
        )
    return _StepSizes(batch, batch // micro_batches)


def steps_of_round(method: RewriterPPOConfig, minibatches: int) -> int:
    """Number of optimiser steps in a round."""
    steps: int = method.ppo_epochs * minibatches * (method.num_rollouts // method.chunk_size)
    return steps


def ppo_config(config: TRLConfig) -> PPOConfig:
    """Our settings, read from a trlX configuration. Raises UntilclickError for sizes that do not fit together and for
    options of trlX that this trainer does not support."""
    method, train = config.method, config.train
    for name, unused in UNUSED.items():
        if getattr(method, name) != unused:
            raise UntilclickError(
                f"method.{name} is {getattr(method, name)!r}: this trainer has no such option; leave it {unused!r}"
            )
    _check_names(config)
    _check_sizes(config)
    names = [name for name in setting_names(PPOConfig) if name not in ELSEWHERE]
    same = {name: getattr(method, RENAMED.get(name, name)) for name in names}
    minibatches = -(-method.chunk_size // train.batch_size)
    steps = steps_of_round(method, minibatches)
    elsewhere = {
        "prompts_per_iteration": method.chunk_size // method.samples_per_prompt,
        "minibatches": minibatches,
        "micro_batches": train.batch_size // (train.minibatch_size or train.batch_size),
        "learning_rate": config.optimizer.kwargs["lr"],
        "iterations": -(-train.total_steps // steps),
        "validate_every": -(-train.eval_interval // steps),
        "checkpoint_every": -(-train.checkpoint_interval // steps),
        "seed": train.seed,
    }
    settings = grouped(PPOConfig, same | elsewhere)
    check_samples(settings)
    return settings


def course_options(config: TRLConfig) -> dict[str, Any]:
    """The options besides `ppo_config` that a training depends on, by section (Any: options are of every type). They
    have passed through JSON, so that options from a file compare equal to those of a program."""
    optimizer, scheduler = (
        {"name": section.name, "kwargs": section.kwargs} for section in (config.optimizer, config.scheduler)
    )
    sizes = {"method.num_rollouts": config.method.num_rollouts, "train.seq_length": config.train.seq_length}
    options = {"optimizer": optimizer, "scheduler": scheduler, **sizes}
    content: dict[str, Any] = json.loads(json.dumps(options, default=str))
    return content


def _check_names(config: TRLConfig) -> None:
    """Raises UntilclickError unless trainer and pipeline are ours or registered subclasses of ours, in upper or lower
    case as in trlX, and the tracker is one that trlX supports."""
    for option, default, registry in (("trainer", TRAINER, _TRAINERS), ("pipeline", PIPELINE, _DATAPIPELINE)):
        name = getattr(config.train, option)
        registered = registry.get(str(name).lower())
        bases = {base.__name__ for base in getattr(registered, "__mro__", ())}
        if str(name).lower() != default.lower() and default not in bases:
            raise UntilclickError(f"train.{option} is {name!r}: these are the options of {default}; leave it at that")
    if config.train.tracker not in TRACKERS:
        raise UntilclickError(f"train.tracker is {config.train.tracker!r}; give null, tensorboard or wandb")


def _check_sizes(config: TRLConfig) -> None:
    """Raises UntilclickError for sizes (numbers of sequences) that are not positive, that split the samples of a
    prompt, or that are not multiples of the sizes of their parts."""
    method, train = config.method, config.train
    sizes = {
        "method.samples_per_prompt": method.samples_per_prompt,
        "train.batch_size": train.batch_size,
        "method.chunk_size": method.chunk_size,
        "method.num_rollouts": method.num_rollouts,
        "train.seq_length": train.seq_length,
        "train.total_steps": train.total_steps,
        "train.eval_interval": train.eval_interval,
        "train.checkpoint_interval": train.checkpoint_interval,
    }
    multiples = [
        ("train.batch_size", "method.samples_per_prompt"),
        ("method.chunk_size", "method.samples_per_prompt"),
        ("method.num_rollouts", "method.chunk_size"),
    ]
    if train.minibatch_size is not None:
        sizes["train.minibatch_size"] = train.minibatch_size
        multiples.append(("train.minibatch_size", "method.samples_per_prompt"))
        multiples.append(("train.batch_size", "train.minibatch_size"))
    for name, size in sizes.items():
        if not isinstance(size, int) or size < 1:
            raise UntilclickError(f"{name} is {size}; give 1 or more")
    for name, part in multiples:
        if sizes[name] % sizes[part]:
            raise UntilclickError(f"{name} is {sizes[name]}: give a multiple of {part}, which is {sizes[part]}")
    if train.batch_size > method.chunk_size:
        present = f"train.batch_size is {train.batch_size}, method.chunk_size {method.chunk_size}"
        raise UntilclickError(f"{present}: a step cannot have more sequences than a chunk; give it fewer")
