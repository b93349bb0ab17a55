"""The service's log on stderr: a line an event, each with the id of the request that it is about.

As text for people, or as JSON for log collectors (package python-json-logger); `quiet` is text, and warnings alone.
"""

from __future__ import annotations

import logging
import sys
from contextvars import ContextVar
from typing import Literal

LogFormat = Literal["quiet", "text", "json"]

NO_REQUEST = "-"
request_id: ContextVar[str] = ContextVar("request_id", default=NO_REQUEST)
"""The request that the present thread or task is about; threads that handlers start know it too."""

TEXT = "%(asctime)s %(levelname)s %(name)s [%(request_id)s] %(message)s"


class _WithRequest(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass, with the request's id where it has none of its own."""
        if not hasattr(record, "request_id"):
            record.request_id = request_id.get()
        return True


def set_up_logs(form: LogFormat) -> None:
    """Have all loggers write to stderr, in place of any earlier set-up."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_WithRequest())
    handler.setFormatter(_json() if form == "json" else logging.Formatter(TEXT))
    level = logging.WARNING if form == "quiet" else logging.INFO
    logging.basicConfig(level=level, handlers=[handler], force=True)


def _json() -> logging.Formatter:
    from pythonjsonlogger.json import JsonFormatter

    fields = {"asctime": "time", "levelname": "level", "name": "logger"}
    return JsonFormatter(
        "%(asctime)s %(levelname)s %(name)s %(request_id)s %(message)s",
        rename_fields=fields,
        datefmt="%Y-%m-%dT%H:%M:%S%z",
    )
