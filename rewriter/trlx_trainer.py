"""PPO in trlX's loop: its configuration, accelerate, DeepSpeed, trackers and checkpoints, our mathematics.

Registered in trlX as `RewriterPPOTrainer`, with the prompts' pipeline `RewriterPromptPipeline`; used through
`trlx.train(...)`. Rollout, reward, advantages and loss are those of the built-in trainer (`rollout.py`,
`experience.py`, `objective.py`). What trlX's own PPO does to a T5 that this does not is tested in
`tests/rewriter/test_trlx_trainer.py`, one test a defect.

Every process draws its own share of a round's prompts with random numbers of its own and asks for their rewards
itself; whitening, the KL and the decision to skip a round are taken over all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase
from trlx.data.configs import TRLConfig
from trlx.pipeline import BasePipeline, register_datapipeline
from trlx.trainer import register_trainer
from trlx.trainer.accelerate_base_trainer import AccelerateRLTrainer

from rewriter import ppo
from rewriter.model_folder import open_model, save_model
from rewriter.environment import RewardBatch
from rewriter.experience import AdvantageEstimator, Experience, collect, experience_metrics, informative
from rewriter.objective import ppo_objective
from rewriter.policy import PromptBatch, T5Policy
from rewriter.prompts import Prompt, drop_words
from rewriter.rollout import sample, score
from rewriter.sequences import Rollouts, Scores
from rewriter.trlx_config import ppo_config
from rewriter.vocabulary import EOS_ID
from rewriter.weight_average import WeightAverage
from search.errors import ModelError, UntilclickError

_PROGRESS = "untilclick.pt"
_AVERAGED = "averaged.pt"
BEST_FOLDER = "best_checkpoint"
"""Beneath the checkpoint folder: the weights of the best evaluation, as a model folder."""


@register_datapipeline
class RewriterPromptPipeline(BasePipeline):  # type: ignore[misc]
    """Prompts with their metadata. trlX's own takes the texts out of the caller's dictionaries."""

    def __init__(
        self,
        prompts: Sequence[str | Mapping[str, Any]],  # Any: metadata is passed on to the reward as it is
        max_prompt_length: int,
        tokenizer: PreTrainedTokenizerBase,
        add_special_tokens: bool = False,
    ) -> None:
        super().__init__()
        del add_special_tokens
        records = [{"prompt": one} if isinstance(one, str) else dict(one) for one in prompts]
        self.prompts = [_read_prompt(one, max_prompt_length, tokenizer) for one in records]
        self.texts = [one["prompt"] for one in records]
        kept = [{key: value for key, value in one.items() if key not in ("prompt", "query_terms")} for one in records]
        self.metadata = kept

    def __len__(self) -> int:
        """Number of prompts."""
        return len(self.prompts)

    def __getitem__(self, index: int) -> Prompt:
        """One prompt."""
        return self.prompts[index]


def _read_prompt(record: Mapping[str, Any], longest: int, tokenizer: PreTrainedTokenizerBase) -> Prompt:
    ids = tokenizer(record["prompt"], add_special_tokens=False)["input_ids"][: longest - 1]
    own = tokenizer(record.get("query_terms", ""), add_special_tokens=False)["input_ids"]
    return Prompt((*ids, EOS_ID), tuple(own))


class ScoringModule(nn.Module):
    """What accelerate prepares: its `forward` is the scoring of rollouts, so that gradients are exchanged there."""

    def __init__(self, policy: T5Policy, *, distributions: bool = True) -> None:
        super().__init__()
        self.policy = policy
        self._distributions = distributions

    @property
    def base_model(self) -> nn.Module:
        """The T5, as trlX calls it."""
        return self.policy.t5

    def forward(self, prompts: PromptBatch, rollouts: Rollouts) -> Scores:
        """The sequences under the present weights."""
        return score(self.policy, prompts, rollouts, distributions=self._distributions)


@dataclass
class Part:
    """Some prompts of a round for one optimiser step. trlX cuts it into micro-batches by slicing its fields."""

    rows: Tensor
    """(n, 2) chunk, and prompt within the chunk."""
    tokens: Tensor
    """(n,) real tokens of the whole optimiser step, of all processes, per process."""


@dataclass
class Progress:
    """What a resumed run continues from, besides what accelerate keeps."""

    step: int = 0
    rollouts: int = 0
    best: float = -float("inf")
    kl_coef: float = 0.0
    kl_due: float | None = None
    """KL per sequence of the last round, whose effect on the coefficient is still to come."""
    order: tuple[int, ...] = ()
    """Prompts of the present pass that are still to come."""


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

    def __init__(self, config: TRLConfig, **kwargs: object) -> None:
        """`kwargs` is whatever trlX passes to its trainers. Raises UntilclickError for sizes that do not fit."""
        self.settings = ppo_config(config)
        self._save_best, config.train.save_best = config.train.save_best, False  # trlX forgets the best on resume
        super().__init__(config, **kwargs)
        plugin = self.accelerator.state.deepspeed_plugin
        if plugin is not None and plugin.zero_stage == 3:
            raise UntilclickError("ZeRO stage 3 cuts up weights that every process samples from; use stage 1 or 2")
        self.vocabulary = open_model(Path(config.model.model_path))[1]
        own = self.settings.samples_per_prompt * self.accelerator.num_processes
        self._step_prompts = max(1, config.train.batch_size // own)
        self.mb_size = -(-self._step_prompts // self.num_mb)
        self.reference = open_model(Path(config.model.model_path))[0].requires_grad_(False)
        self.reference.to(self.accelerator.device)
        self.average = WeightAverage(self._policy, self.settings.average_decay)
        self.average.policy.to(self.accelerator.device)
        self.model, self.opt, self.scheduler = self.accelerator.prepare(self.model, self.opt, self.scheduler)
        if plugin is None:  # DeepSpeed clips itself, by its own configuration
            self.opt.optimizer.register_step_pre_hook(self._clip)
        self.kl = ppo.KLController(self.settings.kl_coef, self.settings.kl_target, self.settings.kl_horizon)
        self.progress = Progress(kl_coef=self.settings.kl_coef)
        rank = self.accelerator.process_index
        self.generator = torch.Generator().manual_seed(self.settings.seed + 1_000_003 * rank)
        self.shared_rng = np.random.default_rng(self.settings.seed)  # the same in every process: which prompts
        self.rng = np.random.default_rng((self.settings.seed, rank))
        self._chunks: list[Experience] = []
        self._round_start, self._followed = 0, False

    # --- what trlX asks of a trainer ---

    def get_arch(self, config: TRLConfig) -> ScoringModule:
        """The policy of the configured model folder."""
        policy = open_model(Path(config.model.model_path))[0]
        return ScoringModule(policy, distributions=self.settings.needs_distributions)

    def setup_optimizer(self) -> torch.optim.Optimizer:
        """trlX's optimiser, the value head at its own learning rate."""
        optimizer: torch.optim.Optimizer = super().setup_optimizer()
        head = list(self._policy.value_head.parameters())
        known = {id(weight) for weight in head}
        own = optimizer.param_groups[0]
        own["params"] = [weight for weight in own["params"] if id(weight) not in known]
        optimizer.add_param_group({"params": head, "lr": self.settings.value_learning_rate})
        return optimizer

    def add_prompt_pipeline(self, pipeline: RewriterPromptPipeline) -> None:
        """The prompts to train on."""
        self.prompts = pipeline

    def prepare_learning(self) -> None:
        """First round of experience; how many steps there are."""
        self.n_inner_epochs = self.settings.epochs
        self.total_steps = self.config.train.total_steps
        self.make_experience(self.config.method.num_rollouts)

    def create_train_dataloader(self) -> list[Part]:
        """The round's prompts in random order, one part per optimiser step. No part crosses a chunk; an empty list
        when the round was skipped."""
        parts = []
        for number, chunk in enumerate(self._chunks):
            order = torch.from_numpy(self.rng.permutation(len(chunk)))
            for rows in torch.split(order, max(1, self._step_prompts)):
                tokens = self._total(chunk.tokens.cpu()[rows].sum().float()) / self.accelerator.num_processes
                pairs = torch.stack([torch.full_like(rows, number), rows], dim=1)
                parts.append(Part(pairs, tokens.expand(rows.numel())))
        return parts

    def loss(self, batch: Part) -> tuple[Tensor, dict[str, float]]:
        """The loss of a micro-batch. Means are over the tokens of the whole optimiser step: micro-batches and
        processes weigh by theirs, and their gradients add up to that of one batch."""
        rows = batch.rows[:, 1].to(self.accelerator.device)
        part = self._chunks[int(batch.rows[0, 0])].of_prompts(rows)
        scores = self.model(part.prompts, part.rollouts)
        objective = ppo_objective(scores, part, self.settings, self.kl.coefficient)
        share = float(part.tokens.sum()) / float(batch.tokens[0])
        if self.accelerator.state.deepspeed_plugin is not None:  # which divides by the number of micro-batches
            share *= self.num_mb
        stats = {f"losses/{name}": float(value.detach()) for name, value in objective.parts.items()}
        unused = 0.0 * scores.values.sum()  # DDP waits for the gradient of every weight, with `rloo` as well
        return objective.loss * share + unused, stats

    def post_backward_callback(self) -> None:
        """After each pass over a round: nothing; the KL coefficient moves once a round."""

    def post_epoch_callback(self) -> None:
        """The next round."""
        self._follow()
        self.make_experience(self.config.method.num_rollouts, self.iter_count)

    # --- experience ---

    def make_experience(self, num_rollouts: int = 0, iter_count: int = 0) -> None:
        """A round of `num_rollouts` sequences over all processes. Chunks whose rewards say nothing are left out."""
        if self.progress.kl_due is not None:
            self.kl.update(self.progress.kl_due, num_rollouts)
        self._chunks, self._followed = [], False
        self._round_start = max(iter_count, self.progress.step)
        metrics: list[dict[str, float]] = []
        for _ in range(max(1, num_rollouts // self.config.method.chunk_size)):
            chunk = self._chunk()
            gains = torch.tensor(float(informative(chunk.rewards.gain, self.settings.samples_per_prompt)))
            metrics.append(experience_metrics(chunk))
            if float(self._total(gains)) > 0:
                self._chunks.append(chunk)
        self.progress.rollouts += num_rollouts
        logged = {f"rollouts/{name}": self._mean([one[name] for one in metrics]) for name in metrics[0]}
        logged |= {"rollouts/kl_coef": self.kl.coefficient, "rollouts/skipped": float(not self._chunks)}
        self.progress.kl_due = logged["rollouts/sampled_kl"] if self._chunks else None
        self.progress.kl_coef = self.kl.coefficient
        self.accelerator.log(logged, step=iter_count)

    def _chunk(self) -> Experience:
        rows = self._next_rows()
        seen = [drop_words(self.prompts[row], self.settings.word_dropout, self.rng) for row in rows]
        policy = self._policy.eval()
        return collect(
            policy,
            self.reference,
            policy.batch(seen),
            lambda drawn: RewardBatch(self._rewards(rows, drawn.ids, drawn.terms)),
            AdvantageEstimator(self.settings, self.kl.coefficient, self._total),
            self.generator,
        )

    def _next_rows(self) -> list[int]:
        """The share of this process of the next prompts; all processes draw the same order."""
        world, rank = self.accelerator.num_processes, self.accelerator.process_index
        n = min(self.settings.prompts_per_iteration, len(self.prompts))
        n = max(world, n - n % world)
        if len(self.progress.order) < n:
            self.progress.order = tuple(self.shared_rng.permutation(len(self.prompts)).tolist())
        rows, self.progress.order = self.progress.order[:n], self.progress.order[n:]
        return list(rows[rank::world])

    def _rewards(self, rows: Sequence[int], ids: Tensor, terms: Tensor) -> np.ndarray:
        """(N,) what trlX's `reward_fn` pays, told the texts without end tokens and each prompt's metadata."""
        group = ids.shape[0] // len(rows)
        repeated = [row for row in rows for _ in range(group)]
        outputs = [self.vocabulary.text(one[real].tolist()) for one, real in zip(ids.cpu(), terms.cpu(), strict=True)]
        prompts = [self.prompts.texts[row] for row in repeated]
        metadata = {
            key: [self.prompts.metadata[row][key] for row in repeated] for key in self.prompts.metadata[rows[0]]
        }
        samples = [f"{prompt} {output}" for prompt, output in zip(prompts, outputs, strict=True)]
        paid = self.reward_fn(samples=samples, prompts=prompts, outputs=outputs, tokenizer=self.tokenizer, **metadata)
        return np.asarray(paid, dtype=np.float64)

    # --- evaluation, saving, loading ---

    def evaluate(self) -> dict[str, float]:
        """Mean reward of the averaged weights' best terms for the evaluation prompts; the best weights are saved.

        trlX calls this before its first step, after setting its step counter to 0: a resumed run is put right here.
        """
        if self.iter_count == 0:
            self.iter_count = self.progress.step
        self._follow()
        world, rank = self.accelerator.num_processes, self.accelerator.process_index
        rows = range(rank, len(self.eval_pipeline), world)
        earned = self._greedy_rewards(rows) if rows else np.zeros(0)
        totals = self._total(torch.tensor([earned.sum(), float(earned.size)], dtype=torch.float64))
        mean = float(totals[0] / totals[1])
        if mean > self.progress.best:
            self.progress.best = mean
            if self._save_best:
                self.save_pretrained(str(Path(self.config.train.checkpoint_dir) / BEST_FOLDER))
        return {"reward/mean": mean, "reward/best": self.progress.best}

    def _greedy_rewards(self, rows: Sequence[int]) -> np.ndarray:
        training, self.prompts = self.prompts, self.eval_pipeline
        try:
            batch = self.average.policy.batch([self.prompts[row] for row in rows])
            drawn = sample(self.average.policy, batch, 1, self.settings.terms, None)
            return self._rewards(rows, drawn.ids, drawn.terms)
        finally:
            self.prompts = training

    def save_pretrained(self, directory: str | None = None, **kwargs: object) -> None:
        """Write the averaged weights as a model folder: plain T5 keys, the value head beside them."""
        del kwargs
        self.accelerator.wait_for_everyone()
        if self.accelerator.is_main_process:
            folder = Path(directory or Path(self.config.train.checkpoint_dir) / "hf_model")
            folder.mkdir(parents=True, exist_ok=True)
            save_model(self.average.policy, self.vocabulary, folder)
        self.accelerator.wait_for_everyone()

    def save(self, directory: str | None = None, **kwargs: object) -> None:
        """A checkpoint to resume from: accelerate's, and what it does not know of."""
        folder = Path(directory or self.config.train.checkpoint_dir)
        self.progress.step = self.iter_count
        self._follow()
        self.accelerator.save_state(str(folder), safe_serialization=False, **kwargs)  # tied weights: no safetensors
        own = {"generator": self.generator.get_state(), "rng": self.rng.bit_generator.state}
        torch.save(own, folder / f"{self.accelerator.process_index}.{_PROGRESS}")
        if self.accelerator.is_main_process:
            shared = {
                "progress": asdict(self.progress),
                "settings": asdict(self.settings),
                "shared_rng": self.shared_rng.bit_generator.state,
                "averaged": self.average.policy.state_dict(),
            }
            torch.save(shared, folder / _PROGRESS)
        self.accelerator.wait_for_everyone()

    def load(self, directory: str | None = None, **kwargs: object) -> None:
        """Continue from a checkpoint of the same settings and number of processes. Raises ModelError for others."""
        folder = Path(directory or self.config.train.checkpoint_dir)
        try:
            shared = torch.load(folder / _PROGRESS, weights_only=True)
            own = torch.load(folder / f"{self.accelerator.process_index}.{_PROGRESS}", weights_only=True)
        except (OSError, ValueError, RuntimeError) as error:
            raise ModelError(f"{folder} is not a checkpoint of this trainer ({error})") from error
        if {**shared["settings"], "iterations": 0} != {**asdict(self.settings), "iterations": 0}:
            raise ModelError(f"{folder} belongs to a run with other settings; repeat those, or start over")
        self.accelerator.load_state(str(folder), **kwargs)
        self.progress = Progress(**{**shared["progress"], "order": tuple(shared["progress"]["order"])})
        self.kl.coefficient = self.progress.kl_coef
        self.shared_rng.bit_generator.state = shared["shared_rng"]
        self.average.policy.load_state_dict(shared["averaged"])
        self.generator.set_state(own["generator"])
        self.rng.bit_generator.state = own["rng"]

    # --- small parts ---

    @property
    def _policy(self) -> T5Policy:
        """The policy without what accelerate wraps around it."""
        module = self.accelerator.unwrap_model(self.model)
        assert isinstance(module, ScoringModule)
        return module.policy

    def _follow(self) -> None:
        """Move the averaged weights once a round."""
        if self._chunks and not self._followed and self.iter_count > self._round_start:
            self.average.update(self._policy)
            self._followed = True

    def _clip(self, *_: object) -> None:
        nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.max_grad_norm)

    def _total(self, values: Tensor) -> Tensor:
        """The sum over all processes."""
        if self.accelerator.num_processes == 1:
            return values
        summed: Tensor = self.accelerator.reduce(values.to(self.accelerator.device), "sum")
        return summed.to(values.device)

    def _mean(self, values: Sequence[float]) -> float:
        """The mean over chunks and processes."""
        total = self._total(torch.tensor([sum(values), float(len(values))], dtype=torch.float64))
        return float(total[0] / total[1])
