"""Runs the three PPOs of the comparison: the built-in backend, our trainer in trlX, and trlX's own trainer.

trlX's own trainer does not start as it is, so it has three repairs: its wrapper gets the list of arguments that a T5
takes; it gets the model object instead of a path; and the plain value-head model replaces the hydra model, whose
reference does not run. Everything else is the code of its repository.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch.utils.flop_counter import FlopCounterMode

from untilclick.rewriter.policy.models import open_model
from untilclick.rewriter.policy.t5 import T5Policy
from untilclick.rewriter.training.ppo.trainer import WARMUP_ROUNDS, PPOTrainer

from benchmarks.ppo_clock import EndOfRun, LoopClock, RoundClock
from benchmarks.ppo_ground import EVALUATED, Ground
from benchmarks.ppo_parts import parts_of_round

if TYPE_CHECKING:
    from torch import nn
    from trlx.data.configs import TRLConfig

SYSTEMS = ("builtin", "trlx", "stock")
NEVER = 10**9
"""Number of steps that no run reaches."""


def run(system: str, ground: Ground, rounds: int, every: int, folder: Path) -> RoundClock:
    """Train one system for some rounds and evaluate it after `every` of them; trlX writes its files to `folder`."""
    runs = {"builtin": _run_builtin, "trlx": _run_ours_in_trlx, "stock": _run_stock}
    return runs[system](ground, rounds, every, folder)


def device() -> torch.device:
    """The accelerator, or the CPU without one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _clock(ground: Ground, policy: T5Policy, rounds: int, every: int, *, like_trlx: bool = False) -> RoundClock:
    reference = open_model(ground.model)[0].to(device())
    if like_trlx:
        reference = _freely(reference)
    return RoundClock(lambda: ground.evaluate(policy, reference, ground.settings.seed + 1), rounds, every)


def _freely(policy: T5Policy) -> T5Policy:
    """The same T5, sampled as trlX samples it: token by token, without bans."""
    return T5Policy(policy.t5, "tokens", 0, ()).to(device()).eval()


def _run_builtin(ground: Ground, rounds: int, every: int, folder: Path) -> RoundClock:
    del folder
    policy = open_model(ground.model)[0].to(device())
    prompts = ground.prompts[: len(ground.prompts) - EVALUATED]
    trainer = PPOTrainer(policy, prompts, ground.environment, ground.settings, lambda _: 0.0)
    clock = _clock(ground, policy, rounds, every)
    clock.start()
    while not clock.done:
        metrics = trainer.run_round()
        clock.add(metrics["rollout_seconds"], metrics["update_seconds"])
    with FlopCounterMode(display=False) as counter:  # one extra round, which is not timed
        trainer.run_round()
    clock.operations = counter.get_total_flops()
    clock.parts = parts_of_round(trainer, prompts[: ground.settings.rollout.prompts_per_iteration])
    return clock


def _run_ours_in_trlx(ground: Ground, rounds: int, every: int, folder: Path) -> RoundClock:
    from trlx import train
    from trlx.trainer import register_trainer

    from untilclick.rewriter.trlx.config import trlx_config
    from untilclick.rewriter.trlx.trainer import RewriterPPOTrainer

    class TimedRewriterTrainer(RewriterPPOTrainer):
        def make_experience(self, num_rollouts: int = 0, iter_count: int = 0) -> None:
            if not hasattr(self, "timed"):
                self.clock = _clock(ground, self._policy, rounds, every)
                self.timed = LoopClock(self.clock)
                clocks.append(self.clock)
            self.timed.rollouts(lambda: super(TimedRewriterTrainer, self).make_experience(num_rollouts, iter_count))

        def evaluate(self) -> dict[str, float]:
            return {}

    clocks: list[RoundClock] = []
    register_trainer(TimedRewriterTrainer)
    config = _endless(trlx_config(ground.settings, ground.model, folder), TimedRewriterTrainer.__name__)
    _train(train, config, ground)
    return clocks[0]


