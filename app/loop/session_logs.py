"""Figures, suspects, and files of a session log: the work of the `log` commands."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from untilclick.search.log.session_jsonl import export_jsonl, import_jsonl
from untilclick.search.log.session_log import SessionLog
from untilclick.search.log.stats import LogStats
from untilclick.search.log.ubi import export_ubi, import_ubi
from untilclick.search.log.visitors import Suspect, suspects
from untilclick.search.records import Source

Format = Literal["ubi", "jsonl"]


def log_stats(log: str, source: Source | None) -> LogStats:
    """Figures of the sessions of one source, or of all (None). Raises LogError for a missing log."""
    with SessionLog.open(log, create=False) as opened:
        return opened.stats(source)


def log_suspects(log: str) -> list[Suspect]:
    """Visitors of the live sessions that look automated. Raises LogError for a missing log."""
    with SessionLog.open(log, create=False) as opened:
        return suspects(opened.sessions("live"))


def export_sessions(log: str, out: Path, file_format: Format, source: Source | None) -> int:
    """Write sessions to a folder (`ubi`) or a file (`jsonl`); returns their number. Raises LogError for a missing log
    and DataError for a session that UBI cannot hold."""
    with SessionLog.open(log, create=False) as opened:
        if file_format == "jsonl":
            return export_jsonl(opened, out, source)
        return export_ubi(opened, out, source).sessions


def import_sessions(path: Path, log: str, file_format: Format) -> int:
    """Add the sessions of files to a log, all or none; returns their number. Raises DataError for a broken file and
    LogError for sessions that the log holds already."""
    with SessionLog.open(log) as opened:
        if file_format == "jsonl":
            return import_jsonl(path, opened)
        return import_ubi(path, opened).sessions
