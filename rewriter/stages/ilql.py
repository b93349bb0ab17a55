"""Method `ilql` of the stage `offline`: trlX's configuration, its training, and what of it becomes a plain T5.

ILQL acts by log pi + beta (Q - V), which needs its heads at every query. A bundle has no heads: the T5 is taught that
distribution on the log's own prompts, and blend choice, export and serving then know nothing of it.
"""

from __future__ import annotations

import copy
import shutil
from collections.abc import Sequence
from pathlib import Path

from trlx import train
from trlx.data.configs import TRLConfig

from untilclick.rewriter.config import OfflineConfig
from untilclick.rewriter.data.logged_actions import LoggedAction
from untilclick.rewriter.policy.t5 import T5Policy
from untilclick.rewriter.stages.input import StageInput
from untilclick.rewriter.training.callbacks import Progress
from untilclick.rewriter.training.distillation import distil, mean_divergence
from untilclick.rewriter.training.reward_weighted import warmup_steps
from untilclick.rewriter.trlx.ilql import RewriterILQLTrainer
from untilclick.rewriter.trlx.prompts import RewriterPromptPipeline
from untilclick.search.errors import UntilclickError

CHECKPOINTS = "offline.trlx"
"""Folder of a run that trlX writes to while it trains."""
MOST_REPEATS = 100
"""An action counts at most so often, however often it was taken."""


def train_ilql(
    start: StageInput, actions: Sequence[LoggedAction], run: Path, config: OfflineConfig, progress: Progress | None
) -> dict[str, float]:
    """Train the start's policy in place, or leave it as it is where ILQL is no better on validation; returns figures,
    of which `validation_best` and `divergence` are of the weights that are left. Raises ModelError when the folder of
    the start cannot be read, and UntilclickError for less than one pass over the actions."""
    if config.epochs < 1:
        raise UntilclickError(f"offline.epochs is {config.epochs}: ilql needs 1 or more")
    start_score = start.score(start.policy)
    repeated = [one for one in actions for _ in range(min(one.count, MOST_REPEATS))]
    settings = ilql_config(config, start.start, run / CHECKPOINTS, len(repeated))
    settings.train.trainer_kwargs = {"validation": start.score}
    returns = [one.mean_return for one in repeated]
    trainer = train(samples=repeated, rewards=returns, eval_prompts=[], config=settings)
    assert isinstance(trainer, RewriterILQLTrainer)
    teacher = trainer.policy
    trainer.best.restore(teacher)
    teacher.eval().requires_grad_(False)
    student = plain_policy(teacher)
    prompts = list(dict.fromkeys(one.prompt for one in actions))
    distillation = distil(student, teacher, prompts, config, start.score, progress)
    shutil.rmtree(run / CHECKPOINTS, ignore_errors=True)
    distilled = distillation.best_score
    kept, replaced = (student, start.policy) if distilled > start_score else (start.policy, student)
    replaced.load_state_dict(kept.state_dict())
    return {
        "validation_start": start_score,
        "validation_heads": trainer.best.score,
        "validation_distilled": distilled,
        "validation_best": max(start_score, distilled),
        "distil_pass": float(distillation.best_epoch),
        "divergence": mean_divergence(student, teacher, prompts, config.batch_size),
        "kept_start": float(distilled <= start_score),
    }


def plain_policy(policy: T5Policy) -> T5Policy:
    """A policy without heads of any subclass, with copies of the weights of T5, value head and memory, on their
    device."""
    plain = T5Policy(copy.deepcopy(policy.t5), policy.decoding, policy.candidates)
    plain.value_head = copy.deepcopy(policy.value_head)
    plain.banned_ids = policy.banned_ids.clone()
    plain.memory = copy.deepcopy(policy.memory)
    return plain.requires_grad_(True).eval()


def ilql_config(config: OfflineConfig, model: Path, folder: Path, n_samples: int) -> TRLConfig:
    """The trlX configuration of a run from the model folder `model`. `beta` of the loss is 0: cloning is not
    weighted, the advantage comes in once, when the policy acts (Snell et al., section 4)."""
    epoch = -(-n_samples // config.batch_size)
    acting = {"beta": config.ilql.advantage_scale, "max_new_tokens": config.terms, "top_k": 0, "temperature": 1.0}
    training = {
        "head_learning_rate": config.ilql.head_learning_rate,
        "word_dropout": config.word_dropout,
        "max_grad_norm": config.max_grad_norm,
    }
    return TRLConfig.from_dict(
        {
            "method": {
                "name": "ILQLConfig",
                "tau": config.ilql.expectile,
                "gamma": 1.0,
                "cql_scale": config.ilql.conservatism,
                "awac_scale": 1.0,
                "alpha": config.ilql.target_rate,
                "beta": 0.0,
                "steps_for_target_q_sync": 1,
                "two_qs": True,
                "gen_kwargs": {**acting, **training},
            },
            "model": {"model_path": str(model), "model_arch_type": "seq2seq", "num_layers_unfrozen": -1},
            "tokenizer": {"tokenizer_path": str(model), "padding_side": "right"},
            "optimizer": {"name": "adamw", "kwargs": {"lr": config.learning_rate, "weight_decay": 0.0}},
            "scheduler": {
                "name": "linear",
                "kwargs": {"start_factor": 0.1, "total_iters": warmup_steps(config.epochs * epoch)},
            },
            "train": {
                "seq_length": 64 + config.terms,
                "epochs": config.epochs,
                "total_steps": config.epochs * epoch,
                "batch_size": config.batch_size,
                "checkpoint_interval": config.epochs * epoch,
                "eval_interval": epoch,
                "pipeline": RewriterPromptPipeline.__name__,
                "trainer": RewriterILQLTrainer.__name__,
                "checkpoint_dir": str(folder),
                "tracker": None,
                "save_best": False,
                "save_optimizer": False,
                "seed": config.seed,
            },
        }
    )
