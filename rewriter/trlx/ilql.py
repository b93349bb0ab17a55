"""Implicit language Q-learning (Snell et al., ICLR 2023) in trlX's loop, with trlX's loss, for a T5.

Registered in trlX as `RewriterILQLTrainer`; used through `trlx.train(samples=..., rewards=...)`. trlX's own ILQL has
these defects with a T5, which are avoided here (each has a test in `tests/rewriter/trlx/test_ilql.py`):

* its logits lack the factor d_model**-0.5 of a T5 with tied embeddings, so it clones another policy;
* its decoder input starts with the output's first token, which is therefore never an action: nothing is learned about
  the first term, which matters most here;
* its target Q moves at most once per pass over the data, whatever `steps_for_target_q_sync` says;
* it clips gradients only under DeepSpeed, and what it saves cannot be loaded as a T5.

An action is a set of terms: each time it is used its terms come in another order, so that each of them is learned as
the first term.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

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
from untilclick.rewriter.training.scored import Scored
from untilclick.rewriter.training.weights import BestWeights
from untilclick.rewriter.trlx.learning_rates import separate


@dataclass
class ActionBatch(ILQLSeq2SeqBatch):  # type: ignore[misc]
    """trlX's batch. Shapes of its fields: `input_ids` and `attention_mask` (B, S); `decoder_input_ids`, `states_ixs`
    and `dones` (B, T + 1); `rewards` and `actions_ixs` (B, T)."""

    banned: Tensor
    """(B, T + 1, V) bool, True for tokens that must not come next."""


class ILQLPolicy(T5Policy):
    """A policy with trlX's Q and value heads. Its own distribution is log pi + beta (Q - V) with the lower of two
    target Qs, as in trlX's generation; `forward` gives the parts, for trlX's loss."""

    def __init__(self, start: T5Policy, advantage_scale: float, target_rate: float) -> None:
        super().__init__(start.t5, start.decoding, start.candidates, n_outside=start.n_outside)
        self.value_head, self.banned_ids = start.value_head, start.banned_ids
        self.memory, self.sentences = start.memory, start.sentences
        self.advantage_scale = advantage_scale
        dtype = start.value_head.weight.dtype
        self.ilql_heads = ILQLHeads(start.t5.config.d_model, self.vocabulary_size, True, target_rate, dtype)
        self.ilql_heads.to(start.device)

    @property
    def base_model(self) -> nn.Module:
        """The T5, as trlX calls it."""
        return self.t5

    def forward(self, batch: ActionBatch) -> tuple[Tensor, tuple[Tensor, ...], tuple[Tensor, ...], Tensor]:
        """The outputs that trlX's loss takes: logits (B, T + 1, V) of the T5 alone, two Qs and two target Qs, each
        (B, T, V), and values (B, T + 1, 1)."""
        prompts = PromptBatch(batch.input_ids, batch.attention_mask, batch.banned)
        states = self.decode(self.encode(prompts), batch.attention_mask, batch.decoder_input_ids)  # (B, T + 1, d)
        logits = super().logits(states, batch.banned)  # (B, T + 1, V)
        qs, target_qs, values = self.ilql_heads(states, states_ixs=batch.states_ixs, actions_ixs=batch.actions_ixs)
        return logits, qs, target_qs, values

    def logits(self, states: Tensor, banned: Tensor) -> Tensor:
        """(..., V) log pi + beta (Q - V) of states (..., d), up to a constant, with `banned` (..., V) masked."""
        first_q, second_q = (head(states) for head in self.ilql_heads.target_q_heads)  # (..., V)
        # The lower of two estimates counters the upward bias of a single one.
        advantages = torch.minimum(first_q, second_q) - self.ilql_heads.v_head(states)  # (..., V)
        log_probs = torch.log_softmax(super().logits(states, banned), dim=-1)  # (..., V)
        acting: Tensor = log_probs + self.advantage_scale * advantages
        return acting.masked_fill(banned, MASKED_LOGIT)

    def sync_target_q_heads(self) -> None:
        """Move the target Qs towards the Qs by the share `target_rate` of their distance."""
        self.ilql_heads.sync_target_q_heads()


class ScaledAction(NamedTuple):
    """A logged action with its return."""

    action: LoggedAction
    scaled_return: float
    """In standard deviations from the mean, as trlX scales returns."""


class ActionStore(Dataset[ScaledAction]):
    """Logged actions with their scaled returns, each repeated as often as it was taken."""

    def __init__(self, actions: Sequence[LoggedAction], returns: Sequence[float], collator: ActionCollator) -> None:
        values = np.asarray(returns, dtype=np.float64)  # (n,)
        scaled = (values - values.mean()) / (values.std() + 1e-8)  # 1e-8: equal returns become 0
        self._items = [ScaledAction(*item) for item in zip(actions, scaled.tolist(), strict=True)]
        self._collator = collator

    def __len__(self) -> int:
        """Number of actions, repetitions included."""
        return len(self._items)

    def __getitem__(self, index: int) -> ScaledAction:
        """One action."""
        return self._items[index]

    def create_loader(self, batch_size: int) -> DataLoader[ScaledAction]:
        """Batches in random order; the name is trlX's."""
        return DataLoader(self, batch_size=batch_size, shuffle=True, collate_fn=self._collator)


