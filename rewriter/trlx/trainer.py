"""PPO in trlX's loop: trlX's configuration, accelerate, DeepSpeed, trackers and checkpoints with our mathematics.

Registered in trlX as `RewriterPPOTrainer`, together with the prompt pipeline `RewriterPromptPipeline`; used through
`trlx.train(...)`. Rollout, reward, advantages and loss are those of the built-in trainer (`policy/sampling.py`,
`training/ppo/experience.py`, `training/ppo/objective.py`). trlX's own PPO has defects with a T5; each has a test in
`tests/rewriter/trlx/test_trainer.py`.

trlX's loop calls a trainer in this order:

    learn              evaluates the start, then runs trlX's `learn`, which calls
      prepare_learning         the first round of experience
      create_train_dataloader  the round in parts, one per optimiser step; once per pass
      loss                     for each micro-batch of a part; trlX goes backward and steps the optimiser
      evaluate, save           at their intervals of optimiser steps
      post_epoch_callback      logs the round and makes the next one

Every process draws its share of a round's prompts with its own random numbers and asks for their rewards. Whitening,
the KL and the decision to skip a round are taken over all processes.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from trlx.data.configs import TRLConfig
from trlx.trainer import register_trainer
from trlx.trainer.accelerate_base_trainer import AccelerateRLTrainer

from untilclick.rewriter.data.environment import RewardBatch
from untilclick.rewriter.language.prompts import drop_words
from untilclick.rewriter.policy.models import open_model, save_model
from untilclick.rewriter.policy.t5 import T5Policy
from untilclick.rewriter.training import callbacks
from untilclick.rewriter.training.log import TrainingLog
from untilclick.rewriter.training.ppo import losses
from untilclick.rewriter.training.ppo.experience import (
    AdvantageEstimator,
    Experience,
    collect,
    experience_metrics,
    informative,
)
from untilclick.rewriter.training.ppo.objective import ppo_objective
from untilclick.rewriter.training.ppo.trainer import WARMUP_ROUNDS
from untilclick.rewriter.training.scored import Scored
from untilclick.rewriter.training.weights import WeightAverage
from untilclick.rewriter.trlx import checkpoint
from untilclick.rewriter.trlx import deepspeed as trlx_deepspeed
from untilclick.rewriter.trlx.best import BestFolder, mean_reward
from untilclick.rewriter.trlx.checkpoint import (
    MARKER,
    Origin,
    Progress,
    RandomNumbers,
    prompts_hash,
    rank_file,
    rng_of,
    weights_hash,
)
from untilclick.rewriter.trlx.config import course_options, ppo_config, steps_of_round
from untilclick.rewriter.trlx.learning_rates import separate
from untilclick.rewriter.trlx.processes import Processes
from untilclick.rewriter.trlx.prompts import RewriterPromptPipeline
from untilclick.rewriter.trlx.reward import TextRewards
from untilclick.rewriter.trlx.rounds import Round
from untilclick.rewriter.trlx.steps import Part, ScoringModule, split_into_steps
from untilclick.search.errors import DataError, UntilclickError

HELD_OUT = "held_out_reward"
"""Name in the log: mean reward of the averaged weights' best terms for the evaluation prompts."""


