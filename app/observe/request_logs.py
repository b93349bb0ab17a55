"""The log of the process on stderr: one line per event, with the id of the request that the event belongs to.

The formats are `text` for people, `json` for log collectors (package python-json-logger), and `quiet`: text, but only
warnings and errors.
"""

from __future__ import annotations

import logging
import sys
from contextvars import ContextVar
from typing import Literal

from pythonjsonlogger.json import JsonFormatter

LogFormat = Literal["quiet", "text", "json"]

NO_REQUEST = "-"
request_id: ContextVar[str] = ContextVar("request_id", default=NO_REQUEST)
"""Id of the request that the current thread or task works for; threads that a handler starts inherit it."""

TEXT = "%(asctime)s %(levelname)s %(name)s [%(request_id)s] %(message)s"


class _WithRequest(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        """Add the request's id to a record that has none; every record passes."""
        if not hasattr(record, "request_id"):
            record.request_id = request_id.get()
        return True


def set_up_logs(form: LogFormat) -> None:
    """Let all loggers write to stderr in a format, in place of any earlier set-up."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_WithRequest())
    handler.setFormatter(_json() if form == "json" else logging.Formatter(TEXT))
    level = logging.WARNING if form == "quiet" else logging.INFO
    logging.basicConfig(level=level, handlers=[handler], force=True)


def _json() -> logging.Formatter:
    fields = {"asctime": "time", "levelname": "level", "name": "logger"}
    return JsonFormatter(
        "%(asctime)s %(levelname)s %(name)s %(request_id)s %(message)s",
        rename_fields=fields,
        datefmt="%Y-%m-%dT%H:%M:%S%z",
    )
