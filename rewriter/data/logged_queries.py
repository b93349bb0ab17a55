"""From a session log to training data: its inputs, and the documents that would satisfy their searchers."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

from untilclick.rewriter.data.corpus_scorer import NOTHING
from untilclick.rewriter.data.environment import TrainingQuery
from untilclick.rewriter.rewrite import RewriteRequest
from untilclick.rewriter.serving.blend import added_words, context_words
from untilclick.rewriter.serving.term_rewriter import Spelling
from untilclick.search.analysis.analysis import Analysis, QueryTerms
from untilclick.search.records import TOPIC_ATTRIBUTE, Session, Topic


@dataclass(frozen=True)
class JudgedQuery:
    """An input of the log with the grades of documents."""

    request: RewriteRequest
    relevance: Mapping[str, float]
    """doc_id -> grade: that of the simulated user's topic, the number of clicks, or the clicks per examination."""
    shown: frozenset[str] | None = None
    """Documents on which rankings are compared; None for all."""
    need: int | None = None
    """Number of the need behind the input, that of its first session; None if needs are not known."""


NeedOf = Callable[[Session], int | None]
"""The number of a session's need; None if it is not known."""


def unknown(_session: Session) -> None:
    """A `NeedOf` that knows no need."""


class QueriesByPosition(NamedTuple):
    """Queries by their position in their sessions."""

    first: list[JudgedQuery]
    """First queries of sessions."""
    later: list[JudgedQuery]
    """Queries that followed others."""


def simulated_queries(
    sessions: Sequence[Session], topics: Iterable[Topic], need_of: NeedOf = unknown
) -> list[JudgedQuery]:
    """The distinct inputs of simulated sessions with the grades of their topics, the most frequent first. Sessions of
    other topics are left out; `clicked_queries` reads them."""
    by_id = {topic.topic_id: topic for topic in topics}
    counts: Counter[tuple[RewriteRequest, str]] = Counter()
    needs: dict[str, int | None] = {}
    for session in sessions:
        topic_id = str(session.turns[0].attributes.get(TOPIC_ATTRIBUTE))
        if topic_id not in by_id:
            continue
        needs.setdefault(topic_id, need_of(session))
        typed = tuple(turn.query for turn in session.turns)
        counts.update((RewriteRequest(typed[step], typed[:step]), topic_id) for step in range(len(typed)))
    return [
        JudgedQuery(request, by_id[topic_id].relevance, need=needs[topic_id])
        for (request, topic_id), _ in counts.most_common()
    ]


def clicked_queries(sessions: Iterable[Session], need_of: NeedOf = unknown) -> list[JudgedQuery]:
    """The distinct inputs of a log with the number of sessions that ended on each document, the most clicked first.
    This is all that a live log tells. Sessions without a click are left out."""
    clicks: defaultdict[RewriteRequest, Counter[str]] = defaultdict(Counter)
    needs: dict[RewriteRequest, int | None] = {}
    for session in sessions:
        if session.abandoned:
            continue
        typed = tuple(turn.query for turn in session.turns)
        for step in range(len(typed)):
            request = RewriteRequest(typed[step], typed[:step])
            clicks[request][session.clicked[-1]] += 1
            needs.setdefault(request, need_of(session))
    most_clicked = sorted(clicks.items(), key=lambda item: -item[1].total())
    return [JudgedQuery(request, dict(counts), need=needs[request]) for request, counts in most_clicked]


def first_and_later(queries: Iterable[JudgedQuery]) -> QueriesByPosition:
    """The queries, divided into first queries of sessions and later ones."""
    divided = QueriesByPosition([], [])
    for query in queries:
        (divided.later if query.request.history else divided.first).append(query)
    return divided


def mostly_first(
    queries: Iterable[JudgedQuery],
    later_share: float,
    most: int | None = None,
    rounding: Callable[[float], int] = math.floor,
) -> list[JudgedQuery]:
    """At most `most` first queries of sessions, followed by later queries, `later_share` as many as the first,
    rounded. If there are no first queries, at most `most` later ones."""
    first, later = first_and_later(queries)
    first = first[:most]
    return first + (later[: rounding(later_share * len(first))] if first else later[:most])


def training_query(logged: JudgedQuery, spelling: Spelling | None, analysis: Analysis) -> TrainingQuery:
    """The query as retrieval searches it, with corrections of unknown words if there is a corrector."""
    context = _together(map(analysis.query, context_words(logged.request, analysis)))
    terms = retrieval_terms(logged.request.query, spelling, analysis)
    typed = analysis.query(logged.request.query).body
    return TrainingQuery(terms, logged.relevance, context, logged.shown, typed)


def retrieval_terms(query: str, spelling: Spelling | None, analysis: Analysis) -> QueryTerms:
    """Index terms that are searched for a query and for the words that its correction adds."""
    added = added_words(query, spelling.correct(query) if spelling else None, analysis)
    return _together(map(analysis.query, (query, *added)))


def _together(parts: Iterable[QueryTerms]) -> QueryTerms:
    """The terms of several texts; none of no text."""
    fields = [tuple(chain.from_iterable(terms)) for terms in zip(*parts, strict=True)]
    return QueryTerms(*fields) if fields else NOTHING
