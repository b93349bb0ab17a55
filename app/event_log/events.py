"""Queries and clicks of the service as the bytes that its spool keeps: one JSON object, its only key the kind."""

from __future__ import annotations

import json
from dataclasses import asdict

from pydantic import TypeAdapter, ValidationError

from untilclick.search.errors import DataError
from untilclick.search.log.live_events import LiveTurn
from untilclick.search.records import Click

Event = LiveTurn | Click

_READERS: dict[str, TypeAdapter[LiveTurn] | TypeAdapter[Click]] = {
    "turn": TypeAdapter(LiveTurn),
    "click": TypeAdapter(Click),
}


def encode(event: Event) -> bytes:
    """The event as JSON in ASCII."""
    kind = "turn" if isinstance(event, LiveTurn) else "click"
    return json.dumps({kind: asdict(event)}, separators=(",", ":")).encode("ascii")


def decode(body: bytes) -> Event:
    """The event that `encode` was given. Raises DataError for anything else."""
    try:
        ((kind, fields),) = json.loads(body).items()
        return _READERS[kind].validate_python(fields)
    except (ValueError, KeyError, AttributeError, ValidationError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"A spooled event cannot be read ({reason}); was it written by a newer build?") from None


def time_of(event: Event) -> float:
    """When it happened, seconds since the epoch."""
    return event.turn.time if isinstance(event, LiveTurn) else event.time
