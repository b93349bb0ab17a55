"""Real search sessions of public collections, as the session log holds them.

`trec_sessions` reads the TREC Session Track 2013 (Carterette et al.), `sim4ia_sessions` the CORE sessions of Sim4IA
(SIGIR 2025 workshop), both from `sessions.jsonl` of a folder. Of a session only its logged steps are read. The judged
query of TREC, the documents clicked for it and the manual rewrites of other collections are what systems are measured
by, so nothing of a record but `session_id`, `topic` and `steps` has any influence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from untilclick.search.errors import DataError
from untilclick.search.records import Click, Session, Turn
from untilclick.search.users.realism.censoring import Censoring

from benchmarks.session_topics import read_lines

SECONDS_BETWEEN_SESSIONS = 3600.0
"""Between the starts of two sessions of TREC, whose clicks have times within a session alone."""

TREC = Censoring(last_query_unseen=True)
"""TREC keeps the last query of every session for its judges."""

_CHOSEN = "the sessions were chosen: three queries and more, nearly all with a click"
_NO_TEXTS = "the collection has no texts"
SIM4IA = Censoring(
    cannot_say={
        "queries": _CHOSEN,
        "unclicked_turns": _CHOSEN,
        "abandoned": _CHOSEN,
        "clicked_overlap": _NO_TEXTS,
        "last_click": "clicks have no order",
    }
)
"""What the sessions of Sim4IA do not tell."""


@dataclass(frozen=True)
class RealSessions:
    """The sessions of a collection."""

    sessions: tuple[Session, ...]
    topic_of: Mapping[str, str]
    """session_id -> what the person was asked to find. Sessions without a topic are absent."""
    censoring: Censoring


def trec_sessions(folder: Path) -> RealSessions:
    """The sessions of TREC. Raises DataError for a click that is not on the shown list."""
    records = read_lines(folder / "sessions.jsonl")
    sessions = tuple(_trec_session(record, number) for number, record in enumerate(records))
    topics = {str(record["session_id"]): str(record["topic"]) for record in records if record.get("topic")}
    return RealSessions(sessions, topics, TREC)


def sim4ia_sessions(folder: Path) -> RealSessions:
    """The sessions of Sim4IA. They have no topics, and no times of clicks."""
    records = read_lines(folder / "sessions.jsonl")
    return RealSessions(tuple(_sim4ia_session(record) for record in records), {}, SIM4IA)


Step = Mapping[str, Any]  # Any: JSON of the collection, read by the functions below


def _steps(record: Mapping[str, object]) -> Sequence[Step]:
    steps = record["steps"]
    assert isinstance(steps, list)
    return steps


def _trec_session(record: Mapping[str, object], number: int) -> Session:
    session_id, start = str(record["session_id"]), number * SECONDS_BETWEEN_SESSIONS
    turns = []
    for step, logged in enumerate(_steps(record)):
        query_id, shown = f"{session_id}-{step}", tuple(map(str, logged["shown"]))
        places = [
            (str(click["doc"]), int(click["rank"]), start + float(click["start"])) for click in logged["clicks"]
        ]
        for doc_id, rank, _ in places:
            if shown[rank - 1 : rank] != (doc_id,):
                raise DataError(
                    f"Query {query_id}: document {doc_id} was clicked on rank {rank}, but not shown there"
                )
        clicks = tuple(Click(query_id, *place) for place in sorted(places, key=lambda place: place[2]))
        time = clicks[0].time if clicks else start + step
        turns.append(Turn(query_id, step, str(logged["query"]), None, shown, clicks, time))
    return Session(session_id, "live", tuple(turns))


def _sim4ia_session(record: Mapping[str, object]) -> Session:
    """Clicks on documents that were not shown, and clicks that were logged again, are left out."""
    session_id = str(record["session_id"])
    turns = []
    for step, logged in enumerate(_steps(record)):
        query_id, shown = f"{session_id}-{step}", tuple(map(str, logged["shown"]))
        time = datetime.fromisoformat(str(logged["time"])).replace(tzinfo=UTC).timestamp()
        clicked = [doc_id for doc_id in dict.fromkeys(map(str, logged["clicks"])) if doc_id in shown]
        clicks = tuple(Click(query_id, doc_id, shown.index(doc_id) + 1, time) for doc_id in clicked)
        turns.append(Turn(query_id, step, str(logged["query"]), None, shown, clicks, time))
    return Session(session_id, "live", tuple(turns))
