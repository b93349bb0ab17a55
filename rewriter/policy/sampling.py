"""Drawing sequences from the policy, and scoring the same sequences under changed weights.

Sampler and scorer use the same masks, temperature 1 and the whole distribution, so the loss sees the probabilities
that the sequences were drawn with. Sampled ids stay as drawn; no text is decoded and tokenized again.

There are three ways to draw T tokens for a prompt:

    parallel        without replacement from the first decoder step (Plackett 1975; Luce 1959): sequence probability
                    p(a) p(b)/(1 - p(a)) ...; one decoder step for any number of samples
    autoregressive  term by term, each given the earlier ones, until an end token
    tokens          token by token from the whole vocabulary, for a subword T5; see `token_sampling.py`

The first two draw from the C best terms of the first step: a term outside them is noise that costs a ranking and
teaches nothing. Shapes: B prompts, G samples of each, N = B x G sequences, D documents of the memory.
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
    """`samples` sequences of at most `length` tokens for each prompt, without gradients. If `generator` is None, the
    best tokens are taken greedily."""
    ways = {"parallel": _sample_parallel, "autoregressive": _sample_autoregressive, "tokens": sample_tokens}
    with torch.no_grad():
        return ways[policy.decoding](policy, batch, samples, length, generator)


def score(policy: T5Policy, batch: PromptBatch, rollouts: Rollouts, *, distributions: bool = True) -> SequenceScores:
    """Log-probabilities and values of sequences under the policy's present weights, with gradients. Without
    `distributions`, decoding by tokens leaves them out; the other decodings have them at no cost."""
    if policy.decoding == "tokens":
        return score_tokens(policy, batch, rollouts, distributions=distributions)
    if policy.decoding == "parallel":
        return _score_parallel(policy, batch, rollouts)
    return _score_autoregressive(policy, batch, rollouts)


def without_replacement(log_probs: Tensor) -> Tensor:
    """(..., T) log-probability of each of T draws without replacement, from log p (..., T) of the drawn items in
    order: log p_t - log(1 - sum of p before t). The remaining mass is at least 1e-3: below, rounding errors of
    float32 dominate the difference."""
    drawn = log_probs.exp().cumsum(-1) - log_probs.exp()  # (..., T) mass drawn before t
    return log_probs - torch.log1p(-drawn.clamp(max=1 - 1e-3))


def _sample_parallel(
    policy: T5Policy, batch: PromptBatch, samples: int, length: int, generator: torch.Generator | None
) -> Rollouts:
    states = policy.first_states(batch)  # (B, d)
    full = policy.first_step(states, batch).log_probs  # (B, V)
    candidates = _best_terms(policy, full)  # (B, C)
    log_probs = torch.log_softmax(full.gather(1, candidates), dim=-1)  # (B, C)
    noise = gumbel(torch.Size((log_probs.shape[0], samples, log_probs.shape[1])), generator, states.device)
    length = min(length, candidates.shape[1])
    # The T largest of log p + Gumbel noise, in order, are T draws without replacement (Gumbel top-k).
    positions = (log_probs[:, None, :] + noise).topk(length, dim=-1).indices.flatten(1)  # (B, G x T)
    ids = candidates.gather(1, positions).view(-1, length)  # (N, T)
    drawn_log_probs = log_probs.gather(1, positions).view(-1, length)  # (N, T)
    # One decoder step has one state: the value is the same before every term.
    values = policy.values(states).repeat_interleave(samples, 0)[:, None].expand(-1, length)  # (N, T)
    mask = torch.ones_like(ids, dtype=torch.bool)  # there is no end token
    return Rollouts(ids, mask, without_replacement(drawn_log_probs), values, candidates)


def _score_parallel(policy: T5Policy, batch: PromptBatch, rollouts: Rollouts) -> SequenceScores:
    states = policy.first_states(batch)  # (B, d)
    full, _, log_attention = policy.first_step(states, batch)  # (B, V), (B, D)
    # Subtracting the candidates' mass makes `full` the softmax over candidates that the sampler drew from.
    mass = torch.logsumexp(full.gather(1, rollouts.candidates), dim=-1, keepdim=True)  # (B, 1)
    n_prompts, length = full.shape[0], rollouts.ids.shape[1]
    drawn = (full.gather(1, rollouts.ids.view(n_prompts, -1)) - mass).view(-1, length)  # (N, T)
    values = policy.values(states).repeat_interleave(drawn.shape[0] // n_prompts, 0)[:, None].expand(-1, length)
    steps = torch.ones(n_prompts, dtype=torch.bool, device=full.device)  # (B,) one step for each prompt
    return SequenceScores(without_replacement(drawn), values, full, steps, log_attention)


def _best_terms(policy: T5Policy, log_probs: Tensor) -> Tensor:
    """(B, C) the best terms by log-probabilities (B, V). Banned terms are never among them, so C may be less than
    `policy.candidates` in a tiny vocabulary."""
    allowed = int((log_probs > MASKED_LOGIT / 2).sum(-1).min())
    return log_probs.topk(min(policy.candidates, max(allowed, 1)), dim=-1).indices


def _candidates(policy: T5Policy, first_log_probs: Tensor) -> Tensor:
    """(B, C) the best terms of the first step, by log-probabilities (B, V), and in the last column the end token."""
    best = _best_terms(policy, first_log_probs)
    return torch.cat([best, torch.full_like(best[:, :1], EOS_ID)], dim=1)


class _Choices(NamedTuple):
    """The tokens among which each step of N sequences chooses."""

    ids: Tensor
    """(N, C) token ids."""
    recalled: Tensor | None
    """(N, C) probabilities of these tokens in the memory, the same at every step; None without a memory."""

    @classmethod
    def of(cls, ids: Tensor, recalled: Tensor | None) -> _Choices:
        """The choices `ids` (B, C) of B prompts with their part of the recalled distribution (B, V)."""
        return cls(ids, None if recalled is None else recalled.gather(1, ids))

    def repeat(self, samples: int) -> _Choices:
        """The choices of B prompts, repeated for `samples` samples of each."""
        recalled = None if self.recalled is None else self.recalled.repeat_interleave(samples, 0)
        return _Choices(self.ids.repeat_interleave(samples, 0), recalled)


def _choice_log_probs(policy: T5Policy, states: Tensor, choices: _Choices, used: Tensor) -> Tensor:
    """(N, T, C) log-probabilities of the choices at states (N, T, d), without those that are `used` (N, T, C)."""
    vectors = policy.t5.lm_head.weight[choices.ids]  # (N, C, d): logits of C tokens instead of V
    logits = torch.einsum("ntd,ncd->ntc", policy.scaled(states), vectors)
    generated = torch.log_softmax(logits.masked_fill(used, MASKED_LOGIT), dim=-1)  # (N, T, C)
    if policy.memory is None or choices.recalled is None:
        return generated
    recalled = choices.recalled[:, None].masked_fill(used, 0.0)  # (N, T, C)
    recalled = recalled / recalled.sum(-1, keepdim=True).clamp_min(TINY)
    return policy.memory.mix(generated, recalled).masked_fill(used, MASKED_LOGIT)


def _used(ids: Tensor, candidates: Tensor) -> Tensor:
    """(N, T, C) True for candidates (N, C) that sequences (N, T) contain before step t, and for the end token at the
    first step."""
    drawn = ids[:, :, None] == candidates[:, None, :]  # (N, T, C)
    before = (drawn.cumsum(1) - drawn.long()) > 0  # the cumulative sum without step t itself
    before[:, 0, -1] = True  # a sequence has at least one term
    return before


def _sample_autoregressive(
    policy: T5Policy, batch: PromptBatch, samples: int, length: int, generator: torch.Generator | None
) -> Rollouts:
    encoded = policy.encode(batch)  # (B, S, d)
    start = torch.full_like(batch.input_ids[:, :1], PAD_ID)  # (B, 1)
    states = policy.decode(encoded, batch.attention_mask, start)  # (B, 1, d)
    first = policy.first_step(states[:, 0], batch)
    candidates = _candidates(policy, first.log_probs)  # (B, C)
    choices = _Choices.of(candidates, first.recalled).repeat(samples)
    encoded, attention = (part.repeat_interleave(samples, 0) for part in (encoded, batch.attention_mask))
    states = states.repeat_interleave(samples, 0)  # (N, 1, d)
    ids = torch.full_like(choices.ids[:, :1], PAD_ID).repeat(1, length)  # (N, T)
    alive = torch.ones_like(choices.ids[:, 0], dtype=torch.bool)  # (N,) sequences without an end token so far
    mask = torch.zeros_like(ids, dtype=torch.bool)  # (N, T)
    log_probs, values = (torch.zeros_like(ids, dtype=torch.float) for _ in range(2))  # (N, T)
    for step in range(length):
        if step:
            # All earlier terms are decoded again: sequences are short, so no cache of keys and values is kept.
            states = policy.decode(encoded, attention, decoder_inputs(ids[:, : step + 1]))[:, -1:]  # (N, 1, d)
        banned = _used(ids[:, : step + 1], choices.ids)[:, -1:]  # (N, 1, C)
        step_log_probs = _choice_log_probs(policy, states, choices, banned)[:, 0]  # (N, C)
        noise = gumbel(step_log_probs.shape, generator, ids.device)  # (N, C)
        drawn = (step_log_probs + noise).argmax(-1, keepdim=True)  # (N, 1)
        mask[:, step] = alive
        log_probs[:, step] = step_log_probs.gather(1, drawn)[:, 0] * alive
        values[:, step] = policy.values(states[:, 0]) * alive
        ids[:, step] = torch.where(alive, choices.ids.gather(1, drawn)[:, 0], PAD_ID)
        alive = alive & (ids[:, step] != EOS_ID)
    return Rollouts(ids, mask, log_probs, values, candidates)


def _score_autoregressive(policy: T5Policy, batch: PromptBatch, rollouts: Rollouts) -> SequenceScores:
    samples = rollouts.ids.shape[0] // batch.input_ids.shape[0]
    # A prompt is encoded once for its G samples.
    encoded, attention = (part.repeat_interleave(samples, 0) for part in (policy.encode(batch), batch.attention_mask))
    states = policy.decode(encoded, attention, decoder_inputs(rollouts.ids))  # (N, T, d)
    first = policy.first_step(states[::samples, 0], batch)  # the same for all samples of a prompt
    choices = _Choices.of(rollouts.candidates, first.recalled).repeat(samples)
    log_probs = _choice_log_probs(policy, states, choices, _used(rollouts.ids, choices.ids))  # (N, T, C)
    # Position of each drawn token among the choices; padding has none and gets 0, which the mask removes.
    drawn = (rollouts.ids[:, :, None] == choices.ids[:, None, :]).long().argmax(-1, keepdim=True)  # (N, T, 1)
    drawn_log_probs = log_probs.gather(2, drawn)[:, :, 0] * rollouts.mask  # (N, T)
    values = policy.values(states) * rollouts.mask  # (N, T)
    steps = rollouts.mask.flatten()  # (N x T,)
    return SequenceScores(drawn_log_probs, values, log_probs.flatten(0, 1), steps, first.log_attention)
