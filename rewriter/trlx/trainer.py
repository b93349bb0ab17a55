"""PPO in trlX's loop: its configuration, accelerate, DeepSpeed, trackers and checkpoints, our mathematics.

Registered in trlX as `RewriterPPOTrainer`, with the prompts' pipeline `RewriterPromptPipeline`; used through
`trlx.train(...)`. Rollout, reward, advantages and loss are those of the built-in trainer (`policy/sampling.py`,
`training/ppo/experience.py`, `training/ppo/objective.py`). What trlX's own PPO does to a T5 that this does not is
tested in `tests/rewriter/trlx/test_trainer.py`, one test a defect.

Every process draws its own share of a round's prompts with random numbers of its own and asks for their rewards
itself; whitening, the KL and the decision to skip a round are taken over all of them.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
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
from untilclick.rewriter.policy.sampling import sample
from untilclick.rewriter.policy.t5 import T5Policy
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
from untilclick.rewriter.training.weights import WeightAverage
from untilclick.rewriter.trlx import checkpoint
from untilclick.rewriter.trlx import deepspeed as trlx_deepspeed
from untilclick.rewriter.trlx.best import BestFolder, Evaluation
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
from untilclick.rewriter.trlx.processes import Processes
from untilclick.rewriter.trlx.prompts import RewriterPromptPipeline
from untilclick.rewriter.trlx.rounds import Round
from untilclick.rewriter.trlx.steps import Part, ScoringModule, cut
from untilclick.search.errors import DataError, UntilclickError

HELD_OUT = "held_out_reward"
"""Mean reward of the averaged weights' best terms for the evaluation prompts, as logged."""