class ActionCollator:
    """Makes trlX's batches of logged actions on the CPU; the trainer's loss moves them to the device."""

    def __init__(self, policy: T5Policy, length: int, word_dropout: float, rng: np.random.Generator) -> None:
        self._size, self._banned_ids = policy.vocabulary_size, policy.banned_ids.tolist()
        self._ends = policy.decoding == "autoregressive"
        self._length = length
        self._word_dropout = word_dropout
        self._rng = rng

    def __call__(self, items: Sequence[ScaledAction]) -> ActionBatch:
        """One batch. The decoder input begins with the start token, so state t precedes term t. The return is the
        reward of the last term, and the state after it is terminal, with value 0."""
        sequences = [self._sequence(item.action) for item in items]
        width = max(len(sequence) for sequence in sequences)
        padded = [(PAD_ID, *sequence, *[PAD_ID] * (width - len(sequence))) for sequence in sequences]
        ids = torch.tensor(padded)  # (B, T + 1)
        lengths = torch.tensor([len(sequence) for sequence in sequences])  # (B,)
        steps = torch.arange(width + 1).expand(len(items), -1)  # (B, T + 1)
        rewards = torch.zeros(len(items), width)  # (B, T)
        rewards[torch.arange(len(items)), lengths - 1] = torch.tensor([item.scaled_return for item in items])
        dropped = [drop_words(item.action.prompt, self._word_dropout, self._rng) for item in items]
        prompts = collate(dropped, self._size, self._banned_ids)
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
        """The terms in random order; with autoregressive decoding a short action ends with the end token."""
        terms: list[int] = self._rng.permutation(np.array(action.terms)).tolist()
        return [*terms, EOS_ID] if self._ends and len(terms) < self._length else terms

    def _banned(self, banned: Tensor, width: int) -> Tensor:
        """(B, T + 1, V) the tokens `banned` (B, V) by the prompt at every step and, at the first step only, the end
        token."""
        steps = banned[:, None].repeat(1, width + 1, 1)
        if self._ends:
            steps[:, 1:, EOS_ID] = False
        return steps


@register_trainer
class RewriterILQLTrainer(AccelerateILQLTrainer):  # type: ignore[misc]
    """ILQL on logged actions, see the module; on one process."""

    model: nn.Module
    """An `ILQLPolicy`, wrapped by accelerate once prepared."""
    opt: Any  # Any: the optimiser, wrapped by accelerate once prepared

    def __init__(self, config: TRLConfig, validation: Validation, **kwargs: object) -> None:
        """`validation` comes from `train.trainer_kwargs`; `kwargs` are trlX's arguments for its trainers."""
        self._validation = validation
        super().__init__(config, **kwargs)
        self.opt.register_step_pre_hook(self._clip)
        self.opt.register_step_post_hook(self._sync_target_qs)
        self.best = BestWeights(self.policy)

    def get_arch(self, config: TRLConfig) -> ILQLPolicy:
        """The policy of the configured model folder, with new heads."""
        start, self.vocabulary = load_policy(Path(config.model.model_path))
        return ILQLPolicy(start, config.method.gen_kwargs["beta"], config.method.alpha)

    def setup_optimizer(self) -> torch.optim.Optimizer:
        """trlX's optimiser, with a learning rate of their own for the heads."""
        optimizer: torch.optim.Optimizer = super().setup_optimizer()
        heads = list(self.policy.ilql_heads.parameters())  # target Qs are among them, which have no gradient
        separate(optimizer, heads, self.config.method.gen_kwargs["head_learning_rate"])
        return optimizer

    def make_experience(self, samples: Sequence[LoggedAction], rewards: Sequence[float], max_length: int = 0) -> None:
        """Take the training data: token ids of the log, not texts that would have to be tokenised again."""
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
        """Prepare model and optimiser, and count the steps. trlX also prepares data for evaluation by generation."""
        self.model, self.opt = self.accelerator.prepare(self.model, self.opt)
        self.n_inner_epochs = 1
        steps = self.config.train.epochs * len(self.create_train_dataloader())
        self.total_steps = min(steps, self.config.train.total_steps)

    def loss(self, batch: ActionBatch) -> tuple[Tensor, dict[str, Any]]:  # Any: trlX's statistics
        """trlX's loss of a batch."""
        device = self.accelerator.device
        on_device = ActionBatch(**{name: value.to(device) for name, value in vars(batch).items()})
        logits, qs, target_qs, values = self.model(on_device)
        loss: tuple[Tensor, dict[str, Any]] = self.ilql.loss((logits, (qs, target_qs, values)), on_device)
        return loss

    def post_backward_callback(self) -> None:
        """Called by trlX after each pass. Does nothing: the target Qs move after each optimiser step."""

    def evaluate(self) -> dict[str, float]:
        """Validation score of the present policy; copies the weights if they are the best so far. The start does not
        compete: its heads are random."""
        value = self._validation(self.policy)
        if self.iter_count > 0:
            self.best.keep(self.policy, value, self.iter_count)
        return {"reward/mean": Scored.of(value).mean}

    def save_pretrained(self, directory: str | None = None, **kwargs: object) -> None:
        """Write a model folder with plain T5 keys and without the heads, which are only needed for distillation."""
        del kwargs
        folder = Path(directory or Path(self.config.train.checkpoint_dir) / "hf_model")
        folder.mkdir(parents=True, exist_ok=True)
        save_policy(self.policy, self.vocabulary, folder)

    @property
    def policy(self) -> ILQLPolicy:
        """The policy without accelerate's wrappers."""
        module = self.accelerator.unwrap_model(self.model)
        assert isinstance(module, ILQLPolicy)
        return module

    def _clip(self, *_: object) -> None:
        nn.utils.clip_grad_norm_(self.model.parameters(), self.config.method.gen_kwargs["max_grad_norm"])

    def _sync_target_qs(self, *_: object) -> None:
        self.policy.sync_target_q_heads()
