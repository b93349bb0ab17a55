"""From a session log to what the training stages learn from: inputs, and what is wanted for each.

Sessions are parted into training and validation before anything is counted, by topic where a simulator names one and
by the index terms of the first query otherwise, so that no validation query is a variant of a training one.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from untilclick.rewriter.data.environment import TrainingQuery
from untilclick.rewriter.rewrite import RewriteRequest
from untilclick.rewriter.serving.blend import added_words, context_words
from untilclick.rewriter.serving.term_rewriter import Spelling
from untilclick.search.log.visitors import once_per_client
from untilclick.search.records import TOPIC_ATTRIBUTE, Session, Topic
from untilclick.search.text.analysis import terms as analyse


@dataclass(frozen=True)
class JudgedQuery:
    """An input of the log and what would satisfy the searcher."""

    request: RewriteRequest
    relevance: Mapping[str, float]
    """doc_id -> grade of the simulated user's topic, number of clicks, or clicks per look."""
    shown: frozenset[str] | None = None
    """Documents that rankings are to be compared on; None for all."""


@dataclass(frozen=True)
class SplitLog:
    """Sessions to train on and sessions to choose by."""

    training: tuple[Session, ...]
    validation: tuple[Session, ...]


def split_sessions(sessions: Iterable[Session], validation_share: float, purpose: str = "") -> SplitLog:
    """Part sessions by a hash of their need; the same need is always on the same side, a client's repeated clicks are
    left out (`visitors.once_per_client`), and so are sessions that come to a need of the validation later. Partings
    for different purposes are independent of each other.

    Of a log so small that no need falls to the validation, the one nearest to it is kept back: without any held-out
    query no epoch and no round could ever be found better than the start.
    """
    typed = [session for session in once_per_client(sessions) if session.turns]
    buckets = {need: _bucket(purpose + need) for need in dict.fromkeys(map(_need, typed))}
    kept_back = {need for need, bucket in buckets.items() if bucket < validation_share}
    if not kept_back and len(buckets) > 1 and validation_share > 0:
        kept_back = {min(buckets, key=buckets.__getitem__)}
    sides: tuple[list[Session], list[Session]] = ([], [])
    for session in typed:
        sides[_need(session) in kept_back].append(session)
    training = (session for session in sides[0] if kept_back.isdisjoint(_later_needs(session)))
    return SplitLog(tuple(training), tuple(sides[1]))


def simulated_queries(sessions: Sequence[Session], topics: Iterable[Topic]) -> list[JudgedQuery]:
    """Distinct inputs of simulated sessions with the grades of their topics, the most frequent first; sessions of
    unknown topics are left to `clicked_queries`."""
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
    """Distinct inputs with the number of sessions that ended on each document, the most clicked first: all that a
    live log tells. Abandoned sessions teach nothing here."""
    clicks: defaultdict[RewriteRequest, Counter[str]] = defaultdict(Counter)
    for session in sessions:
        if session.abandoned:
            continue
        typed = tuple(turn.query for turn in session.turns)
        for step in range(len(typed)):
            clicks[RewriteRequest(typed[step], typed[:step])][session.clicked[-1]] += 1
    most_clicked = sorted(clicks.items(), key=lambda one: -one[1].total())
    return [JudgedQuery(request, dict(counts)) for request, counts in most_clicked]


def first_and_later(queries: Iterable[JudgedQuery]) -> tuple[list[JudgedQuery], list[JudgedQuery]]:
    """First queries of sessions, and those that came after others."""
    sides: tuple[list[JudgedQuery], list[JudgedQuery]] = ([], [])
    for one in queries:
        sides[bool(one.request.history)].append(one)
    return sides


def mostly_first(
    queries: Iterable[JudgedQuery],
    later_share: float,
    most: int | None = None,
    rounding: Callable[[float], int] = math.floor,
) -> list[JudgedQuery]:
    """First queries of sessions, `most` of them at most, then later ones, as many as `later_share` of the first,
    rounded; where there are no first ones, `most` later ones."""
    first, later = first_and_later(queries)
    first = first[:most]
    return first + (later[: rounding(later_share * len(first))] if first else later[:most])


def training_query(logged: JudgedQuery, spelling: Spelling | None) -> TrainingQuery:
    """The query as retrieval sees it, with corrections of unknown words where a corrector is given."""
    context = analyse(" ".join(context_words(logged.request)))
    terms = retrieval_terms(logged.request.query, spelling)
    return TrainingQuery(terms, logged.relevance, tuple(context), logged.shown)


def retrieval_terms(query: str, spelling: Spelling | None) -> tuple[str, ...]:
    """Index terms of a query and of the words that its correction brings in."""
    added = added_words(query, spelling.correct(query) if spelling else None)
    return tuple(analyse(query)) + tuple(analyse(" ".join(added)))


def need_of_query(query: str) -> str:
    """What is asked for, whatever its case, spaces and endings: the index terms, or the text where there are none."""
    return "query " + (" ".join(analyse(query)) or query)


def _need(session: Session) -> str:
    topic = session.turns[0].attributes.get(TOPIC_ATTRIBUTE)
    return f"topic {topic}" if topic is not None else need_of_query(session.turns[0].query)


def _later_needs(session: Session) -> set[str]:
    """Of queries after the first; none where a topic says what is needed throughout."""
    if session.turns[0].attributes.get(TOPIC_ATTRIBUTE) is not None:
        return set()
    return {need_of_query(turn.query) for turn in session.turns[1:]}


def _bucket(key: str) -> float:
    """A number in [0, 1) that depends on the key alone."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8]) / 2**64
