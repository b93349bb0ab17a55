"""What rewriters make of a query, side by side: how each reads it, the words it adds, and the documents it ranks.

Nothing is printed here, and nothing needs torch: rewriters of stages and of bundles are explained alike. What a log
holds of the query is in `log_evidence.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from untilclick.rewriter.readings import Reading, Readings, UsedReadings
from untilclick.rewriter.rewrite import KnowsWords, Reason, Rewrite, Rewriter, RewriteRequest
from untilclick.rewriter.serving.readings.ranker import Ranking, rank
from untilclick.rewriter.serving.readings.searched_query import SearchedQuery
from untilclick.search.engines.protocol import SearchEngine

DEPTH = 100
"""Ranks beyond this one are not told."""
MOST_WORDS = 10
"""Number of words that are told."""
MOST_RAISED = 5
"""Number of documents raised by meaning that are told."""


@dataclass(frozen=True)
class ReadQuery:
    """How one rewriter reads a query."""

    name: str
    """Of the rewriter."""
    known: bool
    """Whether it knows a word of the query, or a likely spelling of one."""
    applied: bool
    """Whether it changes the search."""
    reason: Reason
    text: str
    """The rewritten query as people read it."""
    correction: str | None
    """The query with misspelt words replaced; None if no word was."""
    context: tuple[str, ...]
    """Words of the session's earlier queries that are searched, too."""
    used: UsedReadings
    shares: Mapping[str, float] | None
    """The weights of what is summed, by the names of `Shares`; None if the words alone rank."""
    confidence: float
    """Probability of the added words, 0..1."""
    learned: bool | None
    """Whether the part of a bundle that has learned answered; None if it has no other."""


@dataclass(frozen=True)
class AddedWord:
    """A word that a rewriter adds."""

    word: str
    weights: Mapping[str, float | None]
    """Rewriter -> weight among its added words, which sum to 1; None if it does not add the word."""


@dataclass(frozen=True)
class RankedDocument:
    """A document among the first of a ranking."""

    doc_id: str
    title: str
    """The document's title, or its id if it has none."""
    typed: int | None
    """Rank for the query as typed; None beyond `DEPTH`."""
    ranks: Mapping[str, int | None]
    """Rewriter -> rank; None beyond `DEPTH`."""
    found_by: Mapping[str, tuple[Reading, ...]]
    """Rewriter -> the readings that found it; empty if it is not among the rewriter's first documents."""


@dataclass(frozen=True)
class RaisedDocument:
    """A document that meaning raised into the first of a ranking."""

    doc_id: str
    title: str
    by_words: int | None
    """Rank by the words of the rewrite alone; None beyond `DEPTH`."""
    rank: int
    """Rank with the likeness of documents."""


@dataclass(frozen=True)
class Explanation:
    """What rewriters make of one query."""

    query: str
    read: tuple[ReadQuery, ...]
    """One for each rewriter, in order."""
    words: tuple[AddedWord, ...]
    """The `MOST_WORDS` added words of the highest weights, by the rewriter that gives the highest."""
    documents: tuple[RankedDocument, ...]
    """The first k documents of every rewriter, in the order of the last one, then of the one before."""
    raised: tuple[RaisedDocument, ...]
    """The documents among the last rewriter's first k that its reading as documents raised most, most first."""

    @property
    def unknown(self) -> bool:
        """Whether nobody knows a word of the query: neither the documents nor a rewriter."""
        return not any(each.known for each in self.read) and all(each.typed is None for each in self.documents)


def explain(
    rewriters: Mapping[str, Rewriter], engine: SearchEngine, requests: Sequence[RewriteRequest], k: int
) -> list[Explanation]:
    """One explanation per request, in order. `rewriters` has one or more by their names, `k` is the number of first
    documents, at most `DEPTH`. Documents whose title is the query as typed come first, as in the service."""
    rewrites = {name: rewriter.rewrite(requests) for name, rewriter in rewriters.items()}
    explanations = []
    for i, request in enumerate(requests):
        its = {
            name: _Rewritten(each[i], known=_knows(rewriters[name], request, each[i]))
            for name, each in rewrites.items()
        }
        explanations.append(_Explained(engine, request.query, its, k).explanation())
    return explanations


class _Rewritten(NamedTuple):
    """A rewrite, and whether its rewriter knows the query."""

    rewrite: Rewrite
    known: bool


def _knows(rewriter: Rewriter, request: RewriteRequest, rewrite: Rewrite) -> bool:
    """Whether a rewriter knows a word of a query; one that does not tell knows what it rewrites."""
    return rewriter.knows(request) if isinstance(rewriter, KnowsWords) else rewrite.applied


