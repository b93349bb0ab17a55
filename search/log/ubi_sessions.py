"""UBI records as sessions: pure functions, no files.

Records that this package wrote name their session and step. Those of other collectors do not: `session_id` exists
only on events, so that a query without a click has none, and a browser's session spans many needs. Their queries are
put in order of time per client (else per session of an event, else each alone), and a new session starts after a
click and after 30 minutes without a query (the usual bound, after the 25.5 minutes of Catledge & Pitkow,
"Characterizing browsing strategies in the World-Wide Web", Computer Networks and ISDN Systems, 1995).
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from operator import attrgetter

from pydantic import ValidationError

from untilclick.search.files.json_records import problem_of
from untilclick.search.log.ubi_schema import OWN, OwnAttributes, UbiEvent, UbiQuery, seconds_of
from untilclick.search.records import Click, Session, Source, Turn

GAP_S = 30 * 60
"""Seconds without a query after which another collector's client is taken to have a new need."""

_CLOCK_TOLERANCE_S = 0.01


@dataclass(slots=True)
class LoggedQuery:
    """A query record on its way into a session."""

    turn: Turn
    client_id: str | None
    session_id: str | None
    """None where another collector wrote the record."""
    source: Source | None
    event_session_id: str | None = None


def logged_query(record: UbiQuery) -> LoggedQuery:
    """The turn of a query record, without clicks. Raises ValueError, with the problem as text, for a record without
    query_id or time, or with attributes under our key that we did not write."""
    attributes = dict(record.query_attributes or {})
    own = _own_attributes(attributes.pop(OWN, None))
    if record.query_id is None:
        raise ValueError("query_id is missing, found None")
    turn = Turn(
        query_id=record.query_id,
        step=own.step if own else 0,
        query=record.user_query,
        rewrite=own.rewritten_query if own else None,
        shown=tuple(record.query_response_hit_ids or ()),
        clicks=(),
        time=_time(record.timestamp, own.time if own else None),
        attributes={name: _scalar(value) for name, value in attributes.items()},
    )
    return LoggedQuery(turn, record.client_id, own.session_id if own else None, own.source if own else None)


def click_of(record: UbiEvent, shown: tuple[str, ...]) -> Click | None:
    """The click that an event on a result list records; None for other events and for clicks on other things.

    Without a position the rank is looked up in the result list. Raises ValueError as `logged_query` does.
    """
    details = record.event_attributes
    if record.action_name != "click" or record.query_id is None or details is None or details.object is None:
        return None
    doc_id = str(details.object.object_id)
    rank = details.position.ordinal or (shown.index(doc_id) + 1 if doc_id in shown else None)
    if rank is None:
        return None
    return Click(record.query_id, doc_id, rank, _time(record.timestamp, details.time))


def sessions_of(queries: Iterable[LoggedQuery], source: Source) -> Iterator[Session]:
    """The sessions of these queries; `source` is for those that do not say. Consumes its input before yielding."""
    named: dict[str, list[LoggedQuery]] = defaultdict(list)
    clients: dict[tuple[str, str], list[LoggedQuery]] = defaultdict(list)
    for query in queries:
        if query.session_id is not None:
            named[query.session_id].append(query)
        else:
            clients[_visitor(query)].append(query)
    for session_id, members in named.items():
        members.sort(key=lambda query: (query.turn.step, query.turn.time))
        yield _session(session_id, members, source)
    for visits in clients.values():
        for members in split_by_need(visits):
            numbered = [replace(q, turn=replace(q.turn, step=step)) for step, q in enumerate(members)]
            yield _session(members[0].turn.query_id, numbered, source)


def split_by_need(queries: list[LoggedQuery], gap_s: float = GAP_S) -> list[list[LoggedQuery]]:
    """One visitor's queries as sessions: a new one after a clicked query and after a gap of more than `gap_s`."""
    parts: list[list[LoggedQuery]] = []
    for query in sorted(queries, key=attrgetter("turn.time")):
        last = parts[-1][-1].turn if parts else None
        if last is None or last.clicks or query.turn.time - last.time > gap_s:
            parts.append([])
        parts[-1].append(query)
    return parts


def _visitor(query: LoggedQuery) -> tuple[str, str]:
    if query.client_id is not None:
        return ("client", query.client_id)
    if query.event_session_id is not None:
        return ("session", query.event_session_id)
    return ("query", query.turn.query_id)


def _session(session_id: str, members: list[LoggedQuery], source: Source) -> Session:
    client_id = next((query.client_id for query in members if query.client_id is not None), None)
    return Session(session_id, members[0].source or source, tuple(query.turn for query in members), client_id)


def _own_attributes(value: object) -> OwnAttributes | None:
    if value is None:
        return None
    try:
        return OwnAttributes.model_validate(value)
    except ValidationError as error:
        raise ValueError(f"query_attributes.{OWN}.{problem_of(error)}") from None


def _time(timestamp: str | None, exact: float | None) -> float:
    if timestamp is None:
        raise ValueError("timestamp is missing, found None")
    time = seconds_of(timestamp)
    if exact is None:
        return time
    if abs(exact - time) > _CLOCK_TOLERANCE_S:
        raise ValueError(f"timestamp {timestamp!r} and time {exact!r} disagree")
    return exact


def _scalar(value: object) -> str | int | float | bool | None:
    """An attribute as the log keeps it: structured values of other collectors become their JSON text."""
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return json.dumps(value, ensure_ascii=False)
