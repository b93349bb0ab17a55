"""The session log: every query of a search session until a click, in one schema for simulated and live sessions.

Simulation and training write and read whole sessions in bulk. The service writes single queries and clicks with
`append_events`, which may get an event twice. Connections are in `database.py`, rows in `schema.py`, batches of live
events in `live_events.py`, figures in `stats.py`, exchange formats in `ubi.py` and `session_jsonl.py`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from types import TracebackType
from typing import Self, TypeVar, cast

import sqlalchemy as sa

from untilclick.search.log.database import connect_log, log_errors, parse_log_url, writing
from untilclick.search.log.experiments import read_credits
from untilclick.search.log.live_events import LiveTurn, PastQuery, Written, write_events
from untilclick.search.log.schema import (
    CLICKS,
    SESSIONS,
    TURNS,
    rows_of,
    session_of,
    turn_of,
)
from untilclick.search.log.stats import LogStats, read_stats
from untilclick.search.measures.interleaving import Credits
from untilclick.search.records import Click, Session, Source, Turn

T = TypeVar("T")

BATCH = 500
"""Number of sessions in a transaction when writing, and in a page when reading."""


class SessionLog:
    """A session log in SQLite (with write-ahead logging) or PostgreSQL. Threads may share it; processes may not.

    Every method raises LogError if the database fails or refuses.
    """

    def __init__(self, engine: sa.Engine) -> None:
        """Use `open`, which makes an engine with the newest schema."""
        self._engine = engine
        self._writer = writing(engine)

    @classmethod
    def open(cls, url: str, *, create: bool = True, durable: bool = False) -> Self:
        """Open the log at `sqlite:///FILE`, `postgresql+psycopg://...` or the path of a file, and upgrade its schema.

        `create` makes a missing SQLite file; without it, a missing file is a LogError. With `durable`, written
        transactions survive not only the end of the process but also a power failure of the machine.
        """
        return cls(connect_log(parse_log_url(url), create=create, durable=durable))

    @property
    def url(self) -> str:
        """The address without the password."""
        return self._engine.url.render_as_string(hide_password=True)

    def close(self) -> None:
        """Close all connections. Closing twice is harmless."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def append(self, sessions: Iterable[Session], *, one_transaction: bool = False) -> int:
        """Write new sessions and return their number. The iterable is consumed in batches, one transaction each.

        With `one_transaction`, all sessions are written or none. Raises LogError for a session or query id that is
        logged already.
        """
        if not one_transaction:
            return sum(self.append(part, one_transaction=True) for part in _batches(sessions, BATCH))
        n = 0
        with self._write() as connection:
            for part in _batches(sessions, BATCH):
                n += len(part)
                _insert(connection, part)
        return n

    def append_events(self, turns: Sequence[LiveTurn], clicks: Sequence[Click]) -> Written:
        """Log live queries and clicks in one transaction. Those that are logged already stay as they are.

        Clicks whose query is neither logged nor among `turns` are returned instead of logged. Raises LogRecordError,
        and logs nothing, if one of the records can never be logged.
        """
        with self._write() as connection:
            return write_events(connection, turns, clicks)

    def sessions(
        self, source: Source | None = None, *, batch: int = BATCH, session_ids: Collection[str] | None = None
    ) -> Iterator[Session]:
        """Stream sessions in order of time, then id; all, or those of `session_ids` that are logged.

        Each page of `batch` sessions is read in a transaction of its own, so a slow consumer blocks no writer.
        """
        pages = self._pages(source, batch) if session_ids is None else self._pages_of(session_ids, source, batch)
        for page in pages:
            yield from page

    def session(self, session_id: str) -> Session | None:
        """One session with all its turns; None if it is not logged."""
        return next(self.sessions(session_ids=(session_id,)), None)

    def past_queries(self, session_id: str) -> tuple[PastQuery, ...]:
        """The queries of a session so far, oldest first; empty for an unknown session."""
        columns = (TURNS.c.query_id, TURNS.c.step, TURNS.c.time, TURNS.c.query)
        query = sa.select(*columns).where(TURNS.c.session_id == session_id).order_by(*_TURN_ORDER)
        with self._read() as connection:
            return tuple(PastQuery(*row) for row in connection.execute(query))

    def n_turns(self, session_id: str) -> int:
        """The number of queries of a session so far; 0 for an unknown session."""
        query = sa.select(sa.func.count()).select_from(TURNS).where(TURNS.c.session_id == session_id)
        with self._read() as connection:
            return connection.execute(query).scalar_one()

    def stats(self, source: Source | None = None) -> LogStats:
        """Figures of all sessions, or of those of one source, in total and by rewriter version."""
        with self._read() as connection:
            return read_stats(connection, source)

    def credits(self, experiment: str, versions: str, since: float) -> list[Credits]:
        """The credits of each visitor who clicked in an experiment; see `experiments.read_credits`."""
        with self._read() as connection:
            return read_credits(connection, experiment, versions, since)

    def _pages(self, source: Source | None, batch: int) -> Iterator[list[Session]]:
        query = sa.select(SESSIONS).order_by(SESSIONS.c.time, SESSIONS.c.session_id).limit(batch)
        key = sa.tuple_(SESSIONS.c.time, SESSIONS.c.session_id)
        if source is not None:
            query = query.where(SESSIONS.c.source == source)
        page = query
        while True:
            with self._read() as connection:
                rows = _mappings(connection, page)
                sessions = _load(connection, rows)
            if not rows:
                return
            yield sessions
            last = rows[-1]
            page = query.where(key > sa.tuple_(last["time"], last["session_id"]))

    def _pages_of(self, session_ids: Collection[str], source: Source | None, batch: int) -> Iterator[list[Session]]:
        keys: list[tuple[float, str]] = []
        for part in _batches(dict.fromkeys(session_ids), BATCH):
            query = sa.select(SESSIONS.c.time, SESSIONS.c.session_id).where(SESSIONS.c.session_id.in_(part))
            if source is not None:
                query = query.where(SESSIONS.c.source == source)
            with self._read() as connection:
                keys.extend((row.time, row.session_id) for row in connection.execute(query))
        ordered = sa.select(SESSIONS).order_by(SESSIONS.c.time, SESSIONS.c.session_id)
        for part in _batches((session_id for _, session_id in sorted(keys)), batch):
            with self._read() as connection:
                rows = _mappings(connection, ordered.where(SESSIONS.c.session_id.in_(part)))
                page = _load(connection, rows)
            yield page

    @contextmanager
    def _read(self) -> Iterator[sa.Connection]:
        with log_errors(self._engine.url), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def _write(self) -> Iterator[sa.Connection]:
        with log_errors(self._engine.url), self._writer.begin() as connection:
            yield connection


