"""Drawing and scoring token by token over the whole vocabulary, for a pretrained subword T5.

Every token is drawn given the earlier ones, at temperature 1 and from the whole distribution, until the end token or
the longest length. Banned tokens (padding, unknown, sentinels, embedding rows without a token) have probability 0 in
sampler and scorer. Shapes: B prompts, G samples of each, N = B x G sequences of T tokens.
"""

from __future__ import annotations

import torch
from torch import Tensor
from transformers import DynamicCache, EncoderDecoderCache

from untilclick.rewriter.language.log_space import MASKED_LOGIT
from untilclick.rewriter.language.vocabulary import EOS_ID, PAD_ID
from untilclick.rewriter.policy.sequences import Rollouts, SequenceScores, decoder_inputs
from untilclick.rewriter.policy.t5 import PromptBatch, T5Policy
from untilclick.rewriter.policy.token_log_probs import selected_log_probs


@torch.no_grad()
def sample_tokens(
    policy: T5Policy, batch: PromptBatch, samples: int, length: int, generator: torch.Generator | None
) -> Rollouts:
    """`samples` sequences of at most `length` tokens for each prompt, the end token included; without a generator the
    likeliest tokens. Keys and values of earlier tokens are cached, so that each step decodes one token."""
    encoded, attention = (part.repeat_interleave(samples, 0) for part in (policy.encode(batch), batch.attention_mask))
    n, device = encoded.shape[0], encoded.device
    cache = EncoderDecoderCache(DynamicCache(), DynamicCache())
    ids = torch.full((n, length), PAD_ID, device=device)  # (N, T)
    mask = torch.zeros_like(ids, dtype=torch.bool)  # (N, T)
    log_probs, values = (torch.zeros(ids.shape, device=device) for _ in range(2))  # (N, T)
    last = torch.full((n, 1), PAD_ID, device=device)  # (N, 1) the token drawn before, at first the start token
    alive = torch.ones(n, dtype=torch.bool, device=device)  # (N,) sequences without an end token so far
    for step in range(length):
        state = policy.next_states(encoded, attention, last, cache)  # (N, d)
        probs = torch.softmax(token_logits(policy, state), dim=-1)  # (N, V)
        drawn = draw(probs, generator)  # (N, 1)
        mask[:, step] = alive
        log_probs[:, step] = probs.gather(1, drawn)[:, 0].log() * alive
        values[:, step] = policy.values(state) * alive
        ids[:, step] = torch.where(alive, drawn[:, 0], PAD_ID)
        last, alive = ids[:, step : step + 1], alive & (drawn[:, 0] != EOS_ID)
        if not alive.any():
            break
    return Rollouts(ids, mask, log_probs, values, ids.new_zeros(batch.input_ids.shape[0], 0))


def score_tokens(policy: T5Policy, batch: PromptBatch, rollouts: Rollouts, *, distributions: bool) -> SequenceScores:
    """Log-probabilities and values of sequences under the policy's present weights, with gradients. `distributions`
    adds whole distributions (N x T, V), which take as much memory as everything else together."""
    samples = rollouts.ids.shape[0] // batch.input_ids.shape[0]
    encoded, attention = (part.repeat_interleave(samples, 0) for part in (policy.encode(batch), batch.attention_mask))
    states = policy.decode(encoded, attention, decoder_inputs(rollouts.ids))  # (N, T, d)
    real = rollouts.mask
    values, steps = policy.values(states) * real, real.flatten()  # (N, T), (N x T,)
    if distributions:
        full = torch.log_softmax(token_logits(policy, states.flatten(0, 1)), dim=-1)  # (N x T, V)
        log_probs = full.gather(1, rollouts.ids.flatten()[:, None]).view_as(rollouts.ids) * real  # (N, T)
        return SequenceScores(log_probs, values, full, steps)
    # Only the states of the M real tokens go through the output layer, which is most of the cost.
    selected = selected_log_probs(
        policy.scaled(states[real]), policy.t5.lm_head.weight, rollouts.ids[real], policy.banned_ids
    )  # (M,)
    log_probs = torch.zeros(rollouts.ids.shape, device=states.device).masked_scatter(real, selected)  # (N, T)
    return SequenceScores(log_probs, values, None, steps)


def draw(probs: Tensor, generator: torch.Generator | None) -> Tensor:
    """(N, 1) one token for each row of probabilities (N, V): the first whose cumulative probability exceeds a uniform
    random number. That takes one random number for a row; Gumbel noise takes V. A token less likely than 1e-7 may
    never be drawn, a token of probability 0 is never drawn. Without a generator, the likeliest token."""
    if generator is None:
        return probs.argmax(-1, keepdim=True)
    cumulative = probs.cumsum(-1)  # (N, V)
    uniform = torch.rand((probs.shape[0], 1), generator=generator, device=generator.device)
    # Scaled by the sum, which rounding takes off 1, and below it, so that there is always a token to the right.
    below = uniform.clamp_(max=1 - 1e-7).to(probs.device) * cumulative[:, -1:]  # (N, 1)
    return torch.searchsorted(cumulative, below, right=True)


def token_logits(policy: T5Policy, states: Tensor) -> Tensor:
    """(M, V) next-token logits of decoder states (M, d)."""
    logits: Tensor = policy.t5.lm_head(policy.scaled(states))
    return logits.index_fill(1, policy.banned_ids, MASKED_LOGIT)
