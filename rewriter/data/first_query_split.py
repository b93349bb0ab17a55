"""The split of logs that earlier versions made: by topic if a simulator names one, else by the first query.

Trainings that one of them began go on with it; `log_sides.py` splits by need.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from untilclick.search.analysis.by_name import FIRST_NAME, analysis_by_name
from untilclick.search.log.visitors import once_per_client
from untilclick.search.records import TOPIC_ATTRIBUTE, Session


@dataclass(frozen=True)
class SplitLog:
    """The two sides of a split of a log's sessions."""

    training: tuple[Session, ...]
    validation: tuple[Session, ...]


def split_sessions(sessions: Iterable[Session], validation_share: float) -> SplitLog:
    """Split sessions by a hash of their need, so that the same need is always on the same side. `validation_share` is
    the share of needs for validation, 0..1. Left out are a client's repeated clicks (`visitors.once_per_client`) and
    training sessions that later turn to a need of the validation.

    If the log is so small that no need falls to the validation, the need with the smallest hash does: without a
    held-out query no epoch and no round could be better than the start.
    """
    typed = [session for session in once_per_client(sessions) if session.turns]
    buckets = {need: _bucket(need) for need in dict.fromkeys(map(_need, typed))}
    held_out = {need for need, bucket in buckets.items() if bucket < validation_share}
    if not held_out and len(buckets) > 1 and validation_share > 0:
        held_out = {min(buckets, key=buckets.__getitem__)}
    validation = [session for session in typed if _need(session) in held_out]
    others = (session for session in typed if _need(session) not in held_out)
    training = (session for session in others if held_out.isdisjoint(_later_needs(session)))
    return SplitLog(tuple(training), tuple(validation))


def need_of_query(query: str) -> str:
    """Key of the need behind a query, the same for all variants in case, spaces and word endings: its index terms, or
    its text if it has none.

    The key decides on which side of a split a session stands. It therefore comes from one analysis for all corpora,
    the first, so that a change of a corpus's analysis moves no session into the training side.
    """
    return "query " + (" ".join(analysis_by_name(FIRST_NAME).terms(query)) or query)


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
