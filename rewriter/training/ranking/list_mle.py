"""ListMLE: the likelihood of the order by gains under the Plackett-Luce model of the scores."""

from __future__ import annotations

from torch import Tensor

from untilclick.rewriter.training.ranking.rewarded import mean_over_rewarded

DEPTH = 10
"""Ranks of the order that count."""


def list_mle(scores: Tensor, gains: Tensor, depth: int = DEPTH) -> Tensor:
    """() mean over the queries with a gain of - log P(order), for scores and gains (B, C).

    The order is that of falling gains. Candidates without a gain have none among them, so it ends with the last
    document of gain, and at `depth`; equal gains stay in the order of the candidates. Sources: Xia, Liu, Wang, Zhang
    & Li, "Listwise approach to learning to rank: theory and algorithm", ICML 2008; of the first k ranks: Xia, Liu &
    Li, "Statistical consistency of top-k ranking", NIPS 2009.
    """
    ordered, places = gains.sort(dim=1, descending=True, stable=True)  # (B, C) each
    placed = scores.gather(1, places)  # (B, C)
    remaining = placed.flip(1).logcumsumexp(1).flip(1)  # (B, C) of the document itself and of all below it
    losses = (remaining - placed) * (ordered > 0)  # (B, C)
    return mean_over_rewarded(losses[:, :depth].sum(1), gains)