_TURN_ORDER = (TURNS.c.step, TURNS.c.time, TURNS.c.query_id)


def _batches(items: Iterable[T], size: int) -> Iterator[tuple[T, ...]]:
    iterator = iter(items)
    while part := tuple(islice(iterator, size)):
        yield part


def _insert(connection: sa.Connection, sessions: Sequence[Session]) -> None:
    rows = rows_of(sessions)
    for table, values in ((SESSIONS, rows.sessions), (TURNS, rows.turns), (CLICKS, rows.clicks)):
        if values:
            connection.execute(table.insert(), values)


def _mappings(connection: sa.Connection, query: sa.Select[*tuple[object, ...]]) -> list[Mapping[str, object]]:
    return [cast("Mapping[str, object]", row) for row in connection.execute(query).mappings()]


def _load(connection: sa.Connection, rows: Sequence[Mapping[str, object]]) -> list[Session]:
    """The sessions of these rows of `sessions`, with turns and clicks, in the order of the rows."""
    of_sessions = TURNS.c.session_id.in_([row["session_id"] for row in rows])
    turn_rows = _mappings(connection, sa.select(TURNS).where(of_sessions).order_by(*_TURN_ORDER))
    clicks: dict[object, list[Click]] = defaultdict(list)
    click_query = sa.select(CLICKS).join(TURNS).where(of_sessions).order_by(CLICKS.c.time, CLICKS.c.position)
    for row in connection.execute(click_query):
        clicks[row.query_id].append(Click(row.query_id, row.doc_id, row.rank, row.time))
    turns: dict[object, list[Turn]] = defaultdict(list)
    for turn in turn_rows:
        turns[turn["session_id"]].append(turn_of(turn, tuple(clicks[turn["query_id"]])))
    return [session_of(row, tuple(turns[row["session_id"]])) for row in rows]
