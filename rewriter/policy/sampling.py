"""Drawing term sequences from the policy, and scoring the same sequences again under changed weights.

Sampler and scorer share every mask, so the probabilities of what was drawn are those the loss sees: temperature 1,
nothing cut off. Sampled ids are kept as drawn; no text is decoded and read again.

Three ways to draw T tokens for a prompt:

    parallel        without replacement from the first decoder step (Plackett 1975; Luce 1959): sequence probability
                    p(a) p(b)/(1 - p(a)) ...; one decoder step whatever the number of samples
    autoregressive  term by term, each given those before it and before the end token
    tokens          token by token over the whole vocabulary, for a subword T5; see `token_sampling.py`

The first two choose among the first step's best terms: outside them a draw is noise that costs a ranking and teaches
nothing.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from untilclick.rewriter.language.log_space import MASKED_LOGIT, TINY
from untilclick.rewriter.language.vocabulary import EOS_ID, PAD_ID
from untilclick.rewriter.policy.sequences import Rollouts, SequenceScores, decoder_inputs, gumbel
from untilclick.rewriter.policy.t5 import PromptBatch, T5Policy
from untilclick.rewriter.policy.token_sampling import sample_tokens, score_tokens


def sample(
    policy: T5Policy, batch: PromptBatch, samples: int, length: int, generator: torch.Generator | None
) -> Rollouts:
    """`samples` sequences of at most `length` terms for every prompt; the best terms, greedily, where `generator` is
    None. No gradient is kept."""
    ways = {"parallel": _sample_parallel, "autoregressive": _sample_autoregressive, "tokens": sample_tokens}
    with torch.no_grad():
        return ways[policy.decoding](policy, batch, samples, length, generator)


def score(policy: T5Policy, batch: PromptBatch, rollouts: Rollouts, *, distributions: bool = True) -> SequenceScores:
    """The same sequences under the policy's present weights, with gradients. Without `distributions`, decoding by
    tokens leaves those out; the others have them for nothing."""
    if policy.decoding == "tokens":
        return score_tokens(policy, batch, rollouts, distributions=distributions)
    if policy.decoding == "parallel":
        return _score_parallel(policy, batch, rollouts)
    return _score_autoregressive(policy, batch, rollouts)


def without_replacement(log_probs: Tensor) -> Tensor:
    """(..., T) log-probability of each draw given that the earlier ones are gone, from log p (..., T) of the drawn
    items in order: log p_t - log(1 - sum of p before t). The remaining mass is kept above 1e-3, where float32
    differences lose their meaning."""
    drawn = log_probs.exp().cumsum(-1) - log_probs.exp()
    return log_probs - torch.log1p(-drawn.clamp(max=1 - 1e-3))


def _sample_parallel(
    policy: T5Policy, batch: PromptBatch, samples: int, length: int, generator: torch.Generator | None
) -> Rollouts:
    states = policy.first_states(batch)
    full = policy.first_step(states, batch.banned).log_probs  # (B, V)
    candidates = _best_terms(policy, full)  # (B, C)
    log_probs = torch.log_softmax(full.gather(1, candidates), dim=-1)  # (B, C)
    noise = gumbel(torch.Size((log_probs.shape[0], samples, log_probs.shape[1])), generator, states.device)
    length = min(length, candidates.shape[1])
    places = (log_probs[:, None, :] + noise).topk(length, dim=-1).indices.flatten(1)  # (B, G x T)
    ids = candidates.gather(1, places).view(-1, length)  # (N, T)
    own = log_probs.gather(1, places).view(-1, length)
    values = policy.values(states).repeat_interleave(samples, 0)[:, None].expand(-1, length)
    mask = torch.ones_like(ids, dtype=torch.bool)
    return Rollouts(ids, mask, without_replacement(own), values, candidates)


def _score_parallel(policy: T5Policy, batch: PromptBatch, rollouts: Rollouts) -> SequenceScores:
    states = policy.first_states(batch)
    full, _, log_attention = policy.first_step(states, batch.banned)  # (B, V)
    among = torch.logsumexp(full.gather(1, rollouts.candidates), dim=-1, keepdim=True)  # (B, 1)
    n_prompts, length = full.shape[0], rollouts.ids.shape[1]
    own = (full.gather(1, rollouts.ids.view(n_prompts, -1)) - among).view(-1, length)  # (N, T)
    values = policy.values(states).repeat_interleave(own.shape[0] // n_prompts, 0)[:, None].expand(-1, length)
    steps = torch.ones(n_prompts, dtype=torch.bool, device=full.device)
    return SequenceScores(without_replacement(own), values, full, steps, log_attention)


def _best_terms(policy: T5Policy, log_probs: Tensor) -> Tensor:
    """(B, C) the best terms by log-probability (B, V); never a banned one, so C may be less than asked for in a tiny
    vocabulary."""
    allowed = int((log_probs > MASKED_LOGIT / 2).sum(-1).min())
    return log_probs.topk(min(policy.candidates, max(allowed, 1)), dim=-1).indices


def _candidates(policy: T5Policy, first_log_probs: Tensor) -> Tensor:
    """(B, C) the first step's best terms and, last, the end token."""
    best = _best_terms(policy, first_log_probs)
    return torch.cat([best, torch.full_like(best[:, :1], EOS_ID)], dim=1)


