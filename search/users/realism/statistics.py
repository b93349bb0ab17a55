"""Statistics of search sessions that show whether simulated users behave as people do.

Each statistic is a ratio of two sums over sessions, such as clicks at rank 1 over all clicks, and one function gives
what one session adds to both. Means, intervals that resample sessions or topics, and moments of a fit follow from
these numbers alone. A document that was clicked twice on one list counts once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from untilclick.search.analysis.analysis import Analysis
from untilclick.search.records import Session, Turn
from untilclick.search.text.term_index import TermIndex
from untilclick.search.users.reformulation import Kind, kind_of


class Part(NamedTuple):
    """What one session adds to the two sums of a ratio."""

    part: float
    whole: float


@dataclass(frozen=True, eq=False)
class Ratio:
    """A statistic of S sessions: the sum of their parts over the sum of their wholes."""

    parts: NDArray[np.float64]
    """(S,)"""
    wholes: NDArray[np.float64]
    """(S,) each >= 0."""

    @classmethod
    def of(cls, parts: Iterable[Part]) -> Ratio:
        """Collect what the sessions add."""
        table = np.array([*parts], dtype=np.float64).reshape(-1, 2)  # (S, 2)
        return cls(table[:, 0], table[:, 1])

    @property
    def value(self) -> float:
        """The ratio; NaN if the wholes add up to 0."""
        return float(self.parts.sum() / whole) if (whole := self.wholes.sum()) else float("nan")

    @property
    def influence(self) -> NDArray[np.float64]:
        """(S,) influence of each session on the ratio, (part - ratio x whole) / mean whole; their squares add up to
        S^2 times its variance (Cochran, "Sampling Techniques", 1977, section 6.3)."""
        return np.asarray((self.parts - self.value * self.wholes) / self.wholes.mean(), dtype=np.float64)

    @property
    def standard_error(self) -> float:
        """Standard error of the ratio, sessions as units; NaN for fewer than two sessions or an undefined ratio. It
        is at least 1 / the sum of the wholes: if none of n changes respells, the share is not certain to be 0."""
        n, whole = self.parts.size, float(self.wholes.sum())
        if n < 2 or not whole:
            return float("nan")
        return max(float(np.sqrt(np.square(self.influence).sum() / (n * (n - 1)))), 1.0 / whole)


class Texts:
    """How words are counted, and the terms of those clicked and shown documents that the corpus has."""

    def __init__(self, index: TermIndex) -> None:
        self._index = index
        self.analysis: Analysis = index.analysis

    def __contains__(self, doc_id: str) -> bool:
        """Whether the corpus has the document."""
        return doc_id in self._index.doc_rows

    def overlap(self, query_ids: NDArray[np.int64], n_terms: int, doc_id: str) -> float:
        """Share of a query's `n_terms` distinct terms that the document has; `query_ids` are those that the corpus
        knows."""
        row, counts = self._index.doc_rows[doc_id], self._index.counts
        ids = counts.indices[counts.indptr[row] : counts.indptr[row + 1]]
        return float(np.isin(query_ids, ids, assume_unique=True).sum()) / n_terms

    def query_ids(self, query: str) -> tuple[NDArray[np.int64], int]:
        """Ids of the query's distinct terms that the corpus has, and the number of all its distinct terms."""
        terms = set(self.analysis.terms(query))
        known = [self._index.term_ids[term] for term in terms if term in self._index.term_ids]
        return np.array(sorted(known), dtype=np.int64), len(terms)


def query_length(session: Session, texts: Texts) -> Part:
    """Words per query."""
    return Part(sum(len(texts.analysis.keywords(turn.query)) for turn in session.turns), len(session.turns))


def clicked_overlap(session: Session, texts: Texts) -> Part:
    """Overlap of a query with its clicked documents less the overlap with the shown ones that were not clicked, per
    turn that has both with a text.

    An overlap is the share of the query's terms that a document has, in [0, 1]. Engines that match words show
    documents with these words, clicked or not; the difference leaves out what the engine adds.
    """
    differences = [difference for turn in session.turns if (difference := _difference(turn, texts)) is not None]
    return Part(sum(differences), len(differences))


def _difference(turn: Turn, texts: Texts) -> float | None:
    clicked = {click.doc_id for click in turn.clicks}
    known = [doc_id for doc_id in turn.shown if doc_id in texts]
    groups = [[doc_id for doc_id in known if (doc_id in clicked) is side] for side in (True, False)]
    ids, n_terms = texts.query_ids(turn.query)
    if not n_terms or not all(groups):
        return None
    clicked_mean, other_mean = (float(np.mean([texts.overlap(ids, n_terms, d) for d in group])) for group in groups)
    return clicked_mean - other_mean


