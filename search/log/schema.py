"""The tables of the session log, and the conversion of records to rows and back.

The shown list of a turn is JSON text in the turn's row instead of one row per document: it is always read and written
as a whole, and one row per turn instead of eleven makes simulated logs fast to write. Attributes are JSON text too;
`rewriter_version` is also copied into a column of its own, so that statistics can group by it.

Connections and migrations are in `database.py`, queries in `session_log.py`. The tables below are those of the newest
schema. The migrations upgrade any older schema to it, and a test compares the two.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypedDict, cast

import sqlalchemy as sa

from untilclick.search.errors import LogRecordError
from untilclick.search.records import Click, Session, Source, Turn

METADATA = sa.MetaData()

_ENCODER = json.JSONEncoder(allow_nan=False, separators=(",", ":"))

ID = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
"""Type of ids, which sort by code point in every database, whatever its collation."""

SESSIONS = sa.Table(
    "sessions",
    METADATA,
    sa.Column("session_id", ID, primary_key=True),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("client_id", sa.Text),
    sa.Column("time", sa.Double, nullable=False),  # of the earliest turn; 0 for a session without turns
    sa.CheckConstraint("source IN ('simulated', 'live')", name="sessions_source"),
    sa.Index("sessions_by_time", "time", "session_id"),
)

TURNS = sa.Table(
    "turns",
    METADATA,
    sa.Column("query_id", ID, primary_key=True),
    sa.Column("session_id", ID, sa.ForeignKey("sessions.session_id"), nullable=False),
    sa.Column("step", sa.Integer, nullable=False),
    sa.Column("query", sa.Text, nullable=False),
    sa.Column("rewrite", sa.Text),
    sa.Column("shown", sa.Text, nullable=False),
    sa.Column("attributes", sa.Text, nullable=False),
    sa.Column("time", sa.Double, nullable=False),
    sa.Column("rewriter_version", sa.Text),
    # Not unique: a visitor with two tabs may send two queries at once, and neither may be lost.
    sa.Index("turns_by_session", "session_id", "step"),
)

CLICKS = sa.Table(
    "clicks",
    METADATA,
    sa.Column("query_id", ID, sa.ForeignKey("turns.query_id"), primary_key=True),
    sa.Column("doc_id", ID, primary_key=True),
    sa.Column("rank", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("time", sa.Double, nullable=False),
    sa.Column("position", sa.Integer, nullable=False),  # within the turn; orders clicks of the same time
)


class SessionRow(TypedDict):
    """A row of `sessions`."""

    session_id: str
    source: str
    client_id: str | None
    time: float


class TurnRow(TypedDict):
    """A row of `turns`."""

    query_id: str
    session_id: str
    step: int
    query: str
    rewrite: str | None
    shown: str
    attributes: str
    time: float
    rewriter_version: str | None


class ClickRow(TypedDict):
    """A row of `clicks`."""

    query_id: str
    doc_id: str
    rank: int
    time: float
    position: int


class Rows(NamedTuple):
    """The rows of sessions by table, in the order in which foreign keys allow them to be inserted."""

    sessions: list[SessionRow]
    turns: list[TurnRow]
    clicks: list[ClickRow]


def rows_of(sessions: Iterable[Session]) -> Rows:
    """All rows of these sessions. Raises LogRecordError for a record that the log could not return unchanged."""
    rows = Rows([], [], [])
    for session in sessions:
        rows.sessions.append(session_row(session))
        for turn in session.turns:
            rows.turns.append(turn_row(session.session_id, turn))
            rows.clicks.extend(click_rows(turn))
    return rows


def session_row(session: Session) -> SessionRow:
    """The row of `sessions`. Its time is that of the earliest turn, 0 for a session without turns."""
    return {
        "session_id": _storable("session_id", session.session_id),
        "source": session.source,
        "client_id": _optional("client_id", session.client_id),
        "time": min((turn.time for turn in session.turns), default=0.0),
    }


def turn_row(session_id: str, turn: Turn) -> TurnRow:
    """The row of a turn. Raises LogRecordError for text or numbers that a database cannot hold."""
    version = turn.attributes.get("rewriter_version")
    return {
        "query_id": _storable("query_id", turn.query_id),
        "session_id": session_id,
        "step": turn.step,
        "query": _storable("query", turn.query),
        "rewrite": _optional("rewrite", turn.rewrite),
        "shown": _json(turn.query_id, turn.shown),
        "attributes": _json(turn.query_id, dict(turn.attributes)) if turn.attributes else "{}",
        "time": _finite(turn.query_id, turn.time),
        "rewriter_version": None if version is None else _storable("rewriter_version", str(version)),
    }


def click_rows(turn: Turn) -> list[ClickRow]:
    """The rows of the clicks of a turn. Raises LogRecordError for a click that names another query."""
    rows = []
    for position, click in enumerate(turn.clicks):
        if click.query_id != turn.query_id:
            raise LogRecordError(
                f"A click of turn {turn.query_id!r} names query_id {click.query_id!r}; "
                "give every click the query_id of the turn it belongs to."
            )
        rows.append(click_row(click, position))
    return rows


def click_row(click: Click, position: int) -> ClickRow:
    """The row of a click; `position` is its 0-based position among the clicks of the turn."""
    return {
        "query_id": _storable("query_id", click.query_id),
        "doc_id": _storable("doc_id", click.doc_id),
        "rank": click.rank,
        "time": _finite(click.query_id, click.time),
        "position": position,
    }


def turn_of(row: Mapping[str, object], clicks: tuple[Click, ...]) -> Turn:
    """The turn of a row that `turn_row` made, with the turn's clicks."""
    attributes = cast(str, row["attributes"])
    return Turn(
        query_id=cast(str, row["query_id"]),
        step=cast(int, row["step"]),
        query=cast(str, row["query"]),
        rewrite=cast("str | None", row["rewrite"]),
        shown=tuple(json.loads(cast(str, row["shown"]))),
        clicks=clicks,
        time=cast(float, row["time"]),
        attributes={} if attributes == "{}" else json.loads(attributes),
    )


def session_of(row: Mapping[str, object], turns: tuple[Turn, ...]) -> Session:
    """The session of a row that `session_row` made, with the session's turns."""
    return Session(
        session_id=cast(str, row["session_id"]),
        source=cast(Source, row["source"]),
        turns=turns,
        client_id=cast("str | None", row["client_id"]),
    )


def _storable(column: str, text: str) -> str:
    """The text, unchanged. Raises LogRecordError for a text that one of the databases cannot hold: with a NUL
    character (PostgreSQL) or a lone surrogate (UTF-8)."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise LogRecordError(f"{column} {text!r} is not valid Unicode; remove the lone surrogate.") from None
    if "\x00" in text:
        raise LogRecordError(f"{column} {text!r} has a NUL character; remove it.")
    return text


def _optional(column: str, text: str | None) -> str | None:
    return None if text is None else _storable(column, text)


def _finite(query_id: str, time: float) -> float:
    if not math.isfinite(time):
        raise LogRecordError(f"Query {query_id!r} has time {time}; give seconds since the epoch.")
    return float(time)


def _json(query_id: str, value: object) -> str:
    try:
        return _ENCODER.encode(value)
    except (TypeError, ValueError) as error:
        raise LogRecordError(
            f"Query {query_id!r} cannot be logged ({error}); attributes are text, finite numbers, booleans or None."
        ) from None
