"""Export and import of sessions as User Behavior Insights: `ubi_queries.jsonl` and `ubi_events.jsonl` in one folder.

An export that is imported gives the same sessions. The record formats are in `ubi_schema.py`, the mapping in
`ubi_records.py` and `ubi_sessions.py`; the package's own format is in `session_jsonl.py`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
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
from untilclick.search.log.ubi_sessions import UbiTurn, click_of, sessions_of, ubi_turn
from untilclick.search.records import Source

QUERIES_FILE = "ubi_queries.jsonl"
EVENTS_FILE = "ubi_events.jsonl"
REMEDY = "Correct the record to UBI 1.3.0, or remove the line"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class UbiCounts:
    """Counts of an export or an import."""

    sessions: int
    queries: int
    clicks: int
    ignored_events: int = 0
    """Valid events that are not a click on a result of a query in the files, or that repeat one."""


def export_ubi(log: SessionLog, folder: Path, source: Source | None = None) -> UbiCounts:
    """Write all sessions, or those of one source, into a folder; an empty log gives two empty files.

    Both files appear whole or not at all. Raises DataError for a record that UBI cannot represent.
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
    """Add the sessions of `ubi_queries.jsonl[.gz]` and, if the folder has it, `ubi_events.jsonl[.gz]`, all or none.

    Sessions of other collectors get `source`. All queries are held in memory. Raises DataError with file, line, value
    and remedy for a broken record, and LogError for a session or query that is logged already.
    """
    queries = _read_queries(existing(folder / QUERIES_FILE) or folder / QUERIES_FILE)
    events_path = existing(folder / EVENTS_FILE)
    clicks = ignored = 0
    for added in _added_clicks(queries, events_path) if events_path else ():
        clicks += added
        ignored += not added
    sessions = log.append(sessions_of(queries.values(), source), one_transaction=True)
    if ignored:
        logger.warning("%s: %d events are not clicks on results of a logged query; ignored", events_path, ignored)
    return UbiCounts(sessions, len(queries), clicks, ignored)


def _read_queries(path: Path) -> dict[str, UbiTurn]:
    queries: dict[str, UbiTurn] = {}
    for line, record in read_records(path, UbiQuery, REMEDY):
        try:
            query = ubi_turn(record)
        except ValueError as error:
            raise DataError.at(path, line, str(error), REMEDY) from None
        if query.turn.query_id in queries:
            problem = f"query_id {query.turn.query_id!r} occurs twice"
            raise DataError.at(path, line, problem, "Give every query an id of its own")
        queries[query.turn.query_id] = query
    return queries


def _added_clicks(queries: dict[str, UbiTurn], path: Path) -> Iterator[bool]:
    """Add the clicks of the events to their turns; yields for each event whether it was a click to add."""
    for line, event in read_records(path, UbiEvent, REMEDY):
        try:
            added = _add_click(queries.get(event.query_id or ""), event)
        except ValueError as error:
            raise DataError.at(path, line, str(error), REMEDY) from None
        yield added


def _add_click(query: UbiTurn | None, event: UbiEvent) -> bool:
    """Add the click of an event to a turn, in order of time; False if the event is not a new click on a result."""
    if query is None:
        return False
    query.event_session_id = query.event_session_id or event.session_id
    click = click_of(event, query.turn.shown)
    if click is None or any((click.doc_id, click.rank) == (old.doc_id, old.rank) for old in query.turn.clicks):
        return False
    clicks = sorted((*query.turn.clicks, click), key=lambda click: click.time)
    query.turn = replace(query.turn, clicks=tuple(clicks))
    return True
