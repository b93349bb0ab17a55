"""The likeliest texts of a subword T5, by a beam search that stops as CTranslate2's does. Validation in training then
reads the same texts as the service (a test compares them).

A text ends if its end token is among the best K candidates of a step, for a beam of width K. The search for a prompt
ends once it has K texts and the very best candidate of some step was an end. At the longest length, the best K
candidates count as texts as they are. Scores are sums of log-probabilities, not divided by lengths.
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


class _PromptSearch:
    """The texts of one prompt that have ended so far."""

    def __init__(self, beams: int) -> None:
        self._beams = beams
        self._best_ended = False
        self._texts: list[Hypothesis] = []

    @property
    def done(self) -> bool:
        """True if the search for this prompt has ended."""
        return self._best_ended and len(self._texts) >= self._beams

    def offer(self, candidates: Sequence[Hypothesis], *, last: bool) -> None:
        """Take the texts that end among a step's candidates, best first; at the last step take all candidates."""
        if self.done:
            return
        for position, candidate in enumerate(candidates):
            ended = candidate.ids[-1] == EOS_ID
            self._best_ended = self._best_ended or (ended and position == 0)
            if ended or last:
                self._texts.append(candidate)

    def best(self) -> list[Hypothesis]:
        """The likeliest texts, best first."""
        return sorted(self._texts, key=lambda text: -text.log_prob)[: self._beams]


@torch.no_grad()
def search_beams(policy: T5Policy, batch: PromptBatch, beams: int, length: int) -> list[list[Hypothesis]]:
    """At most `beams` texts for each of N prompts, best first; each has at most `length` tokens, the end token
    included. Below, K is the number of beams and V the vocabulary."""
    n = batch.input_ids.shape[0]
    encoded, attention = (part.repeat_interleave(beams, 0) for part in (policy.encode(batch), batch.attention_mask))
    cache = EncoderDecoderCache(DynamicCache(), DynamicCache())
    ids = torch.full((n * beams, 1), PAD_ID, device=encoded.device)  # (N x K, t + 1), the start token first
    totals = torch.full((n, beams), -torch.inf, device=encoded.device)  # (N, K) log-probability of each beam
    totals[:, 0] = 0.0  # at first all beams of a prompt are equal: if all grew, each text would come K times
    first_rows = torch.arange(n, device=encoded.device)[:, None] * beams  # (N, 1) row of each prompt's first beam
    searches = [_PromptSearch(beams) for _ in range(n)]
    for step in range(length):
        states = policy.next_states(encoded, attention, ids[:, -1:], cache)  # (N x K, d)
        log_probs = torch.log_softmax(token_logits(policy, states), dim=-1).view(n, beams, -1)  # (N, K, V)
        # 2K candidates: at most K of them end, one for each beam, so K remain to grow.
        best, positions = (totals[:, :, None] + log_probs).flatten(1).topk(2 * beams, dim=1)  # (N, 2K) in K x V
        rows = positions // log_probs.shape[2] + first_rows  # (N, 2K) the beam that each candidate extends
        tokens = positions % log_probs.shape[2]  # (N, 2K)
        grown = torch.cat([ids[rows], tokens[:, :, None]], dim=2)  # (N, 2K, t + 2)
        for search, texts, scores in zip(
            searches, grown[:, :beams, 1:].tolist(), best[:, :beams].tolist(), strict=True
        ):
            candidates = [Hypothesis(tuple(text), score) for text, score in zip(texts, scores, strict=True)]
            search.offer(candidates, last=step == length - 1)
        if all(search.done for search in searches):
            break
        alive = _first_alive(tokens, beams)  # (N, K)
        totals = best.gather(1, alive)
        ids = grown.gather(1, alive[:, :, None].expand(-1, -1, grown.shape[2])).flatten(0, 1)
        # Keys and values follow their beams; those of the encoder are the same for all beams of a prompt.
        cache.self_attention_cache.reorder_cache(rows.gather(1, alive).flatten())  # type: ignore[arg-type]  # int64
    return [search.best() for search in searches]


def _first_alive(tokens: Tensor, beams: int) -> Tensor:
    """(N, K) positions of the first K candidates that have not ended, from their last tokens (N, 2K), best first."""
    return (tokens == EOS_ID).long().argsort(dim=1, stable=True)[:, :beams]
