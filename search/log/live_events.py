"""A batch of live queries and clicks, written into the session log in one transaction; again is harmless.

Rows are inserted in the order of their ids, session rows first: two processes that deliver at once never wait for
each other in a circle. `ON CONFLICT DO NOTHING` makes the ids decide what is new, so no row is ever doubled.

A turn's step is counted when the query is searched, from what the process knows by then. Where another process's
query of the same session is still on its way, two turns get one step, or a step is left out; the steps of such a
session are counted anew here, in the order of time. The upsert of the session's row holds a lock on it until the
transaction ends, hence only one process at a time does this for a session.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from untilclick.search.log.schema import (
    CLICKS,
    SESSIONS,
    TURNS,
    ClickRow,
    SessionRow,
    click_row,
    session_row,
    turn_row,
)
from untilclick.search.records import Click, Session, Turn


@dataclass(frozen=True, slots=True)
class LiveTurn:
    """One query of a live session."""

    session_id: str
    turn: Turn
    client_id: str | None = None


class PastQuery(NamedTuple):
    """An earlier query of a session."""

    query_id: str
    step: int
    time: float
    query: str


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a batch."""

    new_clicks: int
    repeated_clicks: int
    """Logged before, or twice in the batch."""
    early_clicks: tuple[Click, ...]
    """Not logged: there is no such query yet."""


def insert_into(table: sa.Table, connection: sa.Connection) -> sqlite.Insert | postgresql.Insert:
    """An insert that knows `ON CONFLICT`, in the database's own dialect."""
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)


def upsert_session(connection: sa.Connection) -> sqlite.Insert | postgresql.Insert:
    """Insert a session, or move the one that is there back to an earlier time."""
    insert = insert_into(SESSIONS, connection)
    earlier = sa.case((insert.excluded.time < SESSIONS.c.time, insert.excluded.time), else_=SESSIONS.c.time)
    return insert.on_conflict_do_update(index_elements=["session_id"], set_={"time": earlier})


def write_events(connection: sa.Connection, turns: Sequence[LiveTurn], clicks: Sequence[Click]) -> Written:
    """Write turns, then clicks, in the transaction of `connection`. See `SessionLog.append_events`."""
    if turns:
        rows = [turn_row(each.session_id, each.turn) for each in sorted(turns, key=lambda each: each.turn.query_id)]
        connection.execute(upsert_session(connection), _session_rows(turns))
        connection.execute(insert_into(TURNS, connection).on_conflict_do_nothing(index_elements=["query_id"]), rows)
        _count_steps(connection, {each.session_id for each in turns})
    return _write_clicks(connection, clicks)


def _session_rows(turns: Iterable[LiveTurn]) -> list[SessionRow]:
    """One row per session, in the order of their ids; the first turn's client is the session's."""
    rows: dict[str, SessionRow] = {}
    for each in turns:
        row = session_row(Session(each.session_id, "live", (each.turn,), each.client_id))
        known = rows.setdefault(each.session_id, row)
        known["time"] = min(known["time"], row["time"])
    return [rows[session_id] for session_id in sorted(rows)]


def _count_steps(connection: sa.Connection, session_ids: set[str]) -> None:
    """Give the turns of a session the steps 0, 1, 2, ... in the order of time, where they have others."""
    order = (TURNS.c.time, TURNS.c.step, TURNS.c.query_id)
    query = sa.select(TURNS.c.session_id, TURNS.c.query_id, TURNS.c.step).order_by(*order)
    turns: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for row in connection.execute(query.where(TURNS.c.session_id.in_(session_ids))):
        turns[row.session_id].append((row.query_id, row.step))
    wrong = [
        {"id": query_id, "counted": counted}
        for rows in turns.values()
        if sorted(step for _, step in rows) != list(range(len(rows)))
        for counted, (query_id, step) in enumerate(rows)
        if step != counted
    ]
    if wrong:
        update = sa.update(TURNS).where(TURNS.c.query_id == sa.bindparam("id")).values(step=sa.bindparam("counted"))
        connection.execute(update, wrong)


def _write_clicks(connection: sa.Connection, clicks: Sequence[Click]) -> Written:
    query_ids = {click.query_id for click in clicks}
    if not query_ids:
        return Written(0, 0, ())
    known = set(connection.scalars(sa.select(TURNS.c.query_id).where(TURNS.c.query_id.in_(query_ids))))
    logged = sa.select(CLICKS.c.query_id, CLICKS.c.doc_id, CLICKS.c.rank).where(CLICKS.c.query_id.in_(query_ids))
    seen = {(row.query_id, row.doc_id, row.rank) for row in connection.execute(logged)}
    positions = Counter(query_id for query_id, _, _ in seen)
    rows: list[ClickRow] = []
    for click in sorted(clicks, key=lambda click: (click.query_id, click.time)):
        key = (click.query_id, click.doc_id, click.rank)
        if click.query_id in known and key not in seen:
            seen.add(key)
            rows.append(click_row(click, positions[click.query_id]))
            positions[click.query_id] += 1
    if rows:
        keys = ["query_id", "doc_id", "rank"]
        rows.sort(key=lambda row: (row["query_id"], row["doc_id"], row["rank"]))
        connection.execute(insert_into(CLICKS, connection).on_conflict_do_nothing(index_elements=keys), rows)
    early = tuple(click for click in clicks if click.query_id not in known)
    return Written(len(rows), len(clicks) - len(rows) - len(early), early)