@register_trainer
class RewriterPPOTrainer(AccelerateRLTrainer):  # type: ignore[misc]
    """PPO on term sequences; see the module."""

    model: nn.Module
    """A `ScoringModule`, wrapped by accelerate once prepared."""
    opt: Any  # Any: accelerate's wrapper of the optimiser
    scheduler: Any  # Any: accelerate's wrapper of the schedule
    mb_size: int
    """Prompts of a micro-batch."""
    iter_count: int
    """Optimiser steps done; trlX's counter."""

    def __init__(self, config: TRLConfig, log_folder: str | None = None, **kwargs: object) -> None:
        """`log_folder`: where the metrics of each round go, as `TrainingLog` writes them; None writes none. The rest
        is whatever trlX passes to its trainers. Raises UntilclickError for sizes that do not fit, for options that
        this trainer does not have and for ZeRO stage 3, ModelError for a model folder that cannot be read."""
        self.settings = ppo_config(config)
        self._steps = steps_of_round(config.method, self.settings.update.minibatches)
        self._save_best, config.train.save_best = config.train.save_best, False  # trlX forgets the best on resume
        trlx_deepspeed.start_on_cpu()
        options, given = course_options(config), (config.optimizer.kwargs, config.scheduler.kwargs)
        super().__init__(config, **kwargs)
        config.optimizer.kwargs, config.scheduler.kwargs = given
        self._processes = Processes(self.accelerator)
        self._best_folder = BestFolder(Path(config.train.checkpoint_dir), main=self.accelerator.is_main_process)
        self._log_folder = None if log_folder is None else Path(log_folder)
        start = Path(config.model.model_path)
        self.reference, self.vocabulary = open_model(start)
        self.reference.requires_grad_(False).to(self.accelerator.device)
        self.average = WeightAverage(self._policy, self.settings.update.average_decay)
        self.average.to(self.accelerator.device)
        own = self.settings.rollout.samples_per_prompt * self.accelerator.num_processes
        self.mb_size = max(1, -(-config.train.batch_size // own // self.num_mb))
        zero_stage = self._prepare()
        hashed = weights_hash(self.reference)
        self._origin = Origin(self.settings, self.accelerator.num_processes, zero_stage, hashed, options)
        self.kl = losses.KLController(self.settings.kl.coef, self.settings.kl.target, self.settings.kl.horizon)
        self.progress = Progress(kl_coef=self.settings.kl.coef)
        seed, rank = self.settings.seed, self.accelerator.process_index
        self.generator = torch.Generator().manual_seed(seed + 1_000_003 * rank)
        self.shared_rng = np.random.default_rng(seed)  # the same in every process: which prompts
        self.rng = np.random.default_rng((seed, rank))
        self.iter_count = 0
        self.total_steps = config.train.total_steps
        self._chunks: list[Experience] = []
        self._rounds = -(-config.train.total_steps // self._steps)
        self._round: Round | None = None
        self._grad_norm = 0.0
        self._first: dict[str, float] | None = None
        self._results: dict[str, float] = {}
        self._held_out: float | None = None
        self._evaluated_at = -1
        self._log: TrainingLog | None = None

    def _prepare(self) -> int:
        """Have accelerate wrap model, optimiser and schedule; returns the stage of ZeRO."""
        plugin = self.accelerator.state.deepspeed_plugin
        if self.accelerator.gradient_accumulation_steps != 1:
            raise UntilclickError(
                f"accelerate's gradient_accumulation_steps is {self.accelerator.gradient_accumulation_steps}; leave "
                "it at 1 and give train.minibatch_size"
            )
        if plugin is not None:
            trlx_deepspeed.configure(plugin, self.mb_size, self.settings.update.max_grad_norm)
        self.model, self.opt, self.scheduler = self.accelerator.prepare(self.model, self.opt, self.scheduler)
        self.scheduler.split_batches = (
            True  # batch_size is of all processes: one step of the schedule for each of ours
        )
        if plugin is None:
            self.opt.optimizer.register_step_pre_hook(self._clip)
            return 0
        return int(plugin.zero_stage)

    # --- what trlX asks of a trainer ---

    def get_arch(self, config: TRLConfig) -> ScoringModule:
        """The policy of the configured model folder."""
        policy = open_model(Path(config.model.model_path))[0]
        return ScoringModule(policy, distributions=self.settings.needs_distributions)

    def setup_optimizer(self) -> torch.optim.Optimizer:
        """trlX's optimiser, memory and value head at learning rates of their own."""
        optimizer: torch.optim.Optimizer = super().setup_optimizer()
        if self.config.train.tracker == "tensorboard":  # trlX wants to log them, of optimisers without as well
            betas = {"betas": optimizer.defaults.get("betas", (0.0, 0.0))}
            self.config.optimizer.kwargs = betas | self.config.optimizer.kwargs
        policy, settings = self._policy, self.settings
        memory = [] if policy.memory is None else list(policy.memory.parameters())
        head = list(policy.value_head.parameters())
        known = {id(weight) for weight in (*memory, *head)}
        own = optimizer.param_groups[0]
        own["params"] = [weight for weight in own["params"] if id(weight) not in known]
        if memory:
            optimizer.add_param_group({"params": memory, "lr": settings.update.memory_learning_rate})
        optimizer.add_param_group({"params": head, "lr": settings.update.value_learning_rate})
        return optimizer

    def setup_scheduler(self) -> torch.optim.lr_scheduler.LRScheduler:
        """trlX's schedule; a linear one rises over as many rounds as the built-in trainer's unless told otherwise."""
        scheduler = self.config.scheduler
        if scheduler.name == "linear":
            scheduler.kwargs = {"start_factor": 0.1, "total_iters": WARMUP_ROUNDS * self._steps, **scheduler.kwargs}
        made: torch.optim.lr_scheduler.LRScheduler = super().setup_scheduler()
        return made

    def add_prompt_pipeline(self, pipeline: RewriterPromptPipeline) -> None:
        """The prompts to train on. Raises DataError for fewer than one a process."""
        if len(pipeline) < self.accelerator.num_processes:
            raise DataError(
                f"There are {len(pipeline)} prompts to train on for {self.accelerator.num_processes} processes; give "
                "more, or start fewer processes"
            )
        self.prompts = pipeline

    def add_eval_pipeline(self, eval_pipeline: RewriterPromptPipeline) -> None:
        """The prompts that say which weights are best. Raises DataError where there are none."""
        if not len(eval_pipeline):
            raise DataError("There are no prompts to evaluate on, which say what weights are kept; give eval_prompts")
        super().add_eval_pipeline(eval_pipeline)

    def learn(self) -> dict[str, float]:
        """Train, or go on with a training; returns the last evaluation. What is finished already is not trained on.

        `train.total_steps` decides when training ends, or `patience` evaluations without a new best, or as many
        rounds as `total_steps` come to, where some of them were skipped."""
        self.iter_count = self.progress.step
        if self._log_folder is not None and self.accelerator.is_main_process:
            self._log = TrainingLog(self._log_folder, resume_at=self.progress.round)
        with self._log or nullcontext():
            self._first = self._evaluate() if self._due else {}
            self._end_round()
            if not self._done and self.progress.round < self._rounds:
                super().learn()
                if not self._done and self._evaluated_at != self.iter_count:
                    self._evaluate()  # rounds were skipped: trlX has not come to the step at which it evaluates
                self._end_round()
        for tracker in self.accelerator.trackers:
            if tracker.name == "tensorboard" and self.accelerator.is_main_process:
                tracker.writer.flush()  # nobody closes it
        return self._results

    @property
    def _due(self) -> bool:
        """Whether this step is one of those that are evaluated."""
        done = self.iter_count
        return bool(done % self.config.train.eval_interval == 0 or done >= self.config.train.total_steps)

    @property
    def _done(self) -> bool:
        return bool(self.iter_count >= self.total_steps)

    def prepare_learning(self) -> None:
        """First round of experience; how many rounds there are."""
        self.n_inner_epochs = self.settings.update.epochs
        self.config.train.epochs = self._rounds - self.progress.round
        self.make_experience(self.config.method.num_rollouts, self.progress.step)

    def create_train_dataloader(self) -> list[Part]:
        """The round's prompts in random order, one part per optimiser step. No part crosses a chunk; an empty list
        when the round was skipped."""
        steps, total = self.settings.update.minibatches, self._processes.total_per_process
        chunks = enumerate(self._chunks)
        return [part for number, chunk in chunks for part in cut(number, chunk, steps, self.rng, total)]

    def loss(self, batch: Part) -> tuple[Tensor, dict[str, float]]:
        """The loss of a micro-batch. Means are over the tokens of the whole optimiser step: micro-batches and
        processes weigh by theirs, and their gradients add up to that of one batch."""
        self.accelerator.sync_gradients = bool(batch.left[0] <= self.mb_size)  # DeepSpeed steps at the last of them
        rows = batch.rows[:, 1].to(self.accelerator.device)
        part = self._chunks[int(batch.rows[0, 0])].of_prompts(rows)
        scores = self.model(part.prompts, part.rollouts)
        objective = ppo_objective(scores, part, self.settings, self.kl.coefficient)
        share = float(part.tokens.sum()) / float(batch.tokens[0])
        parts = {name: float(value.detach()) for name, value in objective.parts.items()}
        if self._round is not None:
            self._round.add(self.iter_count, parts, share)
        unused = 0.0 * scores.values.sum()  # DDP waits for the gradient of every weight, with `rloo` as well
        return objective.loss * share + unused, {f"losses/{name}": value for name, value in parts.items()}

    def post_backward_callback(self) -> None:
        """After each pass over a round: nothing; the KL coefficient moves once a round."""

    def post_epoch_callback(self) -> None:
        """The next round, if there is one to come."""
        self._end_round()
        if self.progress.round < self._rounds:
            self.make_experience(self.config.method.num_rollouts, self.iter_count)

    # --- experience ---

    def make_experience(self, num_rollouts: int = 0, iter_count: int = 0) -> None:
        """A round of `num_rollouts` sequences over all processes. Chunks whose rewards say nothing are left out."""
        began = time.perf_counter()
        self._chunks, self._held_out = [], None
        drawn, metrics = 0.0, []
        for _ in range(max(1, num_rollouts // self.config.method.chunk_size)):
            chunk = self._chunk()
            gain = chunk.rewards.gain
            worth = torch.tensor(
                [float(informative(gain, self.settings.rollout.samples_per_prompt)), float(gain.size)]
            )
            told, sequences = self._processes.total(worth).tolist()
            drawn += sequences
            metrics.append(experience_metrics(chunk))
            if told > 0:
                self._chunks.append(chunk)
        self.progress.rollouts += round(drawn)
        rolled = {name: self._processes.mean([one[name] for one in metrics]) for name in metrics[0]}
        steps = self.settings.update.epochs * sum(
            min(self.settings.update.minibatches, len(chunk)) for chunk in self._chunks
        )
        self._round = Round(iter_count, steps, rolled, round(drawn), time.perf_counter() - began)
        logged = {f"rollouts/{name}": value for name, value in rolled.items()}
        logged |= {"rollouts/kl_coef": self.kl.coefficient, "rollouts/skipped": float(self._round.skipped)}
        self.accelerator.log(logged, step=iter_count)

    def _close_round(self) -> None:
        """Once all steps of a round are done: the averaged weights and the KL coefficient move, as after a round of
        the built-in trainer, and its metrics are ready to be logged."""
        done = self._round
        if done is None or self.iter_count < min(done.start + done.length, self.total_steps):
            return
        self._round = None
        row = done.rolled | {name: self._processes.mean([value]) for name, value in done.losses().items()}
        if not done.skipped:
            self.average.update_parameters(self._policy)
            self.kl.update(row["sampled_kl"], done.drawn)
            row["grad_norm"] = self._gradient_norm()
        self.progress.kl_coef = self.kl.coefficient
        self.progress.row = row | {
            "skipped": float(done.skipped),
            "kl_coef": self.kl.coefficient,
            "rollouts": float(self.progress.rollouts),
            "rollout_seconds": done.rollout_seconds,
            "update_seconds": done.seconds(),
        }

    def _end_round(self) -> None:
        """Log the round that is done, if one is, with the evaluation that fell into it."""
        self._close_round()
        row, self.progress.row = self.progress.row, None
        if row is None:
            return
        self.progress.round += 1
        if self._held_out is not None:
            row[HELD_OUT] = self._held_out
        if self._log is not None:
            self._log.write(self.progress.round, row)

    def _chunk(self) -> Experience:
        rows = self._next_rows()
        seen = [drop_words(self.prompts[row], self.settings.rollout.word_dropout, self.rng) for row in rows]
        policy = self._policy.eval()
        return collect(
            policy,
            self.reference,
            policy.batch(seen),
            lambda drawn: RewardBatch(
                self._rewards(self.prompts, rows, drawn.ids, drawn.terms),
                found=getattr(self.reward_fn, "found", None),
            ),
            AdvantageEstimator(self.settings, self.kl.coefficient, self._processes.total),
            self.generator,
        )

    def _next_rows(self) -> list[int]:
        """The share of this process of the next prompts; all processes draw the same order."""
        world, rank = self.accelerator.num_processes, self.accelerator.process_index
        n = min(self.settings.rollout.prompts_per_iteration, len(self.prompts))
        n = max(world, n - n % world)
        if len(self.progress.order) < n:
            self.progress.order = tuple(self.shared_rng.permutation(len(self.prompts)).tolist())
        rows, self.progress.order = self.progress.order[:n], self.progress.order[n:]
        return list(rows[rank::world])

    def _rewards(
        self, pipeline: RewriterPromptPipeline, rows: Sequence[int], ids: Tensor, terms: Tensor
    ) -> np.ndarray:
        """(N,) what trlX's `reward_fn` pays, told the texts without end tokens and each prompt's text and metadata as
        the caller gave them."""
        group = ids.shape[0] // len(rows)
        repeated = [row for row in rows for _ in range(group)]
        outputs = [self.vocabulary.text(one[real].tolist()) for one, real in zip(ids.cpu(), terms.cpu(), strict=True)]
        prompts, metadata = pipeline.told(repeated)
        samples = [f"{prompt} {output}" for prompt, output in zip(prompts, outputs, strict=True)]
        paid = self.reward_fn(samples=samples, prompts=prompts, outputs=outputs, tokenizer=self.tokenizer, **metadata)
        return np.asarray(paid, dtype=np.float64)

    # --- evaluation, saving, loading ---

    def evaluate(self) -> dict[str, float]:
        """Mean reward of the averaged weights' best terms for the evaluation prompts; the best weights are saved,
        and training ends after `patience` evaluations without a new best.

        trlX asks before its first step as well, after setting its step counter to 0: `learn` knows the answer.
        """
        known, self._first = self._first, None
        if known is None or self.iter_count > 0:  # under Ray Tune trlX does not ask
            return self._evaluate()
        self.iter_count = self.progress.step
        return known

    def _evaluate(self) -> dict[str, float]:
        self._close_round()
        with self._aside():
            mean = self._processes.mean(self._greedy_rewards())
            self._held_out, self._evaluated_at = mean, self.iter_count
            if self.progress.best.offer(mean, self.iter_count):
                if self._save_best:
                    self._best_folder.keep(self.average.module, self.vocabulary, Evaluation(mean, self.iter_count))
                self.accelerator.wait_for_everyone()
        if self.progress.best.stale >= self.settings.validation.patience:
            self.total_steps = self.iter_count
        self._results = {"reward/mean": mean, "reward/best": self.progress.best.score}
        return self._results

    def _greedy_rewards(self) -> list[float]:
        """Rewards of this process's share of the evaluation prompts, as many at a time as a round has."""
        world, policy = self.accelerator.num_processes, self.average.module
        rows = range(self.accelerator.process_index, len(self.eval_pipeline), world)
        size = max(1, self.settings.rollout.prompts_per_iteration // world)
        earned: list[float] = []
        for first in range(0, len(rows), size):
            some = rows[first : first + size]
            batch = policy.batch([self.eval_pipeline[row] for row in some])
            drawn = sample(policy, batch, 1, self.settings.rollout.terms, None)
            earned += self._rewards(self.eval_pipeline, some, drawn.ids, drawn.terms).tolist()
        return earned

    def save_pretrained(self, directory: str | None = None, **kwargs: object) -> None:
        """Write the averaged weights as a model folder: plain T5 keys, the value head beside them."""
        del kwargs
        self.accelerator.wait_for_everyone()
        if self.accelerator.is_main_process:
            with self._aside():
                folder = Path(directory or Path(self.config.train.checkpoint_dir) / "hf_model")
                folder.mkdir(parents=True, exist_ok=True)
                save_model(self.average.module, self.vocabulary, folder)
        self.accelerator.wait_for_everyone()

    def save(self, directory: str | None = None, **kwargs: object) -> None:
        """A checkpoint to resume from: accelerate's, and what it does not know of."""
        self._close_round()
        self.progress.step = self.iter_count
        with self._aside():
            self._save(Path(directory or self.config.train.checkpoint_dir), **kwargs)

    def _save(self, folder: Path, **kwargs: object) -> None:
        if self.accelerator.is_main_process:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / MARKER).unlink(missing_ok=True)
        self.accelerator.wait_for_everyone()
        self.accelerator.save_state(str(folder), safe_serialization=False, **kwargs)  # tied weights: no safetensors
        checkpoint.write(self._own_numbers.states(), rank_file(folder, self.accelerator.process_index))
        self.accelerator.wait_for_everyone()
        if self.accelerator.is_main_process:
            shared = {
                **self._present().content(),
                "progress": self.progress.content(),
                "shared_rng": self.shared_rng.bit_generator.state,
                "averaged": self.average.module.state_dict(),
            }
            checkpoint.write(shared, folder / MARKER)
        self.accelerator.wait_for_everyone()

    def load(self, directory: str | None = None, **kwargs: object) -> None:
        """Continue from a checkpoint. Raises ModelError for one that cannot be read, or of other settings or prompts,
        another warm start, another number of processes or another stage of ZeRO; the trainer is then of no more
        use."""
        folder = Path(directory or self.config.train.checkpoint_dir)
        with checkpoint.damage_named(folder):
            shared = checkpoint.read(folder / MARKER)
            self._present().check(folder, shared)
            own = checkpoint.read(rank_file(folder, self.accelerator.process_index))
            where = {} if self._origin.zero_stage else {"map_location": "cpu"}  # DeepSpeed has its own ways
            self.accelerator.load_state(str(folder), **{**where, **kwargs})
            self.progress = Progress.of(shared["progress"])
            self.shared_rng.bit_generator.state = shared["shared_rng"]
            self.average.module.load_state_dict(shared["averaged"])
            self._own_numbers.restore(own)
        self.kl.coefficient = self.progress.kl_coef
        saved, best = self._best_folder.found(self._processes), self.progress.best
        if self._save_best and saved.reward < best.score:  # neither its weights nor better ones are there
            best.score, best.step = saved

    @property
    def _own_numbers(self) -> RandomNumbers:
        return RandomNumbers(self.generator, self.rng, rng_of(self.reward_fn))

    def _present(self) -> Origin:
        """What a checkpoint of this run shares with it, the prompts included."""
        return replace(self._origin, prompts=prompts_hash(self.prompts.prompts, self.eval_pipeline.prompts))

    # --- small parts ---

    @property
    def _policy(self) -> T5Policy:
        """The policy without what accelerate wraps around it."""
        module = self.accelerator.unwrap_model(self.model)
        assert isinstance(module, ScoringModule)
        return module.policy

    def _aside(self) -> AbstractContextManager[None]:
        """A block whose time is no part of the round's updates."""
        return nullcontext() if self._round is None else self._round.set_aside()

    def _clip(self, *_: object) -> None:
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.update.max_grad_norm)
        self._grad_norm = float(norm)

    def _gradient_norm(self) -> float:
        """Norm of the last step's gradient before clipping."""
        engine: Any = self.model  # Any: DeepSpeed's engine, untyped
        return float(engine.get_global_grad_norm()) if self._origin.zero_stage else self._grad_norm
