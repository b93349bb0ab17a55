"""Implicit language Q-learning (Snell et al., ICLR 2023) in trlX's loop, with trlX's loss, on a T5 as it should be.

Registered in trlX as `RewriterILQLTrainer`; used through `trlx.train(samples=..., rewards=...)`. What trlX's own ILQL
does to a T5 that this does not, each with a test in `tests/rewriter/trlx/test_ilql.py`:

* its logits lack the factor d_model**-0.5 of a T5 with tied embeddings, so the policy it clones is another one;
* its decoder input starts with the output's first token, which is therefore never an action: nothing is learned
  about the first term, the one that matters most here;
* its target Q moves once a pass over the data at most, whatever `steps_for_target_q_sync` says;
* gradients are not clipped outside DeepSpeed, and what is saved is no T5.

An action is a set: each time it is seen its terms come in another order, so that every one of them is learned as the
first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from trlx.data.configs import TRLConfig
from trlx.data.ilql_types import ILQLSeq2SeqBatch
from trlx.models.modeling_ilql import ILQLHeads
from trlx.trainer import register_trainer
from trlx.trainer.accelerate_ilql_trainer import AccelerateILQLTrainer

from untilclick.rewriter.data.logged_actions import LoggedAction
from untilclick.rewriter.language.log_space import MASKED_LOGIT
from untilclick.rewriter.language.prompts import drop_words
from untilclick.rewriter.language.vocabulary import EOS_ID, PAD_ID
from untilclick.rewriter.policy.t5 import PromptBatch, T5Policy, collate
from untilclick.rewriter.policy.t5_folder import load_policy, save_policy
from untilclick.rewriter.training.callbacks import Validation
from untilclick.rewriter.training.weights import BestWeights


@dataclass
class ActionBatch(ILQLSeq2SeqBatch):  # type: ignore[misc]
    """trlX's batch, its fields with these shapes: input_ids and attention_mask (B, S); decoder_input_ids and
    states_ixs and dones (B, T + 1); rewards and actions_ixs (B, T)."""

    banned: Tensor
    """(B, T + 1, V) bool, tokens that are never the next one."""


class ILQLPolicy(T5Policy):
    """A policy with trlX's Q and value heads: what it proposes is log pi + beta (Q - V), with the lower of two
    target Qs, as trlX generates; what trlX's loss sees are the parts."""

    def __init__(self, start: T5Policy, advantage_scale: float, target_rate: float) -> None:
        super().__init__(start.t5, start.decoding, start.candidates)
        self.value_head, self.banned_ids, self.memory = start.value_head, start.banned_ids, start.memory
        self.advantage_scale = advantage_scale
        dtype = start.value_head.weight.dtype
        self.ilql_heads = ILQLHeads(start.t5.config.d_model, self.vocabulary_size, True, target_rate, dtype)
        self.ilql_heads.to(start.device)

    @property
    def base_model(self) -> nn.Module:
        """The T5, as trlX calls it."""
        return self.t5

    def forward(self, batch: ActionBatch) -> tuple[Tensor, tuple[Tensor, ...], tuple[Tensor, ...], Tensor]:
        """Logits (B, T + 1, V) of the T5 alone, Qs and target Qs (B, T, V) each, values (B, T + 1, 1)."""
        prompts = PromptBatch(batch.input_ids, batch.attention_mask, batch.banned)
        states = self.decode(self.encode(prompts), batch.attention_mask, batch.decoder_input_ids)
        logits = super().logits(states, batch.banned)
        qs, target_qs, values = self.ilql_heads(states, states_ixs=batch.states_ixs, actions_ixs=batch.actions_ixs)
        return logits, qs, target_qs, values

    def logits(self, states: Tensor, banned: Tensor) -> Tensor:
        """(..., V) log pi + beta (Q - V) up to a constant, `banned` masked."""
        first, second = (head(states) for head in self.ilql_heads.target_q_heads)
        advantages = torch.minimum(first, second) - self.ilql_heads.v_head(states)
        plain = torch.log_softmax(super().logits(states, banned), dim=-1)
        acting: Tensor = plain + self.advantage_scale * advantages
        return acting.masked_fill(banned, MASKED_LOGIT)

    def sync_target_q_heads(self) -> None:
        """Move the target Qs by `target_rate` towards the Qs."""
        self.ilql_heads.sync_target_q_heads()


