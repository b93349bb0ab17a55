"""From searched queries to rankings. Every part of the program that ranks rewrites calls `rank`, so that the
verdicts, the shadow and the evaluations judge what the service shows.

Documents are found and scored in this module alone: by the words of a query, and, if it has a reading as documents,
by the sum of both, to which the prominence of documents may be added. The fusion and the interleaving of rankings are
their callers' affair.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from untilclick.rewriter.readings import Reading
from untilclick.rewriter.rewrite import WeightedPrior
from untilclick.rewriter.serving.readings.searched_query import SearchedQuery
from untilclick.search.engines.protocol import SearchEngine
from untilclick.search.engines.vectors.document_scores import DocumentReading
from untilclick.search.errors import UnknownDocumentError
from untilclick.search.measures.exact_titles import exact_titles_first
from untilclick.search.measures.fusion import sum_of_scaled
from untilclick.search.records import ScoredDoc, WeightedQuery
from untilclick.search.text.heaviest import heaviest

CANDIDATES = 200
"""Least number of documents that each reading brings into the sum. It does not decide by what scores are divided: the
best document of each reading is among its candidates."""

_NO_WORDS = WeightedQuery(())
"""Is searched where the words count for nothing."""


FoundBy = frozenset[Reading]
"""The readings that found a document."""

BY_WORDS: FoundBy = frozenset([Reading.WORDS])


class Finds(NamedTuple):
    """What each reading alone would have listed, of the documents of one ranking.

    Not whether a document has a searched word: of 200 words nearly every document has one."""

    by_words: frozenset[str] | None = None
    """Ids of the first k documents by words; None: the words alone rank."""
    by_likeness: frozenset[str] = frozenset()
    """Ids of the first k documents by likeness; none if this reading is not used or has no weight."""
    by_prominence: frozenset[str] = frozenset()
    """Ids of the documents that the ranking would not have without their prominence."""

    def of(self, doc_id: str) -> FoundBy:
        """The readings that list a document of the ranking; both for one that only their sum lists."""
        if self.by_words is None:
            return BY_WORDS
        found = _FOUND_BY[doc_id in self.by_words, doc_id in self.by_likeness] or _FOUND_BY[True, True]
        return found | _BY_PROMINENCE if doc_id in self.by_prominence else found


_FOUND_BY = {
    (words, documents): frozenset([Reading.WORDS] * words + [Reading.DOCUMENTS] * documents)
    for words in (False, True)
    for documents in (False, True)
}
_BY_PROMINENCE: FoundBy = frozenset([Reading.PROMINENCE])


class Ranking(NamedTuple):
    """The documents that are ranked for one query."""

    retrieved: list[ScoredDoc]
    """The documents by their scores, best first."""
    shown: list[ScoredDoc]
    """The list that a visitor sees: the same after the documents whose title is the query as typed."""
    finds: Finds = Finds()
    """Which reading found the documents."""


class Retrieved(NamedTuple):
    """The documents that are retrieved for one query."""

    ranking: list[ScoredDoc]
    """The documents by their scores, best first."""
    finds: Finds = Finds()
    """Which reading found them."""


def rank(
    engine: SearchEngine,
    queries: Sequence[SearchedQuery],
    k: int,
    *,
    titled: Sequence[Sequence[str]] = (),
    clauses: int | None = None,
) -> list[Ranking]:
    """One ranking of at most k documents per query.

    `titled` has for each query the ids of the documents whose title is the query as typed, see `exact_titles_first`;
    without it, no document comes first for its title. Only the heaviest `clauses` clauses of a query are searched;
    None searches all. Raises EngineError if the engine fails, and ValueError if `titled` is not of the queries.
    """
    retrieved = _retrieved(engine, queries, k, clauses)
    first = titled or [()] * len(queries)
    return [
        Ranking(ranking, exact_titles_first(ranking, doc_ids, k), finds)
        for (ranking, finds), doc_ids in zip(retrieved, first, strict=True)
    ]


def _retrieved(
    engine: SearchEngine, queries: Sequence[SearchedQuery], k: int, clauses: int | None
) -> list[Retrieved]:
    """The documents retrieved for each query, by its words alone or by the sum of both readings."""
    words = [each.query if clauses is None else each.query.heaviest(clauses) for each in queries]
    summed = [i for i, each in enumerate(queries) if each.documents is not None]
    if not summed:
        return list(map(Retrieved, engine.search(words, k)))
    plain = [i for i, each in enumerate(queries) if each.documents is None]
    rankings = dict(zip(plain, map(Retrieved, engine.search([words[i] for i in plain], k)), strict=True))
    readings = [_Reading(each.documents, each.prior) for each in queries if each.documents is not None]
    rankings |= zip(summed, _by_both(engine, [words[i] for i in summed], readings, k), strict=True)
    return [rankings[i] for i in range(len(queries))]


class _Reading(NamedTuple):
    """What is summed with the words of a query."""

    documents: DocumentReading
    prior: WeightedPrior | None


def _by_both(
    engine: SearchEngine, words: Sequence[WeightedQuery], summed: Sequence[_Reading], k: int
) -> list[Retrieved]:
    """The first k documents of each query by the weighted sum of both readings, among the candidates of both."""
    n, readings = max(k, CANDIDATES), [each.documents for each in summed]
    searched = [
        query if reading.share < 1 or reading.words_are_scaled else _NO_WORDS
        for query, reading in zip(words, readings, strict=True)
    ]
    rankings = engine.search(searched, n)
    by_words = [dict(ranking) for ranking in rankings]
    nearest = [reading.scores.nearest(n) for reading in readings]
    candidates = [
        reading.scores.in_corpus_order({*scores, *(entry.doc_id for entry in likest)})
        for scores, likest, reading in zip(by_words, nearest, readings, strict=True)
    ]
    missing = [
        [doc_id for doc_id in doc_ids if doc_id not in scores]
        for scores, doc_ids in zip(by_words, candidates, strict=True)
    ]
    for scores, others in zip(by_words, _scores(engine, searched, missing), strict=True):
        scores.update(others)
    finds = [
        Finds(_first(ranking, k), _first(likest, k)) if reading.share > 0 else Finds()
        for ranking, likest, reading in zip(rankings, nearest, readings, strict=True)
    ]
    return [
        _summed(engine, [doc_id for doc_id in doc_ids if doc_id in scores], scores, reading, k, found)
        for doc_ids, scores, reading, found in zip(candidates, by_words, summed, finds, strict=True)
    ]


def _first(ranking: Sequence[ScoredDoc], k: int) -> frozenset[str]:
    """Ids of the first k documents with a positive score."""
    return frozenset(doc_id for doc_id, score in ranking[:k] if score > 0)


def _scores(
    engine: SearchEngine, queries: Sequence[WeightedQuery], doc_ids: Sequence[Sequence[str]]
) -> list[dict[str, float]]:
    """The scores of given documents for each query, without those of documents that are gone: one may be deleted
    while a search goes on."""
    try:
        by_query = engine.scores(queries, doc_ids)
        return [dict(zip(ids, scores, strict=True)) for ids, scores in zip(doc_ids, by_query, strict=True)]
    except UnknownDocumentError:
        return [_scores_of_present(engine, query, ids) for query, ids in zip(queries, doc_ids, strict=True)]


def _scores_of_present(engine: SearchEngine, query: WeightedQuery, doc_ids: Sequence[str]) -> dict[str, float]:
    scores = {}
    for doc_id in doc_ids:
        with suppress(UnknownDocumentError):
            scores[doc_id] = engine.scores([query], [[doc_id]])[0][0]
    return scores


def _summed(
    engine: SearchEngine,
    doc_ids: Sequence[str],
    by_words: Mapping[str, float],
    summed: _Reading,
    k: int,
    finds: Finds,
) -> Retrieved:
    """The first k of the candidates, which are in corpus order; negative cosines count 0, and documents without a
    positive sum are left out, however prominent they are."""
    reading, prior = summed
    words = np.array([by_words[doc_id] for doc_id in doc_ids], dtype=np.float64)  # (C,)
    documents = np.maximum(reading.scores.scores(doc_ids), 0.0)  # (C,)
    if reading.words_are_scaled:
        sums = words + sum_of_scaled((documents,), (reading.share,))
    else:
        sums = sum_of_scaled((words, documents), (1.0 - reading.share, reading.share))
    ranking = _first_k(doc_ids, sums, k)
    if prior is None:
        return Retrieved(ranking, finds)
    sums = np.where(sums > 0, sums + prior.weight * prior.scores.values(doc_ids, engine.documents), 0.0)
    with_prior = _first_k(doc_ids, sums, k)
    added = frozenset(entry.doc_id for entry in with_prior) - {entry.doc_id for entry in ranking}
    return Retrieved(with_prior, finds._replace(by_prominence=added))


def _first_k(doc_ids: Sequence[str], sums: NDArray[np.float64], k: int) -> list[ScoredDoc]:
    return [ScoredDoc(doc_ids[i], float(sums[i])) for i in heaviest(sums, k) if sums[i] > 0]
