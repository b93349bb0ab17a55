"""Writing a batch of live queries and clicks into the session log, in one transaction.

Writing a batch again is harmless: with `ON CONFLICT DO NOTHING`, a row whose id is logged already is skipped. Rows
are inserted in the order of their ids, session rows first, so that two processes that write at the same time never
wait for each other in a circle (a deadlock).

The service counts the step of a turn when the query is searched, from the queries it knows of. If a query of the same
session is still on its way from another process, two turns get the same step, or a step is missing. The steps of such
a session are counted again here, in the order of time. The upsert of the session's row locks the row until the
transaction ends, so only one process at a time does this for a session.
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
    """The outcome of writing a batch."""

    new_clicks: int
    """Clicks that were logged."""
    repeated_clicks: int
    """Clicks that were logged before, or that occur twice in the batch."""
    early_clicks: tuple[Click, ...]
    """Clicks that were not logged, because their query is not logged yet."""


class _Step(NamedTuple):
    """The step of a logged turn."""

    query_id: str
    step: int


def insert_into(table: sa.Table, connection: sa.Connection) -> sqlite.Insert | postgresql.Insert:
    """An insert statement of the database's dialect, which has `ON CONFLICT`."""
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)


def upsert_session(connection: sa.Connection) -> sqlite.Insert | postgresql.Insert:
    """A statement that inserts a session, or moves the time of a logged session back to an earlier one."""
    insert = insert_into(SESSIONS, connection)
    earlier = sa.case((insert.excluded.time < SESSIONS.c.time, insert.excluded.time), else_=SESSIONS.c.time)
    return insert.on_conflict_do_update(index_elements=["session_id"], set_={"time": earlier})


def write_events(connection: sa.Connection, turns: Sequence[LiveTurn], clicks: Sequence[Click]) -> Written:
    """Write turns, then clicks, in the transaction of `connection`. See `SessionLog.append_events`."""
    if turns:
        ordered = sorted(turns, key=lambda live: live.turn.query_id)
        rows = [turn_row(live.session_id, live.turn) for live in ordered]
        connection.execute(upsert_session(connection), _session_rows(turns))
        connection.execute(insert_into(TURNS, connection).on_conflict_do_nothing(index_elements=["query_id"]), rows)
        _count_steps(connection, {live.session_id for live in turns})
    return _write_clicks(connection, clicks)


def _session_rows(turns: Iterable[LiveTurn]) -> list[SessionRow]:
    """One row per session, in the order of their ids. A session has the client of its first turn in the batch."""
    rows: dict[str, SessionRow] = {}
    for live in turns:
        row = session_row(Session(live.session_id, "live", (live.turn,), live.client_id))
        first = rows.setdefault(live.session_id, row)
        first["time"] = min(first["time"], row["time"])
    return [rows[session_id] for session_id in sorted(rows)]


def _count_steps(connection: sa.Connection, session_ids: set[str]) -> None:
    """Give the turns of these sessions the steps 0, 1, 2, ... in the order of time, unless they have them already."""
    order = (TURNS.c.time, TURNS.c.step, TURNS.c.query_id)
    query = sa.select(TURNS.c.session_id, TURNS.c.query_id, TURNS.c.step).order_by(*order)
    turns: dict[str, list[_Step]] = defaultdict(list)
    for row in connection.execute(query.where(TURNS.c.session_id.in_(session_ids))):
        turns[row.session_id].append(_Step(row.query_id, row.step))
    wrong = [
        {"id": turn.query_id, "counted": counted}
        for steps in turns.values()
        if sorted(turn.step for turn in steps) != list(range(len(steps)))
        for counted, turn in enumerate(steps)
        if turn.step != counted
    ]
    if wrong:
        update = sa.update(TURNS).where(TURNS.c.query_id == sa.bindparam("id")).values(step=sa.bindparam("counted"))
        connection.execute(update, wrong)


def _write_clicks(connection: sa.Connection, clicks: Sequence[Click]) -> Written:
    """Write the clicks whose queries are logged. A turn's clicks are counted in the order of time."""
    query_ids = {click.query_id for click in clicks}
    if not query_ids:
        return Written(0, 0, ())
    logged_queries = set(connection.scalars(sa.select(TURNS.c.query_id).where(TURNS.c.query_id.in_(query_ids))))
    keys = (CLICKS.c.query_id, CLICKS.c.doc_id, CLICKS.c.rank)
    logged_clicks = sa.select(*keys).where(CLICKS.c.query_id.in_(query_ids))
    seen = {(row.query_id, row.doc_id, row.rank) for row in connection.execute(logged_clicks)}
    positions = Counter(query_id for query_id, _, _ in seen)
    rows: list[ClickRow] = []
    for click in sorted(clicks, key=lambda click: (click.query_id, click.time)):
        key = (click.query_id, click.doc_id, click.rank)
        if click.query_id in logged_queries and key not in seen:
            seen.add(key)
            rows.append(click_row(click, positions[click.query_id]))
            positions[click.query_id] += 1
    if rows:
        rows.sort(key=lambda row: (row["query_id"], row["doc_id"], row["rank"]))
        connection.execute(insert_into(CLICKS, connection).on_conflict_do_nothing(index_elements=keys), rows)
    early = tuple(click for click in clicks if click.query_id not in logged_queries)
    return Written(len(rows), len(clicks) - len(rows) - len(early), early)