class _Choices(NamedTuple):
    """What each step of N sequences chooses among."""

    ids: Tensor
    """(N, C) tokens."""
    recalled: Tensor | None
    """(N, C) what the memory says of them, at every step the same; None without a memory."""

    @classmethod
    def of(cls, ids: Tensor, recalled: Tensor | None) -> _Choices:
        """Tokens (B, C), and of what was recalled (B, V) their part."""
        return cls(ids, None if recalled is None else recalled.gather(1, ids))

    def repeat(self, samples: int) -> _Choices:
        """Those of each prompt for all of its samples."""
        recalled = None if self.recalled is None else self.recalled.repeat_interleave(samples, 0)
        return _Choices(self.ids.repeat_interleave(samples, 0), recalled)


def _choice_log_probs(policy: T5Policy, states: Tensor, choices: _Choices, used: Tensor) -> Tensor:
    """(N, T, C) log-probabilities of the choices at states (N, T, d); `used` (N, T, C) bool is banned."""
    vectors = policy.t5.lm_head.weight[choices.ids]  # (N, C, d)
    logits = torch.einsum("ntd,ncd->ntc", policy.scaled(states), vectors)
    own = torch.log_softmax(logits.masked_fill(used, MASKED_LOGIT), dim=-1)
    if policy.memory is None or choices.recalled is None:
        return own
    left = choices.recalled[:, None].masked_fill(used, 0.0)
    left = left / left.sum(-1, keepdim=True).clamp_min(TINY)
    return policy.memory.mix(own, left).masked_fill(used, MASKED_LOGIT)


def _used(ids: Tensor, candidates: Tensor) -> Tensor:
    """(N, T, C) True where a candidate was drawn before step t, and on the end token at the first step."""
    drawn = ids[:, :, None] == candidates[:, None, :]
    before = (drawn.cumsum(1) - drawn.long()) > 0
    before[:, 0, -1] = True
    return before


def _sample_autoregressive(
    policy: T5Policy, batch: PromptBatch, samples: int, length: int, generator: torch.Generator | None
) -> Rollouts:
    encoded = policy.encode(batch)
    start = torch.full_like(batch.input_ids[:, :1], PAD_ID)
    states = policy.decode(encoded, batch.attention_mask, start)
    first = policy.first_step(states[:, 0], batch.banned)
    candidates = _candidates(policy, first.log_probs)
    choices = _Choices.of(candidates, first.recalled).repeat(samples)
    encoded, attention = (t.repeat_interleave(samples, 0) for t in (encoded, batch.attention_mask))
    states = states.repeat_interleave(samples, 0)
    ids = torch.full_like(choices.ids[:, :1], PAD_ID).repeat(1, length)
    alive = torch.ones_like(choices.ids[:, 0], dtype=torch.bool)
    mask = torch.zeros_like(ids, dtype=torch.bool)
    log_probs, values = (torch.zeros_like(ids, dtype=torch.float) for _ in range(2))
    for step in range(length):
        if step:
            states = policy.decode(encoded, attention, decoder_inputs(ids[:, : step + 1]))[:, -1:]
        banned = _used(ids[:, : step + 1], choices.ids)[:, -1:]
        step_log_probs = _choice_log_probs(policy, states, choices, banned)[:, 0]  # (N, C)
        drawn = (step_log_probs + gumbel(step_log_probs.shape, generator, ids.device)).argmax(-1, keepdim=True)
        mask[:, step] = alive
        log_probs[:, step] = step_log_probs.gather(1, drawn)[:, 0] * alive
        values[:, step] = policy.values(states[:, 0]) * alive
        ids[:, step] = torch.where(alive, choices.ids.gather(1, drawn)[:, 0], PAD_ID)
        alive = alive & (ids[:, step] != EOS_ID)
    return Rollouts(ids, mask, log_probs, values, candidates)


def _score_autoregressive(policy: T5Policy, batch: PromptBatch, rollouts: Rollouts) -> SequenceScores:
    samples = rollouts.ids.shape[0] // batch.input_ids.shape[0]
    encoded, attention = (t.repeat_interleave(samples, 0) for t in (policy.encode(batch), batch.attention_mask))
    states = policy.decode(encoded, attention, decoder_inputs(rollouts.ids))  # (N, T, d)
    first = policy.first_step(states[::samples, 0], batch.banned)  # the same for all samples of a prompt
    choices = _Choices.of(rollouts.candidates, first.recalled).repeat(samples)
    log_probs = _choice_log_probs(policy, states, choices, _used(rollouts.ids, choices.ids))  # (N, T, C)
    drawn = (rollouts.ids[:, :, None] == choices.ids[:, None, :]).long().argmax(-1, keepdim=True)
    own = log_probs.gather(2, drawn)[:, :, 0] * rollouts.mask
    values = policy.values(states) * rollouts.mask
    return SequenceScores(own, values, log_probs.flatten(0, 1), rollouts.mask.flatten(), first.log_attention)