class _Explained:
    """The rankings of one query."""

    def __init__(self, engine: SearchEngine, query: str, rewrites: Mapping[str, _Rewritten], k: int) -> None:
        self._engine = engine
        self._query = query
        self._rewrites = rewrites
        self._searched = {name: SearchedQuery.of(each.rewrite) for name, each in rewrites.items()}
        self._titled = engine.with_title(query)
        self._first = dict(zip(rewrites, self._ranked(self._searched.values(), k), strict=True))
        self._last = list(rewrites)[-1]

    def explanation(self) -> Explanation:
        """All of it."""
        read = tuple(_read(name, each, self._searched[name]) for name, each in self._rewrites.items())
        words = _words({name: each.rewrite for name, each in self._rewrites.items()})
        return Explanation(self._query, read, words, self._documents(), self._raised())

    def _ranked(self, queries: Iterable[SearchedQuery], k: int) -> list[Ranking]:
        queries = list(queries)
        return rank(self._engine, queries, k, titled=[self._titled] * len(queries))

    def _ranks(self, queries: Iterable[SearchedQuery]) -> list[dict[str, int]]:
        """The ranks down to DEPTH for each query."""
        return [
            {entry.doc_id: i for i, entry in enumerate(ranking.shown, 1)} for ranking in self._ranked(queries, DEPTH)
        ]

    def _documents(self) -> tuple[RankedDocument, ...]:
        typed, *ranks = self._ranks([SearchedQuery.typed(self._query), *self._searched.values()])
        by_name = dict(zip(self._searched, ranks, strict=True))
        listed = {name: [entry.doc_id for entry in ranking.shown] for name, ranking in self._first.items()}
        doc_ids = list(dict.fromkeys(doc_id for each in reversed(listed.values()) for doc_id in each))
        titles = self._titles(doc_ids)
        return tuple(
            RankedDocument(
                doc_id,
                titles[doc_id],
                typed.get(doc_id),
                {name: each.get(doc_id) for name, each in by_name.items()},
                {
                    name: tuple(sorted(ranking.finds.of(doc_id), reverse=True)) if doc_id in listed[name] else ()
                    for name, ranking in self._first.items()
                },
            )
            for doc_id in doc_ids
        )

    def _raised(self) -> tuple[RaisedDocument, ...]:
        searched, ranking = self._searched[self._last], self._first[self._last]
        if searched.documents is None:
            return ()
        by_words = SearchedQuery.of(self._rewrites[self._last].rewrite, readings=Readings.WORDS)
        (words,) = self._ranks([by_words])
        ranks = {entry.doc_id: i for i, entry in enumerate(ranking.shown, 1)}
        gains = {doc_id: words.get(doc_id, DEPTH + 1) - place for doc_id, place in ranks.items()}
        raised = [
            doc_id
            for doc_id in sorted(gains, key=lambda doc_id: (-gains[doc_id], ranks[doc_id]))
            if gains[doc_id] > 0 and Reading.DOCUMENTS in ranking.finds.of(doc_id)
        ][:MOST_RAISED]
        titles = self._titles(raised)
        return tuple(RaisedDocument(each, titles[each], words.get(each), ranks[each]) for each in raised)

    def _titles(self, doc_ids: Sequence[str]) -> dict[str, str]:
        return {each.doc_id: each.title or each.doc_id for each in self._engine.documents(doc_ids)}


def _read(name: str, rewritten: _Rewritten, searched: SearchedQuery) -> ReadQuery:
    rewrite = rewritten.rewrite
    return ReadQuery(
        name=name,
        known=rewritten.known,
        applied=rewrite.applied,
        reason=rewrite.reason,
        text=rewrite.text,
        correction=rewrite.correction,
        context=rewrite.context,
        used=searched.used,
        shares=None if searched.shares is None else searched.shares._asdict(),
        confidence=rewrite.confidence,
        learned=rewrite.learned,
    )


def _words(rewrites: Mapping[str, Rewrite]) -> tuple[AddedWord, ...]:
    weights = {name: dict(rewrite.terms) for name, rewrite in rewrites.items()}
    highest: dict[str, float] = {}
    for each in reversed(weights.values()):
        for word, weight in each.items():
            highest[word] = max(weight, highest.get(word, 0.0))
    heaviest = sorted(highest, key=lambda word: -highest[word])[:MOST_WORDS]
    return tuple(AddedWord(word, {name: each.get(word) for name, each in weights.items()}) for word in heaviest)
