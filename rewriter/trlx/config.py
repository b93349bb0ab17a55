"""Our settings of PPO as a trlX configuration, and back.

trlX names are kept where trlX has the option; what it lacks is added to its method section. Sizes differ: trlX counts
sequences, we count prompts with so many samples each.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trlx.data.configs import TRLConfig
from trlx.data.method_configs import register_method
from trlx.models.modeling_ppo import PPOConfig as TrlxPPOConfig
from trlx.pipeline import _DATAPIPELINE
from trlx.trainer import _TRAINERS

from untilclick.rewriter.config import PPOConfig, check_samples
from untilclick.rewriter.flat_settings import flat, grouped, setting_names
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
"""Our name -> trlX's name of the same option."""
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
"""Options that trlX keeps in other sections or counts in other units."""
UNUSED = {
    "scale_reward": None,
    "ref_mean": None,
    "ref_std": None,
    "cliprange_reward": None,
    "gen_experience_kwargs": None,
    "num_value_layers_unfrozen": 0,
    "gen_kwargs": {"max_new_tokens": 0},
}
"""Options of trlX's PPO that ours has no use for, with the value that says so. `terms` says how long sequences are,
and how they are drawn is no option (temperature 1, nothing cut off); trlX wants `max_new_tokens` all the same: it
takes it off `train.seq_length`."""
LONGEST_PROMPT = 64
"""Tokens of a prompt that are read, the end token included, unless `train.seq_length` says otherwise."""
TRAINER, PIPELINE = "RewriterPPOTrainer", "RewriterPromptPipeline"
"""Names under which `trainer.py` and `prompts.py` register in trlX."""
TRACKERS = (None, "tensorboard", "wandb")
"""Trackers that trlX knows."""


@dataclass
@register_method
class RewriterPPOConfig(TrlxPPOConfig):  # type: ignore[misc]
    """trlX's PPO options and those of `untilclick.rewriter.config.PPOConfig` that it lacks, under the same names."""

    algorithm: str = PPOConfig.algorithm
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
    found_weight: float = PPOConfig.found.weight
    found_depth: int = PPOConfig.found.depth
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
    harm_limit: float | None = PPOConfig.validation.harm_limit


def trlx_config(config: PPOConfig, model: Path, folder: Path) -> TRLConfig:
    """The trlX configuration of a run that starts from the model folder `model` and keeps its checkpoints in
    `folder`. One round of ours is one `chunk_size`; trlX counts optimiser steps where ours counts rounds. A tracker
    that writes files writes beside `folder` (`ppo.trlx` -> `ppo.log`). Raises UntilclickError for sizes that trlX
    cannot express."""
    samples, steps = config.rollout.samples_per_prompt, config.update.epochs * config.update.minibatches
    batch, micro = _parts(config)
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
            "batch_size": batch * samples,
            "minibatch_size": micro * samples if config.update.micro_batches > 1 else None,
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


def _parts(config: PPOConfig) -> tuple[int, int]:
    """Prompts of an optimiser step and of a micro-batch, as many as trlX's sizes say."""
    prompts, minibatches, micro_batches = (
        config.rollout.prompts_per_iteration,
        config.update.minibatches,
        config.update.micro_batches,
    )
    batch = -(-prompts // minibatches)
    if -(-prompts // batch) != minibatches:
        raise UntilclickError(
            f"ppo.minibatches is {minibatches}, ppo.prompts_per_iteration {prompts}: trlX has one size for all steps "
            "and cannot cut so; give a divisor"
        )
    if batch % micro_batches:
        raise UntilclickError(
            f"ppo.micro_batches is {micro_batches}, and a step has {batch} prompts: trlX cuts steps into equal "
            f"parts; give a divisor of {batch}"
        )
    return batch, batch // micro_batches


def steps_of_round(method: RewriterPPOConfig, minibatches: int) -> int:
    """Optimiser steps of a round."""
    steps: int = method.ppo_epochs * minibatches * (method.num_rollouts // method.chunk_size)
    return steps


def ppo_config(config: TRLConfig) -> PPOConfig:
    """Our settings as a trlX configuration states them. Raises UntilclickError for sizes that do not fit together
    and for options of trlX that this trainer does not have."""
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
    """What decides the course of a training besides `ppo_config`, by section (Any: options are of every type), as
    JSON holds it: options of a file and those of a program compare."""
    optimizer, scheduler = ({"name": one.name, "kwargs": one.kwargs} for one in (config.optimizer, config.scheduler))
    sizes = {"method.num_rollouts": config.method.num_rollouts, "train.seq_length": config.train.seq_length}
    options = {"optimizer": optimizer, "scheduler": scheduler, **sizes}
    content: dict[str, Any] = json.loads(json.dumps(options, default=str))
    return content


def _check_names(config: TRLConfig) -> None:
    """Trainer and pipeline are those of this package or registered ones made from them, in any case as trlX reads
    them; the tracker is one of trlX."""
    for name, ours, registered in (("trainer", TRAINER, _TRAINERS), ("pipeline", PIPELINE, _DATAPIPELINE)):
        given = getattr(config.train, name)
        kind = registered.get(str(given).lower())
        made_from = {each.__name__ for each in getattr(kind, "__mro__", ())}
        if str(given).lower() != ours.lower() and ours not in made_from:
            raise UntilclickError(f"train.{name} is {given!r}: these options are those of {ours}; leave it at that")
    if config.train.tracker not in TRACKERS:
        raise UntilclickError(f"train.tracker is {config.train.tracker!r}; give null, tensorboard or wandb")


def _check_sizes(config: TRLConfig) -> None:
    """Sizes count sequences: whole prompts, steps within a chunk, micro-batches of one size."""
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
    whole = [
        ("train.batch_size", "method.samples_per_prompt"),
        ("method.chunk_size", "method.samples_per_prompt"),
        ("method.num_rollouts", "method.chunk_size"),
    ]
    if train.minibatch_size is not None:
        sizes["train.minibatch_size"] = train.minibatch_size
        whole.append(("train.minibatch_size", "method.samples_per_prompt"))
        whole.append(("train.batch_size", "train.minibatch_size"))
    for name, size in sizes.items():
        if not isinstance(size, int) or size < 1:
            raise UntilclickError(f"{name} is {size}; give 1 or more")
    for name, part in whole:
        if sizes[name] % sizes[part]:
            raise UntilclickError(f"{name} is {sizes[name]}: give a multiple of {part}, which is {sizes[part]}")
    if train.batch_size > method.chunk_size:
        sizes_given = f"train.batch_size is {train.batch_size}, method.chunk_size {method.chunk_size}"
        raise UntilclickError(f"{sizes_given}: a step cannot have more sequences than are drawn; give it fewer")
