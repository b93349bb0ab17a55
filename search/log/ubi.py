"""Session logs to and from User Behavior Insights files: `ubi_queries.jsonl` and `ubi_events.jsonl` in one folder.

Round trips lose nothing. The record formats are in `ubi_schema.py`, the mapping in `ubi_records.py` and
`ubi_sessions.py`; the package's own format, one session a line, is in `session_jsonl.py`.
"""

from __future__ import annotations

import logging
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from untilclick.search.errors import DataError
from untilclick.search.files.json_records import read_records
from untilclick.search.files.lines import existing
from untilclick.search.files.whole_files import whole_file
from untilclick.search.log.session_log import SessionLog
from untilclick.search.log.ubi_records import event_record, query_record
from untilclick.search.log.ubi_schema import UbiEvent, UbiQuery
from untilclick.search.log.ubi_sessions import LoggedQuery, click_of, logged_query, sessions_of
from untilclick.search.records import Source

QUERIES_FILE = "ubi_queries.jsonl"
EVENTS_FILE = "ubi_events.jsonl"
REMEDY = "Correct the record to UBI 1.3.0, or remove the line"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class UbiCounts:
    """What an export wrote or an import read."""

    sessions: int
    queries: int
    clicks: int
    ignored_events: int = 0
    """Valid events that are no click on a result of a query in the files, or repeat one."""


def export_ubi(log: SessionLog, folder: Path, source: Source | None = None) -> UbiCounts:
    """Write all sessions, or those of one source, into `folder`; an empty log gives two empty files.

    Both files appear whole or not at all. Raises DataError for a record that UBI cannot hold.
    """
    sessions = queries = clicks = 0
    with ExitStack() as stack:
        query_file = stack.enter_context(whole_file(folder / QUERIES_FILE))
        event_file = stack.enter_context(whole_file(folder / EVENTS_FILE))
        for session in log.sessions(source):
            sessions += 1
            for turn in session.turns:
                queries += 1
                query_file.write(query_record(session, turn).model_dump_json(exclude_none=True) + "\n")
                for click in turn.clicks:
                    clicks += 1
                    event_file.write(event_record(session, turn, click).model_dump_json(exclude_none=True) + "\n")
    return UbiCounts(sessions, queries, clicks)


def import_ubi(folder: Path, log: SessionLog, source: Source = "live") -> UbiCounts:
    """Add the sessions of `ubi_queries.jsonl[.gz]` and, where present, `ubi_events.jsonl[.gz]`: all of them or none.

    `source` is given to sessions of other collectors. Holds the queries in memory. Raises DataError with file, line,
    value and remedy for a broken record, LogError for a session or query that is logged already.
    """
    queries = _read_queries(existing(folder / QUERIES_FILE) or folder / QUERIES_FILE)
    events_path = existing(folder / EVENTS_FILE)
    clicks, ignored = _add_clicks(queries, events_path) if events_path else (0, 0)
    sessions = log.append(sessions_of(queries.values(), source), one_transaction=True)
    if ignored:
        logger.warning("%s: %d events are no click on a result of a logged query; passed over", events_path, ignored)
    return UbiCounts(sessions, len(queries), clicks, ignored)


def _read_queries(path: Path) -> dict[str, LoggedQuery]:
    queries: dict[str, LoggedQuery] = {}
    for line, record in read_records(path, UbiQuery, REMEDY):
        try:
            query = logged_query(record)
        except ValueError as error:
            raise DataError.at(path, line, str(error), REMEDY) from None
        if query.turn.query_id in queries:
            problem = f"query_id {query.turn.query_id!r} is there twice"
            raise DataError.at(path, line, problem, "Give every query an id of its own")
        queries[query.turn.query_id] = query
    return queries


def _add_clicks(queries: dict[str, LoggedQuery], path: Path) -> tuple[int, int]:
    """Put the clicks of the events into their turns, in order of time; gives (clicks, ignored events)."""
    clicks = ignored = 0
    for line, event in read_records(path, UbiEvent, REMEDY):
        try:
            added = _add_click(queries.get(event.query_id or ""), event)
        except ValueError as error:
            raise DataError.at(path, line, str(error), REMEDY) from None
        clicks += added
        ignored += not added
    return clicks, ignored


def _add_click(query: LoggedQuery | None, event: UbiEvent) -> bool:
    if query is None:
        return False
    query.event_session_id = query.event_session_id or event.session_id
    click = click_of(event, query.turn.shown)
    if click is None or any((click.doc_id, click.rank) == (old.doc_id, old.rank) for old in query.turn.clicks):
        return False
    in_order = sorted((*query.turn.clicks, click), key=lambda each: each.time)
    query.turn = replace(query.turn, clicks=tuple(in_order))
    return True
