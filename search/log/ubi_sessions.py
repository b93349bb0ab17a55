"""From UBI records to sessions, without files.

Records of this package name their session and step. Records of other collectors do not: only events have a
`session_id`, so a query without a click has none, and a browser's session covers many needs. Their queries are
grouped by client, or by the session of their events, or else stay alone, and each group is ordered by time. A new
session starts after a clicked query and after 30 minutes without a query: the usual bound, after the 25.5 minutes of
Catledge & Pitkow, "Characterizing browsing strategies in the World-Wide Web", Computer Networks and ISDN Systems,
1995.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Literal, NamedTuple

from pydantic import ValidationError

from untilclick.search.files.json_records import problem_of
from untilclick.search.log.ubi_schema import OWN, OwnAttributes, UbiEvent, UbiQuery, seconds_of
from untilclick.search.records import Click, Session, Source, Turn

GAP_S = 30 * 60
"""Seconds without a query after which the next query of a client is taken for a new need."""

_CLOCK_TOLERANCE_S = 0.01
"""Largest difference between the exact time of a record and its timestamp, which is rounded."""


@dataclass(slots=True)
class UbiTurn:
    """A query record before its clicks and its session are complete."""

    turn: Turn
    client_id: str | None
    session_id: str | None
    """None for records of other collectors."""
    source: Source | None
    """None for records of other collectors."""
    event_session_id: str | None = None
    """The session that the query's events name."""


def ubi_turn(record: UbiQuery) -> UbiTurn:
    """The turn of a query record, without clicks. Raises ValueError, with the problem as its text, for a record
    without query_id or time, or with broken attributes under this package's key."""
    attributes = dict(record.query_attributes or {})
    extension = _own_attributes(attributes.pop(OWN, None))
    if record.query_id is None:
        raise ValueError("query_id is missing, found None")
    turn = Turn(
        query_id=record.query_id,
        step=extension.step if extension else 0,
        query=record.user_query,
        rewrite=extension.rewritten_query if extension else None,
        shown=tuple(record.query_response_hit_ids or ()),
        clicks=(),
        time=_time(record.timestamp, extension.time if extension else None),
        attributes={name: _scalar(value) for name, value in attributes.items()},
    )
    return UbiTurn(
        turn,
        record.client_id,
        extension.session_id if extension else None,
        extension.source if extension else None,
    )


def click_of(record: UbiEvent, shown: tuple[str, ...]) -> Click | None:
    """The click on a result that an event records; None for other events and for clicks on other objects.

    If the event has no rank, it is looked up in the result list. Raises ValueError as `ubi_turn` does.
    """
    details = record.event_attributes
    if record.action_name != "click" or record.query_id is None or details is None or details.object is None:
        return None
    doc_id = str(details.object.object_id)
    rank = details.position.ordinal or (shown.index(doc_id) + 1 if doc_id in shown else None)
    if rank is None:
        return None
    return Click(record.query_id, doc_id, rank, _time(record.timestamp, details.time))


def sessions_of(queries: Iterable[UbiTurn], source: Source) -> Iterator[Session]:
    """The sessions of these queries; queries without a source get `source`. The input is consumed before the first
    session is yielded."""
    queries_by_session: dict[str, list[UbiTurn]] = defaultdict(list)
    clients: dict[_Visitor, list[UbiTurn]] = defaultdict(list)
    for query in queries:
        if query.session_id is not None:
            queries_by_session[query.session_id].append(query)
        else:
            clients[_visitor(query)].append(query)
    for session_id, members in queries_by_session.items():
        members.sort(key=lambda query: (query.turn.step, query.turn.time))
        yield _session(session_id, members, source)
    for visits in clients.values():
        for members in split_by_need(visits):
            numbered = [replace(query, turn=replace(query.turn, step=step)) for step, query in enumerate(members)]
            yield _session(members[0].turn.query_id, numbered, source)


def split_by_need(queries: list[UbiTurn], gap_s: float = GAP_S) -> list[list[UbiTurn]]:
    """Split the queries of a visitor into sessions: a new one starts after a clicked query, and after more than
    `gap_s` seconds without a query."""
    parts: list[list[UbiTurn]] = []
    for query in sorted(queries, key=attrgetter("turn.time")):
        last = parts[-1][-1].turn if parts else None
        if last is None or last.clicks or query.turn.time - last.time > gap_s:
            parts.append([])
        parts[-1].append(query)
    return parts


class _Visitor(NamedTuple):
    """Queries of equal visitors are grouped."""

    kind: Literal["client", "session", "query"]
    name: str


def _visitor(query: UbiTurn) -> _Visitor:
    if query.client_id is not None:
        return _Visitor("client", query.client_id)
    if query.event_session_id is not None:
        return _Visitor("session", query.event_session_id)
    return _Visitor("query", query.turn.query_id)


def _session(session_id: str, members: list[UbiTurn], source: Source) -> Session:
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
    """The exact time if the record has one, else that of its timestamp. Raises ValueError without a timestamp, and if
    the two differ."""
    if timestamp is None:
        raise ValueError("timestamp is missing, found None")
    time = seconds_of(timestamp)
    if exact is None:
        return time
    if abs(exact - time) > _CLOCK_TOLERANCE_S:
        raise ValueError(f"timestamp {timestamp!r} and time {exact!r} disagree")
    return exact


def _scalar(value: object) -> str | int | float | bool | None:
    """An attribute as the log stores it: structured values of other collectors become JSON text."""
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return json.dumps(value, ensure_ascii=False)