def looked_up(session: Session, texts: Texts) -> Part:
    """Share of the clicked documents that the corpus has."""
    clicked = {(turn.step, click.doc_id) for turn in session.turns for click in turn.clicks}
    return Part(sum(doc_id in texts for _, doc_id in clicked), len(clicked))


def kinds(session: Session, texts: Texts) -> Counter[Kind]:
    """The kinds of the session's changes of a query; queries with the same content words are no change."""
    changes = (kind_of(a.query, b.query, texts.analysis) for a, b in pairwise(session.turns))
    return Counter(kind for kind in changes if kind is not None)


def kept_word(session: Session, texts: Texts) -> Part:
    """Share of the changes that keep a word of the query before."""
    counts = kinds(session, texts)
    return Part(counts.total() - counts[Kind.NEW], counts.total())


def kind_share(kind: Kind) -> Callable[[Session, Texts], Part]:
    """The share of one kind among all changes, as a statistic."""

    def share(session: Session, texts: Texts) -> Part:
        counts = kinds(session, texts)
        return Part(counts[kind], counts.total())

    return share


def queries(session: Session, texts: Texts) -> Part:  # noqa: ARG001
    """Queries per session."""
    return Part(len(session.turns), 1)


def first_rank(session: Session, texts: Texts) -> Part:  # noqa: ARG001
    """Share of the clicks that fall on rank 1."""
    ranks = [rank for turn in session.turns for rank in clicked_ranks(turn)]
    return Part(ranks.count(1), len(ranks))


def last_click(session: Session, texts: Texts) -> Part:  # noqa: ARG001
    """Rank of the last click of a list in time, mean over lists with a click."""
    ranks = [max(turn.clicks, key=lambda click: click.time).rank for turn in session.turns if turn.clicks]
    return Part(sum(ranks), len(ranks))


def unclicked_turns(session: Session, texts: Texts) -> Part:  # noqa: ARG001
    """Share of the queries without a click."""
    return Part(sum(not turn.clicks for turn in session.turns), len(session.turns))


def abandoned(session: Session, texts: Texts) -> Part:  # noqa: ARG001
    """Share of the sessions without a click."""
    return Part(float(session.abandoned), 1)


def clicked_ranks(turn: Turn) -> list[int]:
    """The distinct clicked ranks of a list, from the top."""
    return sorted({click.rank for click in turn.clicks})


@dataclass(frozen=True)
class Statistic:
    """One row of a comparison."""

    name: str
    """The key in files and of reasons for which a log cannot tell it."""
    label: str
    """What people read."""
    of: Callable[[Session, Texts], Part]
    """What a session adds."""

    def ratio(self, sessions: Sequence[Session], texts: Texts) -> Ratio:
        """The statistic of sessions."""
        return Ratio.of(self.of(session, texts) for session in sessions)


STATISTICS = (
    Statistic("query_length", "words in a query", query_length),
    Statistic("clicked_overlap", "overlap with clicked less unclicked", clicked_overlap),
    Statistic("kept_word", "changes that keep a word", kept_word),
    Statistic("queries", "queries in a session", queries),
    Statistic("first_rank", "clicks on rank 1", first_rank),
    Statistic("last_click", "rank of a list's last click", last_click),
    Statistic("unclicked_turns", "queries without a click", unclicked_turns),
    Statistic("abandoned", "sessions without a click", abandoned),
)
"""Six statistics in eight numbers: length, overlap, kinds and number of reformulations, clicks by rank, depth of the
last click, and abandonment of a query and of a session."""

RANKS = 10
"""Ranks of the distribution of clicks; deeper clicks are counted together."""


def kind_shares(sessions: Sequence[Session], texts: Texts) -> NDArray[np.float64]:
    """(7,) share of each `Kind` among the changes of queries; zeros without a change."""
    counts: Counter[Kind] = sum((kinds(session, texts) for session in sessions), Counter())
    return _shares([counts[kind] for kind in Kind])


def rank_shares(sessions: Sequence[Session]) -> NDArray[np.float64]:
    """(RANKS + 1,) share of the clicks on rank 1, 2, ..., RANKS and below; zeros without a click."""
    ranks = Counter(min(r, RANKS + 1) for s in sessions for turn in s.turns for r in clicked_ranks(turn))
    return _shares([ranks[rank] for rank in range(1, RANKS + 2)])


def total_variation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Total variation distance of two distributions (n,): half the sum of absolute differences, in [0, 1]."""
    return float(np.abs(a - b).sum() / 2)


def _shares(counts: Sequence[int]) -> NDArray[np.float64]:
    return np.asarray(counts, dtype=np.float64) / max(sum(counts), 1)
