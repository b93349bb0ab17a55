"""Export and import of sessions as JSON lines, one session per line, in the package's own complete format.

Other tools know UBI (`ubi.py`). This format loses nothing, takes a few lines of code to read in any language, and has
room for what UBI lacks: ids of more than 100 characters, and sessions without a query.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from untilclick.search.errors import DataError, LogError
from untilclick.search.files.json_records import read_records
from untilclick.search.files.whole_files import whole_file
from untilclick.search.log.schema import rows_of
from untilclick.search.log.session_log import SessionLog
from untilclick.search.records import Click, Session, Source, Turn

_REMEDY = "Correct the record, or write the file again with `untilclick log export --format jsonl`"


class _JsonlRecord(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


class _Click(_JsonlRecord):
    doc_id: str
    rank: Annotated[int, Field(ge=1)]
    time: float


class _Turn(_JsonlRecord):
    query_id: str
    step: Annotated[int, Field(ge=0)]
    query: str
    rewrite: str | None = None
    shown: list[str]
    clicks: list[_Click] = []
    time: float
    attributes: dict[str, str | int | float | bool | None] = {}


class _Session(_JsonlRecord):
    session_id: str
    source: Source
    client_id: str | None = None
    turns: list[_Turn]


def export_jsonl(log: SessionLog, path: Path, source: Source | None = None) -> int:
    """Write all sessions, or those of one source, to a file, whole or not at all. Returns their number."""
    n = 0
    with whole_file(path) as file:
        for session in log.sessions(source):
            n += 1
            file.write(_line(session) + "\n")
    return n


def import_jsonl(path: Path, log: SessionLog) -> int:
    """Add the sessions of a file to a log, all or none, and return their number. A `.gz` file is decompressed.

    Raises DataError with file, line, value and remedy for a broken record, and LogError for a session or query that
    is logged already.
    """
    return log.append(read_sessions(path), one_transaction=True)


def read_sessions(path: Path) -> Iterator[Session]:
    """The sessions of a file, in order; an empty file has none. Raises DataError as `import_jsonl` does."""
    for line, record in read_records(path, _Session, _REMEDY):
        session = _session(record)
        try:
            rows_of([session])
        except LogError as error:
            raise DataError.at(path, line, str(error).rstrip("."), _REMEDY) from None
        yield session


def _line(session: Session) -> str:
    record = asdict(session)
    for turn in record["turns"]:
        turn["attributes"] = dict(turn["attributes"])
        for click in turn["clicks"]:
            del click["query_id"]
    return json.dumps(record, ensure_ascii=False, separators=(",", ":"))


def _session(record: _Session) -> Session:
    turns = tuple(_turn(turn) for turn in record.turns)
    return Session(record.session_id, record.source, turns, record.client_id)


def _turn(record: _Turn) -> Turn:
    return Turn(
        query_id=record.query_id,
        step=record.step,
        query=record.query,
        rewrite=record.rewrite,
        shown=tuple(record.shown),
        clicks=tuple(Click(record.query_id, click.doc_id, click.rank, click.time) for click in record.clicks),
        time=record.time,
        attributes=record.attributes,
    )