class ActionStore(Dataset[tuple[LoggedAction, float]]):
    """Logged actions with their scaled returns."""

    def __init__(self, actions: Sequence[LoggedAction], returns: Sequence[float], collator: ActionCollator) -> None:
        values = np.asarray(returns, dtype=np.float64)
        scaled = (values - values.mean()) / (values.std() + 1e-8)
        self._items = list(zip(actions, scaled.tolist(), strict=True))
        self._collator = collator

    def __len__(self) -> int:
        """Number of actions, repeated as often as they were taken."""
        return len(self._items)

    def __getitem__(self, index: int) -> tuple[LoggedAction, float]:
        """An action and its return in standard deviations from the mean, as trlX scales returns."""
        return self._items[index]

    def create_loader(self, batch_size: int) -> DataLoader[tuple[LoggedAction, float]]:
        """Batches in random order, named as trlX calls it."""
        return DataLoader(self, batch_size=batch_size, shuffle=True, collate_fn=self._collator)


class ActionCollator:
    """Makes trlX's batches of logged actions, in main memory; the trainer's loss moves them to the weights."""

    def __init__(self, policy: T5Policy, length: int, word_dropout: float, rng: np.random.Generator) -> None:
        self._size, self._banned_ids = policy.vocabulary_size, policy.banned_ids.tolist()
        self._ends = policy.decoding == "autoregressive"
        self._length = length
        self._word_dropout = word_dropout
        self._rng = rng

    def __call__(self, items: Sequence[tuple[LoggedAction, float]]) -> ActionBatch:
        """One batch. The decoder starts with the start token, so that state t is what is known before term t; the
        return stands on the last term, whose next state is the end and worth nothing."""
        sequences = [self._sequence(action) for action, _ in items]
        width = max(len(one) for one in sequences)
        ids = torch.tensor([(PAD_ID, *one, *[PAD_ID] * (width - len(one))) for one in sequences])  # (B, T + 1)
        lengths = torch.tensor([len(one) for one in sequences])
        steps = torch.arange(width + 1).expand(len(items), -1)
        rewards = torch.zeros(len(items), width)
        rewards[torch.arange(len(items)), lengths - 1] = torch.tensor([value for _, value in items])
        seen = [drop_words(action.prompt, self._word_dropout, self._rng) for action, _ in items]
        prompts = collate(seen, self._size, self._banned_ids)
        return ActionBatch(
            input_ids=prompts.input_ids,
            attention_mask=prompts.attention_mask,
            decoder_input_ids=ids,
            rewards=rewards,
            states_ixs=steps,
            actions_ixs=steps[:, :-1],
            dones=(steps < lengths[:, None]).long(),
            banned=self._banned(prompts.banned, width),
        )

    def _sequence(self, action: LoggedAction) -> list[int]:
        terms: list[int] = self._rng.permutation(np.array(action.terms)).tolist()
        return [*terms, EOS_ID] if self._ends and len(terms) < self._length else terms

    def _banned(self, banned: Tensor, width: int) -> Tensor:
        """(B, T + 1, V) what a prompt bans at every step; the end token is free after the first."""
        steps = banned[:, None].repeat(1, width + 1, 1)
        if self._ends:
            steps[:, 1:, EOS_ID] = False
        return steps