def _run_stock(ground: Ground, rounds: int, every: int, folder: Path) -> RoundClock:
    from trlx import train
    from trlx.trainer import register_trainer
    from trlx.trainer.accelerate_ppo_trainer import AcceleratePPOTrainer

    class StockTrainer(AcceleratePPOTrainer):
        def get_arch(self, config: TRLConfig) -> nn.Module:
            from trlx.models.modeling_ppo import AutoModelForSeq2SeqLMWithValueHead

            base = open_model(Path(config.model.model_path))[0].t5
            model = AutoModelForSeq2SeqLMWithValueHead(base)
            model.forward_kwargs = list(inspect.signature(type(base).forward).parameters)
            return model

        def make_experience(self, num_rollouts: int = 1024, iter_count: int = 0) -> None:
            if not hasattr(self, "timed"):
                policy = _freely(T5Policy(self.model.base_model))
                self.clock = _clock(ground, policy, rounds, every, like_trlx=True)
                self.timed = LoopClock(self.clock)
                clocks.append(self.clock)
            self.timed.rollouts(lambda: super(StockTrainer, self).make_experience(num_rollouts, iter_count))

        def evaluate(self) -> dict[str, float]:
            return {}

    clocks: list[RoundClock] = []
    register_trainer(StockTrainer)
    _train(train, _stock_config(ground, folder, StockTrainer.__name__), ground, end=ground.end_text)
    return clocks[0]


def _stock_config(ground: Ground, folder: Path, trainer: str) -> TRLConfig:
    """The same settings under trlX's names; sampling at temperature 1 from the whole distribution."""
    from trlx.data.configs import (
        ModelConfig,
        OptimizerConfig,
        SchedulerConfig,
        TokenizerConfig,
        TrainConfig,
        TRLConfig,
    )
    from trlx.models.modeling_ppo import PPOConfig as StockPPOConfig

    ours = ground.settings
    sequences = ours.rollout.prompts_per_iteration * ours.rollout.samples_per_prompt
    steps = ours.update.epochs * ours.update.minibatches
    method = StockPPOConfig(
        name="PPOConfig",
        ppo_epochs=ours.update.epochs,
        num_rollouts=sequences,
        chunk_size=sequences,
        init_kl_coef=ours.kl.coef,
        target=None,
        horizon=ours.kl.horizon,
        gamma=ours.advantage.gamma,
        lam=ours.advantage.gae_lambda,
        cliprange=ours.loss.clip_range,
        cliprange_value=ours.loss.value_clip_range,
        vf_coef=ours.loss.value_coef,
        scale_reward=None,
        ref_mean=None,
        ref_std=None,
        cliprange_reward=10,
        gen_kwargs={"max_new_tokens": ours.rollout.terms, "do_sample": True, "top_k": 0, "top_p": 1.0},
    )
    train = TrainConfig(
        seq_length=64 + ours.rollout.terms,
        epochs=NEVER,
        total_steps=NEVER,
        batch_size=sequences // ours.update.minibatches,
        checkpoint_interval=NEVER,
        eval_interval=NEVER,
        pipeline="PromptPipeline",
        trainer=trainer,
        checkpoint_dir=str(folder),
        tracker=None,
        seed=ours.seed,
    )
    return TRLConfig(
        method=method,
        model=ModelConfig(model_path=str(ground.model), model_arch_type="seq2seq", num_layers_unfrozen=-1),
        tokenizer=TokenizerConfig(tokenizer_path=str(ground.model), padding_side="right"),
        optimizer=OptimizerConfig(name="adamw", kwargs={"lr": ours.update.learning_rate, "weight_decay": 0.0}),
        scheduler=SchedulerConfig(name="linear", kwargs={"start_factor": 0.1, "total_iters": WARMUP_ROUNDS * steps}),
        train=train,
    )


def _endless(config: TRLConfig, trainer: str) -> TRLConfig:
    """Change our configuration so that `trainer` runs until it is stopped from outside, and saves nothing."""
    config.train.trainer = trainer
    config.train.epochs = config.train.total_steps = NEVER
    config.train.eval_interval = config.train.checkpoint_interval = NEVER
    return config


def _train(train: Callable[..., object], config: TRLConfig, ground: Ground, *, end: str = "") -> None:
    """Call trlX with all prompts that are not held out for evaluation; `end` is appended to their texts."""
    records = [{**record, "prompt": record["prompt"] + end} for record in ground.records]
    n_training = len(records) - EVALUATED
    with contextlib.suppress(EndOfRun):
        train(
            reward_fn=ground.reward_fn,
            prompts=records[:n_training],
            eval_prompts=records[n_training:],
            config=config,
        )
