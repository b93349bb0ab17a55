"""The weights of what a ranking is summed from: words as typed, other words, and documents by meaning.

    score = typed x BM25(query) / max  +  words x BM25(other words) / max  +  documents x likeness / max
            +  prior x prominence / max

Each part is divided by its maximum over the documents. The prior says how many documents name a document, whatever
the query is; its weight comes on top of the others, and is 0 unless held-out needs show that it helps. A `Mixture`
gives one set of weights for all queries, or follows the evidence of each query by a rule. The evidence takes no
judgments: it says how well BM25 and the encoder answer.

- coverage: BM25's highest score, as a share of what the words of the query could score at most, each in the document
  that suits it best. 1: one document holds all words as prominently as any document holds each.
- agreement: the mean cosine of BM25's first ten documents, as a share of that of the encoder's first ten. 1: BM25
  has found what the encoder takes for the nearest.
- surprise: by how many standard deviations the encoder's tenth document is nearer than the tenth of as many normally
  distributed cosines would be. High: the encoder knows some documents that stand out.
- flatness: BM25's tenth score as a share of its first. High: BM25 cannot tell its first documents apart.

`balanced`: where BM25 covers the query and the encoder finds something else, the typed words weigh more; where the
encoder's documents stand out, they weigh less. `cautious`: meaning counts only where BM25 does not cover the query,
cannot tell its first documents apart, and finds other documents than the encoder. Constants were found on nine sets
of queries, one setting for all; docs/experiments.md has the figures, and what is chosen with one set left out.

Choosing by such evidence is query performance prediction (Cronen-Townsend, Zhou
& Croft, "Predicting query performance", SIGIR 2002); the surprise is like the normalised query commitment of Shtok et
al., "Predicting Query Performance by Query-Drift Estimation", ACM TOIS 30(2), 2012.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

Floats = NDArray[np.float64]

ROUNDING = 1e-9
"""Weights may add up to this much more than 1."""

FIRST = 10
"""Number of documents, the first of BM25 and of the encoder, that the evidence looks at."""

MOST_TYPED = 0.5
"""Weight of the typed words where BM25 covers the query and the encoder finds other documents."""
COVERED = (0.6, 1.0)
"""Coverage at which the typed words begin to weigh more, and at which nothing is missing."""
DISAGREEMENT = 0.2
"""Lack of agreement at which the typed words weigh `MOST_TYPED`."""
SURPRISE = (0.3, 1.2)
"""Surprise at which the typed words begin to weigh less, and at which they weigh least."""
LEAST_TYPED = 0.5
"""Share of their weight that the typed words keep where the encoder's documents stand out."""

CAUTIOUS_LEAST, CAUTIOUS_MOST = 0.025, 0.975
"""Least and largest share that a cautious mixture gives to what is not typed."""
CAUTIOUS_DISAGREEMENT = 0.15
"""Lack of agreement at which a cautious mixture no longer holds meaning back for it."""
CAUTIOUS_UNCOVERED = 0.2
"""Lack of coverage at which it no longer holds meaning back for it."""
CAUTIOUS_POWER = 2.5
"""How sharply it turns from the typed words to meaning."""

Rule = Literal["fixed", "balanced", "cautious"]
"""How weights follow the evidence of a query; `fixed`: they do not."""


class Evidence(NamedTuple):
    """What the first ranking and the cosines say of B queries, without any judgment."""

    coverage: Floats
    """(B,) 0..1, about .6 at least for a query of one known word or more."""
    agreement: Floats
    """(B,) at most about 1; lower where BM25's first documents lie far from the query in meaning."""
    surprise: Floats
    """(B,) in standard deviations of the cosines; 0 for cosines that are normally distributed."""
    flatness: Floats
    """(B,) 0..1; 0 for fewer than ten documents."""


class Weights(NamedTuple):
    """The weights of the three parts for B queries, which sum to 1."""

    typed: Floats
    words: Floats
    documents: Floats


@dataclass(frozen=True)
class Mixture:
    """The weights of typed words and of other words; the documents have the rest."""

    typed: float = 0.4
    """Weight of the query as typed, 0..1."""
    words: float = 0.15
    """Weight of the other words, 0..1."""
    rule: Rule = "balanced"
    """How the weights follow the evidence of each query."""
    prior: float = 0.0
    """Weight of the prominence of documents (`document_prior.py`), 0..1. It is the same for all queries, and the
    other weights sum to 1 without it."""

    def __post_init__(self) -> None:
        if not 0 <= self.prior <= 1:
            raise ValueError(f"The weight of the prior is {self.prior}; expected 0 to 1")
        if min(self.typed, self.words) < 0 or self.typed + self.words > 1 + ROUNDING:
            raise ValueError(f"The weights {self.typed} and {self.words} are not parts of 1")

    def weights(self, evidence: Evidence) -> Weights:
        """The weights for the queries of the evidence."""
        typed, words = (np.full(evidence.coverage.shape, weight) for weight in (self.typed, self.words))
        if self.rule == "balanced":
            trust = _trust_in_typed(evidence)
            typed *= 1.0 - (1.0 - LEAST_TYPED) * _standing_out(evidence)
            typed += (np.maximum(MOST_TYPED, typed) - typed) * trust
            words *= 1.0 - trust
        elif self.rule == "cautious":
            meaning = _trust_in_meaning(evidence)
            typed, words = 1.0 - meaning * (1.0 - typed), meaning * words
        return Weights(typed, words, np.maximum(1.0 - typed - words, 0.0))


def _trust_in_typed(evidence: Evidence) -> Floats:
    """(B,) 0..1, how far BM25 covers the query and finds other documents than the encoder."""
    covered = np.clip((evidence.coverage - COVERED[0]) / (COVERED[1] - COVERED[0]), 0.0, 1.0)
    return covered * np.clip((1.0 - evidence.agreement) / DISAGREEMENT, 0.0, 1.0)


def _standing_out(evidence: Evidence) -> Floats:
    """(B,) 0..1, how far the encoder's documents stand out."""
    return np.clip((evidence.surprise - SURPRISE[0]) / (SURPRISE[1] - SURPRISE[0]), 0.0, 1.0)


def _trust_in_meaning(evidence: Evidence) -> Floats:
    """(B,) the share of what is not typed in a cautious mixture."""
    differing = np.clip((1.0 - evidence.agreement) / CAUTIOUS_DISAGREEMENT, 0.0, 1.0)
    uncovered = np.clip((1.0 - evidence.coverage) / CAUTIOUS_UNCOVERED, 0.0, 1.0)
    lost = (uncovered * np.clip(evidence.flatness, 0.0, 1.0)) ** CAUTIOUS_POWER
    range_ = CAUTIOUS_MOST - CAUTIOUS_LEAST
    return CAUTIOUS_LEAST + range_ * differing * lost * (1.0 + _standing_out(evidence)) / 2.0


def surprise_of(tenth: Floats, mean: Floats, deviation: Floats, n_documents: int) -> Floats:
    """(B,) The surprise of the encoder's tenth cosines, given mean and standard deviation of all cosines."""
    expected = float(norm.ppf(1.0 - min(FIRST / max(n_documents, 1), 0.5)))
    return (tenth - mean) / np.maximum(deviation, 1e-9) - expected


def share_of(part: Floats, whole: Floats) -> Floats:
    """(B,) A part of a whole; 0 where there is none."""
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
