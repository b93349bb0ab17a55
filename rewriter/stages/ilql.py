"""Method `ilql` of the stage `offline`: trlX's configuration, the training, and how its result becomes a plain T5.

ILQL acts by log pi + beta (Q - V), which needs its heads at every query. A bundle has no heads. Therefore a plain T5
learns that distribution on the log's own prompts; blend choice, export and serving need to know nothing of ILQL.
"""

from __future__ import annotations

import copy
import shutil
from collections.abc import Sequence
from pathlib import Path

from trlx import train
from trlx.data.configs import TRLConfig

from untilclick.rewriter.data.logged_actions import LoggedAction
from untilclick.rewriter.offline_config import OfflineConfig
from untilclick.rewriter.policy.t5 import T5Policy
from untilclick.rewriter.stages.input import StageInput
from untilclick.rewriter.training.callbacks import Progress
from untilclick.rewriter.training.distillation import distil, mean_divergence
from untilclick.rewriter.training.reward_weighted import warmup_steps
from untilclick.rewriter.trlx.ilql import RewriterILQLTrainer
from untilclick.rewriter.trlx.prompts import RewriterPromptPipeline
from untilclick.search.errors import UntilclickError

CHECKPOINTS = "offline.trlx"
"""Folder of a run that trlX writes to during training."""
MOST_REPEATS = 100
"""Largest number of times that an action is repeated in the training data, however often it was taken."""


def train_ilql(
    start: StageInput, actions: Sequence[LoggedAction], run: Path, config: OfflineConfig, progress: Progress | None
) -> dict[str, float]:
    """Train the starting policy in place, or leave it as it is if ILQL is not better on validation; returns figures,
    of which `validation_best` and `divergence` belong to the resulting weights. Raises ModelError if the folder of
    the start cannot be read, UntilclickError for less than one pass over the actions."""
    if config.epochs < 1:
        raise UntilclickError(f"offline.epochs is {config.epochs}: ilql needs 1 or more")
    start_score = start.score(start.policy).mean
    trainer = _train_heads(start, actions, run, config)
    teacher = trainer.policy
    trainer.best.restore(teacher)
    teacher.eval().requires_grad_(False)
    student = plain_policy(teacher)
    prompts = list(dict.fromkeys(action.prompt for action in actions))  # distinct, in the order of the log
    distillation = distil(student, teacher, prompts, config, start.score, progress)
    shutil.rmtree(run / CHECKPOINTS, ignore_errors=True)
    better = distillation.best_score > start_score
    # The starting policy is returned in place. `student` gets the same weights, since `divergence` is measured on it.
    source, target = (student, start.policy) if better else (start.policy, student)
    target.load_state_dict(source.state_dict())
    return {
        "validation_start": start_score,
        "validation_heads": trainer.best.score,
        "validation_distilled": distillation.best_score,
        "validation_best": max(start_score, distillation.best_score),
        "distil_pass": float(distillation.best_epoch),
        "divergence": mean_divergence(student, teacher, prompts, config.batch_size),
        "kept_start": float(not better),
    }


def _train_heads(
    start: StageInput, actions: Sequence[LoggedAction], run: Path, config: OfflineConfig
) -> RewriterILQLTrainer:
    """Train a policy with Q and value heads in trlX's loop; returns the trainer with the best weights."""
    repeated = [action for action in actions for _ in range(min(action.count, MOST_REPEATS))]
    settings = ilql_config(config, start.start, run / CHECKPOINTS, len(repeated))
    settings.train.trainer_kwargs = {"validation": start.score}
    returns = [action.mean_return for action in repeated]
    trainer = train(samples=repeated, rewards=returns, eval_prompts=[], config=settings)
    assert isinstance(trainer, RewriterILQLTrainer)
    return trainer


def plain_policy(policy: T5Policy) -> T5Policy:
    """A `T5Policy` with copies of the weights of T5, value head and memory, on the same device, without the heads of
    a subclass."""
    plain = T5Policy(copy.deepcopy(policy.t5), policy.decoding, policy.candidates, n_outside=policy.n_outside)
    plain.value_head = copy.deepcopy(policy.value_head)
    plain.banned_ids = policy.banned_ids.clone()
    plain.memory, plain.sentences = copy.deepcopy(policy.memory), policy.sentences
    return plain.requires_grad_(True).eval()


def ilql_config(config: OfflineConfig, model: Path, folder: Path, n_samples: int) -> TRLConfig:
    """The trlX configuration of a run on `n_samples` actions that starts from the model folder `model` and writes to
    `folder`. `beta` of the loss is 0: cloning is not weighted, and the advantage counts once, when the policy acts
    (Snell et al., section 4)."""
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
