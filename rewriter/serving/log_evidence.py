"""What a session log holds of a query: who typed it or its words, and what they clicked in the end. No torch.

Nothing is told of a query, nor of a word, that fewer than `LEAST_VISITORS` visitors typed. Visitors are counted by
their client ids; a session without a client id counts as a visitor of its own. Simulated sessions count as the log
records them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from untilclick.rewriter.language.outside_words import LEAST_VISITORS
from untilclick.search.analysis.analysis import Analysis
from untilclick.search.records import Session

MOST_CLICKED = 10
"""Number of clicked documents that are told."""


@dataclass(frozen=True)
class FinalClicks:
    """A document on which sessions ended."""

    doc_id: str
    title: str
    """The document's title, or its id for one that is gone or has none."""
    sessions: int
    """Number of sessions whose last click it was."""


@dataclass(frozen=True)
class TypedBy:
    """The sessions that typed a query or a word."""

    sessions: int
    visitors: int
    """`LEAST_VISITORS` or more."""
    simulated: int
    """Number of the sessions that simulated users made."""
    abandoned: int
    """Number of the sessions without a click."""
    clicked: tuple[FinalClicks, ...]
    """The `MOST_CLICKED` documents on which most of the other sessions ended, most frequent first."""


@dataclass(frozen=True)
class TypedWord:
    """A word of a query in the log."""

    word: str
    """As it stands in the query."""
    typed_by: TypedBy


@dataclass(frozen=True)
class LogEvidence:
    """What a log holds of one query."""

    query: TypedBy | None
    """Sessions with a query of the same index terms; None if fewer than `LEAST_VISITORS` visitors typed one."""
    words: tuple[TypedWord, ...]
    """The words of the query that `LEAST_VISITORS` visitors or more typed, in any query; in the query's order."""
    n_withheld: int
    """Number of its other words, which fewer visitors typed."""


def log_evidence(
    queries: Sequence[str], sessions: Iterable[Session], analysis: Analysis, titles: Mapping[str, str]
) -> list[LogEvidence]:
    """The evidence of a log for each query, by one pass over its sessions. A word is one index term, in whatever form
    it was typed; a query is the set of its index terms. `titles` has the titles of documents by their ids."""
    words = [_words(query, analysis) for query in queries]
    whole = [frozenset(analysis.terms(query)) for query in queries]
    of_queries = {terms: _Tally() for terms in whole if terms}
    of_terms = {term: _Tally() for each in words for term in each}
    terms_of = cache(lambda query: frozenset(analysis.terms(query)))  # simulated users type the same query often
    for session in sessions:
        typed = {terms_of(turn.query) for turn in session.turns}
        for terms in typed & of_queries.keys():
            of_queries[terms].add(session)
        for term in frozenset().union(*typed) & of_terms.keys():
            of_terms[term].add(session)
    return [
        _evidence(of_queries.get(terms), {word: of_terms[term] for term, word in each.items()}, titles)
        for terms, each in zip(whole, words, strict=True)
    ]


def _words(query: str, analysis: Analysis) -> dict[str, str]:
    """The index terms of a query's words -> the words, in the order of the query."""
    words: dict[str, str] = {}
    for word in analysis.words(query):
        term = analysis.term_of(word)
        if term is not None:
            words.setdefault(term, word)
    return words


def _evidence(query: _Tally | None, words: Mapping[str, _Tally], titles: Mapping[str, str]) -> LogEvidence:
    typed = {word: tally.typed_by(titles) for word, tally in words.items()}
    told = tuple(TypedWord(word, typed_by) for word, typed_by in typed.items() if typed_by is not None)
    of_query = None if query is None else query.typed_by(titles)
    return LogEvidence(of_query, told, len(typed) - len(told))


@dataclass
class _Tally:
    """Counts over the sessions that typed something."""

    sessions: int = 0
    simulated: int = 0
    without_client: int = 0
    clients: set[str] = field(default_factory=set)
    clicked: Counter[str] = field(default_factory=Counter)

    def add(self, session: Session) -> None:
        """Count one session."""
        self.sessions += 1
        self.simulated += session.source == "simulated"
        if session.client_id is None:
            self.without_client += 1
        else:
            self.clients.add(session.client_id)
        self.clicked.update(session.clicked[-1:])

    def typed_by(self, titles: Mapping[str, str]) -> TypedBy | None:
        """The counts; None if too few visitors typed it to tell any of them."""
        visitors = len(self.clients) + self.without_client
        if visitors < LEAST_VISITORS:
            return None
        clicked = sorted(self.clicked.items(), key=lambda entry: (-entry[1], entry[0]))
        documents = tuple(
            FinalClicks(doc_id, titles.get(doc_id) or doc_id, n) for doc_id, n in clicked[:MOST_CLICKED]
        )
        abandoned = self.sessions - self.clicked.total()
        return TypedBy(self.sessions, visitors, self.simulated, abandoned, documents)
