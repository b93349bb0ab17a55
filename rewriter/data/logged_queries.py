"""From a session log to training data: the inputs of the log, and the documents that would satisfy their searchers.

Sessions are split into training and validation before anything is counted: by topic if a simulator names one, else by
the index terms of the first query. So no validation query is a variant of a training query.
"""

from __future__ import annotations

import hashlib
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
from untilclick.search.analysis.by_name import FIRST_NAME, analysis_by_name
from untilclick.search.log.visitors import once_per_client
from untilclick.search.records import TOPIC_ATTRIBUTE, Session, Topic


@dataclass(frozen=True)
class JudgedQuery:
    """An input of the log with the grades of documents."""

    request: RewriteRequest
    relevance: Mapping[str, float]
    """doc_id -> grade: that of the simulated user's topic, the number of clicks, or the clicks per examination."""
    shown: frozenset[str] | None = None
    """Documents on which rankings are compared; None for all."""


@dataclass(frozen=True)
class SplitLog:
    """The two sides of a split of a log's sessions."""

    training: tuple[Session, ...]
    validation: tuple[Session, ...]


class QueriesByPosition(NamedTuple):
    """Queries by their position in their sessions."""

    first: list[JudgedQuery]
    """First queries of sessions."""
    later: list[JudgedQuery]
    """Queries that followed others."""


def split_sessions(sessions: Iterable[Session], validation_share: float, purpose: str = "") -> SplitLog:
    """Split sessions by a hash of their need, so that the same need is always on the same side. `validation_share` is
    the share of needs for validation, 0..1; splits with different `purpose` are independent of each other. Left out
    are a client's repeated clicks (`visitors.once_per_client`) and training sessions that later turn to a need of the
    validation.

    If the log is so small that no need falls to the validation, the need with the smallest hash does: without a
    held-out query no epoch and no round could be better than the start.
    """
    typed = [session for session in once_per_client(sessions) if session.turns]
    buckets = {need: _bucket(purpose + need) for need in dict.fromkeys(map(_need, typed))}
    held_out = {need for need, bucket in buckets.items() if bucket < validation_share}
    if not held_out and len(buckets) > 1 and validation_share > 0:
        held_out = {min(buckets, key=buckets.__getitem__)}
    validation = [session for session in typed if _need(session) in held_out]
    others = (session for session in typed if _need(session) not in held_out)
    training = (session for session in others if held_out.isdisjoint(_later_needs(session)))
    return SplitLog(tuple(training), tuple(validation))


def simulated_queries(sessions: Sequence[Session], topics: Iterable[Topic]) -> list[JudgedQuery]:
    """The distinct inputs of simulated sessions with the grades of their topics, the most frequent first. Sessions of
    other topics are left out; `clicked_queries` reads them."""
    by_id = {topic.topic_id: topic for topic in topics}
    counts: Counter[tuple[RewriteRequest, str]] = Counter()
    for session in sessions:
        topic_id = str(session.turns[0].attributes.get(TOPIC_ATTRIBUTE))
        if topic_id not in by_id:
            continue
        typed = tuple(turn.query for turn in session.turns)
        counts.update((RewriteRequest(typed[step], typed[:step]), topic_id) for step in range(len(typed)))
    return [JudgedQuery(request, by_id[topic_id].relevance) for (request, topic_id), _ in counts.most_common()]


def clicked_queries(sessions: Iterable[Session]) -> list[JudgedQuery]:
    """The distinct inputs of a log with the number of sessions that ended on each document, the most clicked first.
    This is all that a live log tells. Sessions without a click are left out."""
    clicks: defaultdict[RewriteRequest, Counter[str]] = defaultdict(Counter)
    for session in sessions:
        if session.abandoned:
            continue
        typed = tuple(turn.query for turn in session.turns)
        for step in range(len(typed)):
            clicks[RewriteRequest(typed[step], typed[:step])][session.clicked[-1]] += 1
    most_clicked = sorted(clicks.items(), key=lambda item: -item[1].total())
    return [JudgedQuery(request, dict(counts)) for request, counts in most_clicked]


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
    return TrainingQuery(terms, logged.relevance, context, logged.shown)


def retrieval_terms(query: str, spelling: Spelling | None, analysis: Analysis) -> QueryTerms:
    """Index terms that are searched for a query and for the words that its correction adds."""
    added = added_words(query, spelling.correct(query) if spelling else None, analysis)
    return _together(map(analysis.query, (query, *added)))


def need_of_query(query: str) -> str:
    """Key of the need behind a query, the same for all variants in case, spaces and word endings: its index terms, or
    its text if it has none.

    The key decides on which side of a split a session stands. It therefore comes from one analysis for all corpora,
    the first, so that a change of a corpus's analysis moves no session into the training side.
    """
    return "query " + (" ".join(analysis_by_name(FIRST_NAME).terms(query)) or query)


def _together(parts: Iterable[QueryTerms]) -> QueryTerms:
    """The terms of several texts; none of no text."""
    fields = [tuple(chain.from_iterable(terms)) for terms in zip(*parts, strict=True)]
    return QueryTerms(*fields) if fields else NOTHING


def _need(session: Session) -> str:
    """Key of the need of a session: its topic if a simulator names one, else that of its first query."""
    topic = session.turns[0].attributes.get(TOPIC_ATTRIBUTE)
    return f"topic {topic}" if topic is not None else need_of_query(session.turns[0].query)


def _later_needs(session: Session) -> set[str]:
    """Keys of the needs of the queries after the first; none if the session has a topic, which holds throughout."""
    if session.turns[0].attributes.get(TOPIC_ATTRIBUTE) is not None:
        return set()
    return {need_of_query(turn.query) for turn in session.turns[1:]}


def _bucket(key: str) -> float:
    """A number in [0, 1) that depends on the key alone."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8]) / 2**64