@register_trainer
class RewriterILQLTrainer(AccelerateILQLTrainer):  # type: ignore[misc]
    """ILQL on logged actions; see the module. One process."""

    model: nn.Module
    """An `ILQLPolicy`, wrapped by accelerate once prepared."""
    opt: Any  # Any: the optimiser, wrapped by accelerate once prepared

    def __init__(self, config: TRLConfig, validation: Validation, **kwargs: object) -> None:
        """`validation` comes through `train.trainer_kwargs`, `kwargs` is whatever trlX passes to its trainers."""
        self._validation = validation
        super().__init__(config, **kwargs)
        self.opt.register_step_pre_hook(self._clip)
        self.opt.register_step_post_hook(self._follow)
        self.best = BestWeights(self.policy)

    def get_arch(self, config: TRLConfig) -> ILQLPolicy:
        """The policy of the configured model folder with new heads."""
        start, self.vocabulary = load_policy(Path(config.model.model_path))
        return ILQLPolicy(start, config.method.gen_kwargs["beta"], config.method.alpha)

    def setup_optimizer(self) -> torch.optim.Optimizer:
        """trlX's optimiser, the heads at their own learning rate."""
        optimizer: torch.optim.Optimizer = super().setup_optimizer()
        own = optimizer.param_groups[0]
        heads = [weight for weight in self.policy.ilql_heads.parameters() if weight.requires_grad]
        known = {id(weight) for weight in self.policy.ilql_heads.parameters()}
        own["params"] = [weight for weight in own["params"] if id(weight) not in known]
        optimizer.add_param_group({"params": heads, "lr": self.config.method.gen_kwargs["head_learning_rate"]})
        return optimizer

    def make_experience(self, samples: Sequence[LoggedAction], rewards: Sequence[float], max_length: int = 0) -> None:
        """Keep what to learn from. Token ids as they were logged, not texts that would be tokenised anew."""
        del max_length
        method, seed = self.config.method, self.config.train.seed
        collator = ActionCollator(
            self.policy,
            method.gen_kwargs["max_new_tokens"],
            method.gen_kwargs["word_dropout"],
            np.random.default_rng(seed),
        )
        self.store = ActionStore(samples, rewards, collator)

    def prepare_learning(self) -> None:
        """Count steps. What trlX prepares for generating evaluations is not needed here."""
        self.model, self.opt = self.accelerator.prepare(self.model, self.opt)
        self.n_inner_epochs = 1
        steps = self.config.train.epochs * len(self.create_train_dataloader())
        self.total_steps = min(steps, self.config.train.total_steps)

    def loss(self, batch: ActionBatch) -> tuple[Tensor, dict[str, Any]]:  # Any: trlX's statistics
        """trlX's loss of a batch."""
        device = self.accelerator.device
        moved = ActionBatch(**{name: value.to(device) for name, value in vars(batch).items()})
        logits, qs, target_qs, values = self.model(moved)
        found: tuple[Tensor, dict[str, Any]] = self.ilql.loss((logits, (qs, target_qs, values)), moved)
        return found

    def post_backward_callback(self) -> None:
        """After each pass: nothing; the target Q follows after each step."""

    def evaluate(self) -> dict[str, float]:
        """Validation score of the present policy; the best weights are kept."""
        value = self._validation(self.policy)
        if self.iter_count > 0:
            self.best.keep(self.policy, value, self.iter_count)
        return {"reward/mean": value}

    def save_pretrained(self, directory: str | None = None, **kwargs: object) -> None:
        """Write a model folder: plain T5 keys and no heads, which only say what to teach the T5."""
        del kwargs
        folder = Path(directory or Path(self.config.train.checkpoint_dir) / "hf_model")
        folder.mkdir(parents=True, exist_ok=True)
        save_policy(self.policy, self.vocabulary, folder)

    @property
    def policy(self) -> ILQLPolicy:
        """The policy without what accelerate wraps around it."""
        module = self.accelerator.unwrap_model(self.model)
        assert isinstance(module, ILQLPolicy)
        return module

    def _clip(self, *_: object) -> None:
        nn.utils.clip_grad_norm_(self.model.parameters(), self.config.method.gen_kwargs["max_grad_norm"])

    def _follow(self, *_: object) -> None:
        self.policy.sync_target_q_heads()
