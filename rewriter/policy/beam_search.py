"""The likeliest texts of a subword T5 by beam search, stopped as CTranslate2 stops, so that training reads what the
service will read (there is a test).

A text ends where its end token is among the best `beams` candidates of a step. A prompt is done once it has `beams`
texts and some step's very best candidate was an end; at the longest length whatever is there counts as a text. Scores
are sums of log-probabilities: nothing is divided by lengths.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import DynamicCache, EncoderDecoderCache

from untilclick.rewriter.language.language import Hypothesis
from untilclick.rewriter.language.vocabulary import EOS_ID, PAD_ID
from untilclick.rewriter.policy.t5 import PromptBatch, T5Policy
from untilclick.rewriter.policy.token_sampling import token_logits


class _Hypotheses:
    """The texts of one prompt so far."""

    def __init__(self, beams: int) -> None:
        self._beams = beams
        self._best_ended = False
        self._found: list[Hypothesis] = []

    @property
    def done(self) -> bool:
        return self._best_ended and len(self._found) >= self._beams

    def offer(self, candidates: Sequence[Hypothesis], *, last: bool) -> None:
        """Take the texts among the best candidates of a step, best first."""
        if self.done:
            return
        for place, one in enumerate(candidates):
            ended = one.ids[-1] == EOS_ID
            self._best_ended = self._best_ended or (ended and place == 0)
            if ended or last:
                self._found.append(one)

    def best(self) -> list[Hypothesis]:
        return sorted(self._found, key=lambda one: -one.log_prob)[: self._beams]


@torch.no_grad()
def likeliest(policy: T5Policy, batch: PromptBatch, beams: int, length: int) -> list[list[Hypothesis]]:
    """For each prompt at most `beams` texts of at most `length` tokens, the end token included, best first."""
    n = batch.input_ids.shape[0]
    encoded, attention = (part.repeat_interleave(beams, 0) for part in (policy.encode(batch), batch.attention_mask))
    cache = EncoderDecoderCache(DynamicCache(), DynamicCache())
    ids = torch.full((n * beams, 1), PAD_ID, device=encoded.device)  # (N x K, t + 1), the start token first
    totals = torch.full((n, beams), -torch.inf, device=encoded.device)
    totals[:, 0] = 0.0  # at first all beams are one
    found = [_Hypotheses(beams) for _ in range(n)]
    for step in range(length):
        states = policy.next_states(encoded, attention, ids[:, -1:], cache)
        log_probs = torch.log_softmax(token_logits(policy, states), dim=-1).view(n, beams, -1)
        best, places = (totals[:, :, None] + log_probs).flatten(1).topk(2 * beams, dim=1)  # (N, 2K)
        rows = places // log_probs.shape[2] + torch.arange(n, device=places.device)[:, None] * beams
        tokens = places % log_probs.shape[2]
        grown = torch.cat([ids[rows], tokens[:, :, None]], dim=2)  # (N, 2K, t + 2)
        for one, texts, scores in zip(found, grown[:, :beams, 1:].tolist(), best[:, :beams].tolist(), strict=True):
            candidates = [Hypothesis(tuple(text), score) for text, score in zip(texts, scores, strict=True)]
            one.offer(candidates, last=step == length - 1)
        if all(one.done for one in found):
            break
        alive = _first_alive(tokens, beams)
        totals = best.gather(1, alive)
        kept = rows.gather(1, alive).flatten()
        ids = grown.gather(1, alive[:, :, None].expand(-1, -1, grown.shape[2])).flatten(0, 1)
        cache.self_attention_cache.reorder_cache(kept)  # type: ignore[arg-type]  # int64, as it wants
    return [one.best() for one in found]


def _first_alive(tokens: Tensor, beams: int) -> Tensor:
    """(N, K) places of the first K candidates that have not ended, of (N, 2K) tokens, best first: K beams have no
    more than K ends."""
    return (tokens == EOS_ID).long().argsort(dim=1, stable=True)[:, :beams]