@register_trainer
class RewriterPPOTrainer(AccelerateRLTrainer):  # type: ignore[misc]
    """PPO on sequences of terms; see the module."""

    model: nn.Module
    """A `ScoringModule`, wrapped by accelerate after `_prepare`."""
    opt: Any  # Any: accelerate's wrapper of the optimiser
    scheduler: Any  # Any: accelerate's wrapper of the schedule
    mb_size: int
    """Prompts of a micro-batch in each process; trlX's name."""
    iter_count: int
    """Optimiser steps done; trlX's name."""

    def __init__(
        self,
        config: TRLConfig,
        log_folder: str | None = None,
        rounds: int | None = None,
        show: callbacks.Progress | None = None,
        **kwargs: object,
    ) -> None:
        """`log_folder` is the folder of the `TrainingLog`; None logs no rounds. `rounds` is their largest number, by
        default that of `train.total_steps` without a skipped one. `show` is called after each with the optimiser
        steps done, their total and the mean reward. `kwargs` are trlX's arguments for its trainers. Raises
        UntilclickError for sizes that do not fit and for options that it does not have, such as ZeRO stage 3, and
        ModelError for a model folder that cannot be read."""
        self.settings = ppo_config(config)
        self._steps = steps_of_round(config.method, self.settings.update.minibatches)
        self._save_best, config.train.save_best = config.train.save_best, False  # trlX forgets the best on resume
        trlx_deepspeed.start_on_cpu()
        options = course_options(config)
        # `setup_optimizer` and `setup_scheduler` fill in defaults: the caller's configuration stays as it was.
        optimizer_kwargs, scheduler_kwargs = config.optimizer.kwargs, config.scheduler.kwargs
        super().__init__(config, **kwargs)
        config.optimizer.kwargs, config.scheduler.kwargs = optimizer_kwargs, scheduler_kwargs
        self._processes = Processes(self.accelerator)
        self._open_weights(config)
        zero_stage, hashed = self._prepare(), weights_hash(self.reference)
        self._origin = Origin(self.settings, self.accelerator.num_processes, zero_stage, hashed, options)
        self.kl = losses.KLController(self.settings.kl.coef, self.settings.kl.target, self.settings.kl.horizon)
        self.progress = Progress(kl_coef=self.settings.kl.coef)
        self._seed(self.settings.seed, self.accelerator.process_index)
        self.iter_count = 0
        self.total_steps = config.train.total_steps  # less after `patience` evaluations without a new best
        self._rounds = rounds if rounds is not None else -(-config.train.total_steps // self._steps)
        self._show = show
        self._chunks: list[Experience] = []
        self._round: Round | None = None
        self._grad_norm = 0.0
        self._first: dict[str, float] | None = None
        self._results: dict[str, float] = {}
        self._held_out: float | None = None
        self._evaluated_at = -1
        self._log_folder = None if log_folder is None else Path(log_folder)
        self._log: TrainingLog | None = None

    def _open_weights(self, config: TRLConfig) -> None:
        """The reference, the average and the folder of the best weights; trlX has opened the policy."""
        device = self.accelerator.device
        self._best_folder = BestFolder(Path(config.train.checkpoint_dir), main=self.accelerator.is_main_process)
        self.reference, self.vocabulary = open_model(Path(config.model.model_path))
        self.reference.requires_grad_(False).to(device)
        self.average = WeightAverage(self._policy, self.settings.update.average_decay)
        self.average.to(device)
        samples = self.settings.rollout.samples_per_prompt * self.accelerator.num_processes
        self.mb_size = max(1, -(-config.train.batch_size // samples // self.num_mb))

    def _prepare(self) -> int:
        """Have accelerate wrap model, optimiser and schedule; returns the stage of ZeRO, 0 without DeepSpeed."""
        plugin = self.accelerator.state.deepspeed_plugin
        if self.accelerator.gradient_accumulation_steps != 1:
            raise UntilclickError(
                f"accelerate's gradient_accumulation_steps is {self.accelerator.gradient_accumulation_steps}; leave "
                "it at 1 and give train.minibatch_size"
            )
        if plugin is not None:
            trlx_deepspeed.configure(plugin, self.mb_size, self.settings.update.max_grad_norm)
        self.model, self.opt, self.scheduler = self.accelerator.prepare(self.model, self.opt, self.scheduler)
        # batch_size counts the sequences of all processes: the schedule makes one step for each of ours.
        self.scheduler.split_batches = True
        if plugin is None:
            self.opt.optimizer.register_step_pre_hook(self._clip)  # DeepSpeed clips by itself
            return 0
        return int(plugin.zero_stage)

    def _seed(self, seed: int, rank: int) -> None:
        self.generator = torch.Generator().manual_seed(seed + 1_000_003 * rank)  # draws sequences
        self.shared_rng = np.random.default_rng(seed)  # draws the order of prompts, the same in every process
        self.rng = np.random.default_rng((seed, rank))  # draws left-out words and minibatches

    # --- the interface that trlX's loop calls ---

    def get_arch(self, config: TRLConfig) -> ScoringModule:
        """The policy of the configured model folder."""
        policy = open_model(Path(config.model.model_path))[0]
        return ScoringModule(policy, distributions=self.settings.needs_distributions)

    def setup_optimizer(self) -> torch.optim.Optimizer:
        """trlX's optimiser, with learning rates of their own for memory and value head."""
        optimizer: torch.optim.Optimizer = super().setup_optimizer()
        if self.config.train.tracker == "tensorboard":  # trlX logs the betas of any optimiser, even without betas
            betas = {"betas": optimizer.defaults.get("betas", (0.0, 0.0))}
            self.config.optimizer.kwargs = betas | self.config.optimizer.kwargs
        policy, update = self._policy, self.settings.update
        if policy.memory is not None:
            separate(optimizer, list(policy.memory.parameters()), update.memory_learning_rate)
        separate(optimizer, list(policy.value_head.parameters()), update.value_learning_rate)
        return optimizer

    def setup_scheduler(self) -> torch.optim.lr_scheduler.LRScheduler:
        """trlX's schedule. By default a linear one rises over as many rounds as the built-in trainer's."""
        scheduler = self.config.scheduler
        if scheduler.name == "linear":
            scheduler.kwargs = {"start_factor": 0.1, "total_iters": WARMUP_ROUNDS * self._steps, **scheduler.kwargs}
        schedule: torch.optim.lr_scheduler.LRScheduler = super().setup_scheduler()
        return schedule

    def add_prompt_pipeline(self, pipeline: RewriterPromptPipeline) -> None:
        """Set the prompts to train on. Raises DataError for fewer prompts than processes."""
        if len(pipeline) < self.accelerator.num_processes:
            raise DataError(
                f"There are {len(pipeline)} prompts to train on for {self.accelerator.num_processes} processes; give "
                "more, or start fewer processes"
            )
        self.prompts = pipeline

    def add_eval_pipeline(self, eval_pipeline: RewriterPromptPipeline) -> None:
        """Set the prompts that decide which weights are best. Raises DataError if there are none."""
        if not len(eval_pipeline):
            raise DataError(
                "There are no prompts to evaluate on, which decide what weights are best; give eval_prompts"
            )
        super().add_eval_pipeline(eval_pipeline)

    def learn(self) -> dict[str, float]:
        """Train, or continue a training that was interrupted; returns the last evaluation.

        Training ends after `train.total_steps`, after `patience` evaluations without a new best, or after the largest
        number of rounds, skipped ones included. A finished training only evaluates."""
        self.iter_count = self.progress.step
        if self._log_folder is not None and self.accelerator.is_main_process:
            self._log = TrainingLog(self._log_folder, resume_at=self.progress.round)
        with self._log or nullcontext():
            self._first = self._evaluate() if self._due else {}
            self._end_round()
            if not self._done and self.progress.round < self._rounds:
                super().learn()
                if not self._done and self._evaluated_at != self.iter_count:
                    self._evaluate()  # with skipped rounds trlX does not reach the step of its last evaluation
                self._end_round()
        for tracker in self.accelerator.trackers:
            if tracker.name == "tensorboard" and self.accelerator.is_main_process:
                tracker.writer.flush()  # trlX does not close it
        return self._results

    @property
    def _due(self) -> bool:
        """Whether an evaluation is due at the present step."""
        step = self.iter_count
        return bool(step % self.config.train.eval_interval == 0 or step >= self.config.train.total_steps)

    @property
    def _done(self) -> bool:
        return bool(self.iter_count >= self.total_steps)

    def prepare_learning(self) -> None:
        """Set the number of rounds and make the first round of experience."""
        self.n_inner_epochs = self.settings.update.epochs
        self.config.train.epochs = self._rounds - self.progress.round
        self.make_experience(self.config.method.num_rollouts, self.progress.step)

    def create_train_dataloader(self) -> list[Part]:
        """The prompts of the round in random order, one part per optimiser step. No part crosses a chunk. Empty for a
        skipped round."""
        minibatches, total = self.settings.update.minibatches, self._processes.total_per_process
        return [
            part
            for number, chunk in enumerate(self._chunks)
            for part in split_into_steps(number, chunk, minibatches, self.rng, total)
        ]

    def loss(self, batch: Part) -> tuple[Tensor, dict[str, float]]:
        """The loss () of a micro-batch, and what trlX logs of it. Means are over the tokens of the whole optimiser
        step: micro-batches and processes weigh by their tokens, and their gradients add up to that of one batch."""
        # DeepSpeed makes its optimiser step at the last micro-batch.
        self.accelerator.sync_gradients = bool(batch.left[0] <= self.mb_size)
        rows = batch.rows[:, 1].to(self.accelerator.device)  # (n,) positions in the chunk
        part = self._chunks[int(batch.rows[0, 0])].of_prompts(rows)
        scores = self.model(part.prompts, part.rollouts)
        objective = ppo_objective(scores, part, self.settings, self.kl.coefficient)
        share = float(part.tokens.sum()) / float(batch.tokens[0])
        parts = {name: float(value.detach()) for name, value in objective.parts.items()}
        if self._round is not None:
            self._round.add(self.iter_count, parts, share)
        unused = 0.0 * scores.values.sum()  # DDP waits for a gradient of every weight; `rloo` has no value loss
        return objective.loss * share + unused, {f"losses/{name}": value for name, value in parts.items()}

    def post_backward_callback(self) -> None:
        """Called by trlX after each pass. Does nothing: the KL coefficient moves once per round."""

    def post_epoch_callback(self) -> None:
        """Called by trlX after each round: log it, and make the next round unless it was the last."""
        self._end_round()
        if self.progress.round < self._rounds:
            self.make_experience(self.config.method.num_rollouts, self.iter_count)

    # --- experience ---

    def make_experience(self, num_rollouts: int = 0, iter_count: int = 0) -> None:
        """Draw a round of `num_rollouts` sequences over all processes, in chunks. A chunk is left out if its rewards
        distinguish no samples in any process; a round without chunks is skipped."""
        start = time.perf_counter()
        self._chunks, self._held_out = [], None
        n_sequences, metrics = 0.0, []
        for _ in range(max(1, num_rollouts // self.config.method.chunk_size)):
            chunk = self._chunk()
            gain = chunk.rewards.gain
            informs = informative(gain, self.settings.rollout.samples_per_prompt)
            counts = self._processes.total(torch.tensor([float(informs), float(gain.size)])).tolist()
            metrics.append(experience_metrics(chunk))
            n_informed, n_drawn = counts
            n_sequences += n_drawn
            if n_informed > 0:
                self._chunks.append(chunk)
        self.progress.rollouts += round(n_sequences)
        experience = {name: self._processes.mean([row[name] for row in metrics]) for name in metrics[0]}
        seconds = time.perf_counter() - start
        self._round = Round(iter_count, self._steps_of(self._chunks), experience, round(n_sequences), seconds)
        logged = {f"rollouts/{name}": value for name, value in experience.items()}
        logged |= {"rollouts/kl_coef": self.kl.coefficient, "rollouts/skipped": float(self._round.skipped)}
        self.accelerator.log(logged, step=iter_count)

    def _steps_of(self, chunks: Iterable[Experience]) -> int:
        """Optimiser steps of a round with these chunks."""
        update = self.settings.update
        return update.epochs * sum(min(update.minibatches, len(chunk)) for chunk in chunks)

    def _close_round(self) -> None:
        """Once all steps of a round are done, move the averaged weights and the KL coefficient, as the built-in
        trainer does, and collect the metrics."""
        done = self._round
        if done is None or self.iter_count < min(done.start + done.length, self.total_steps):
            return
        self._round = None
        row = done.experience | {name: self._processes.mean([value]) for name, value in done.losses().items()}
        if not done.skipped:
            self.average.update_parameters(self._policy)
            self.kl.update(row["sampled_kl"], done.drawn)
            row["grad_norm"] = self._gradient_norm()
        self.progress.kl_coef = self.kl.coefficient
        self.progress.row = row | done.totals(self.kl.coefficient, self.progress.rollouts)

    def _end_round(self) -> None:
        """Log the round that was finished, if any, with the evaluation that was made during it."""
        self._close_round()
        row, self.progress.row = self.progress.row, None
        if row is None:
            return
        self.progress.round += 1
        if self._held_out is not None:
            row[HELD_OUT] = self._held_out
        if self._log is not None:
            self._log.write(self.progress.round, row)
        if self._show is not None:
            self._show(self.iter_count, self.total_steps, row["reward_mean"])

    def _chunk(self) -> Experience:
        """The experience on the next prompts of this process."""
        rows = self._next_rows()
        prompts = [drop_words(self.prompts[row], self.settings.rollout.word_dropout, self.rng) for row in rows]
        policy = self._policy.eval()
        return collect(
            policy,
            self.reference,
            policy.batch(prompts),
            lambda drawn: RewardBatch(
                self._rewards.of(self.prompts, rows, drawn),
                found_documents=getattr(self.reward_fn, "found", None),
            ),
            AdvantageEstimator(self.settings, self.kl.coefficient, self._processes.total),
            self.generator,
        )

    def _next_rows(self) -> list[int]:
        """Positions of the next prompts of this process: its share of an order that is the same in all processes."""
        world = self.accelerator.num_processes
        n = min(self.settings.rollout.prompts_per_iteration, len(self.prompts))
        n = max(world, n - n % world)  # every process gets as many
        if len(self.progress.order) < n:
            self.progress.order = tuple(self.shared_rng.permutation(len(self.prompts)).tolist())
        rows, self.progress.order = self.progress.order[:n], self.progress.order[n:]
        return list(self._processes.share(rows))

    @property
    def _rewards(self) -> TextRewards:
        return TextRewards(self.reward_fn, self.vocabulary, self.tokenizer)

    # --- evaluation, saving, loading ---

    def evaluate(self) -> dict[str, float]:
        """Mean reward of the averaged weights' best terms for the evaluation prompts. The last weights that cannot be
        told from the best are saved, and training ends after `patience` evaluations without a new best.

        trlX also calls this before its first step, after it has set its step counter to 0; `learn` has evaluated
        already, and set the counter of a resumed run."""
        first, self._first = self._first, None
        if first is None or self.iter_count > 0:  # under Ray Tune trlX does not call this before its first step
            return self._evaluate()
        self.iter_count = self.progress.step
        return first

    def _evaluate(self) -> dict[str, float]:
        self._close_round()
        with self._aside():
            score, best = self._score(), self.progress.best
            self._held_out, self._evaluated_at = score.mean, self.iter_count
            if best.takes(score, self.iter_count) and self._save_best:
                self._best_folder.keep(self.average.module, self.vocabulary, score, best)
            self.accelerator.wait_for_everyone()
        if best.stale >= self.settings.validation.patience:
            self.total_steps = self.iter_count
        self._results = {"reward/mean": score.mean, "reward/best": best.score}
        return self._results

    def _score(self) -> Scored:
        """The rewards of the evaluation prompts, those of all processes together, in the order of the prompts."""
        rewards = self._processes.together(self._greedy_rewards(), len(self.eval_pipeline))
        return Scored(mean_reward(rewards.tolist()), rewards, self.eval_pipeline.needs)

    def _greedy_rewards(self) -> list[float]:
        """Rewards of the best terms for this process's share of the evaluation prompts."""
        rollout, rows = self.settings.rollout, self._processes.share(range(len(self.eval_pipeline)))
        size = max(1, rollout.prompts_per_iteration // self.accelerator.num_processes)
        return self._rewards.of_best_terms(self.average.module, self.eval_pipeline, rows, size, rollout.terms)

    def save_pretrained(self, directory: str | None = None, **kwargs: object) -> None:
        """Write the averaged weights as a model folder: plain T5 keys, with the value head in a file of its own."""
        del kwargs
        self.accelerator.wait_for_everyone()
        if self.accelerator.is_main_process:
            with self._aside():
                folder = Path(directory or Path(self.config.train.checkpoint_dir) / "hf_model")
                folder.mkdir(parents=True, exist_ok=True)
                save_model(self.average.module, self.vocabulary, folder)
        self.accelerator.wait_for_everyone()

    def save(self, directory: str | None = None, **kwargs: object) -> None:
        """Write a checkpoint to resume from: accelerate's files and ours."""
        self._close_round()
        self.progress.step = self.iter_count
        with self._aside():
            self._save(Path(directory or self.config.train.checkpoint_dir), **kwargs)

    def _save(self, folder: Path, **kwargs: object) -> None:
        if self.accelerator.is_main_process:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / MARKER).unlink(missing_ok=True)  # from here on the old checkpoint is incomplete
        self.accelerator.wait_for_everyone()
        # Not as safetensors, which refuses tied weights.
        self.accelerator.save_state(str(folder), safe_serialization=False, **kwargs)
        checkpoint.write(self._random_numbers.states(), rank_file(folder, self.accelerator.process_index))
        self.accelerator.wait_for_everyone()
        if self.accelerator.is_main_process:
            shared = {
                **self._present_origin().content(),
                "progress": self.progress.content(),
                "shared_rng": self.shared_rng.bit_generator.state,
                "averaged": self.average.module.state_dict(),
            }
            checkpoint.write(shared, folder / MARKER)
        self.accelerator.wait_for_everyone()

    def load(self, directory: str | None = None, **kwargs: object) -> None:
        """Continue from a checkpoint. Raises ModelError for one that cannot be read, or that has other settings,
        prompts, warm start, number of processes or stage of ZeRO; the trainer must not be used afterwards."""
        folder = Path(directory or self.config.train.checkpoint_dir)
        with checkpoint.damage_named(folder):
            shared = checkpoint.read(folder / MARKER)
            self._present_origin().check(folder, shared)
            states = checkpoint.read(rank_file(folder, self.accelerator.process_index))
            where = {} if self._origin.zero_stage else {"map_location": "cpu"}  # DeepSpeed takes no such argument
            self.accelerator.load_state(str(folder), **{**where, **kwargs})
            self.progress = Progress.of(shared["progress"])
            self.shared_rng.bit_generator.state = shared["shared_rng"]
            self.average.module.load_state_dict(shared["averaged"])
            self._random_numbers.restore(states)
        self.kl.coefficient = self.progress.kl_coef
        saved, best = self._best_folder.read(self._processes), self.progress.best
        if self._save_best and saved.reward < best.score:  # the folder holds neither the best weights nor better ones
            best.score, best.step, best.values = saved.reward, saved.step, None

    @property
    def _random_numbers(self) -> RandomNumbers:
        return RandomNumbers(self.generator, self.rng, rng_of(self.reward_fn))

    def _present_origin(self) -> Origin:
        """The properties that a checkpoint of this run and a run that resumes it must share, with the prompts."""
        return replace(self._origin, prompts=prompts_hash(self.prompts.prompts, self.eval_pipeline.prompts))

    # --- small parts ---

    @property
    def _policy(self) -> T5Policy:
        """The policy without accelerate's wrappers."""
        module = self.accelerator.unwrap_model(self.model)
        assert isinstance(module, ScoringModule)
        return module.policy

    def _aside(self) -> AbstractContextManager[None]:
        """A block whose time does not count as update time of the round."""
        return nullcontext() if self._round is None else self._round.set_aside()

    def _clip(self, *_: object) -> None:
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.update.max_grad_norm)
        self._grad_norm = float(norm)

    def _gradient_norm(self) -> float:
        """Norm of the last step's gradient before clipping."""
        engine: Any = self.model  # Any: DeepSpeed's engine, which has no types
        return float(engine.get_global_grad_norm()) if self._origin.zero_stage else self._grad_norm
