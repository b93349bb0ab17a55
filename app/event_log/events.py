"""Events as the bytes that the spool keeps: a JSON object whose only key is the kind of event, `turn` or `click`."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from untilclick.search.errors import DataError
from untilclick.search.files.json_records import record_of
from untilclick.search.log.live_events import LiveTurn
from untilclick.search.records import Click

Event = LiveTurn | Click


@dataclass(frozen=True, slots=True)
class _SpooledEvent:
    """The content of the bytes: a turn or a click."""

    turn: LiveTurn | None = None
    click: Click | None = None


def encode(event: Event) -> bytes:
    """The event as JSON in ASCII."""
    kind = "turn" if isinstance(event, LiveTurn) else "click"
    return json.dumps({kind: asdict(event)}, separators=(",", ":")).encode("ascii")


def decode(body: bytes) -> Event:
    """The event that was encoded. Raises DataError if the bytes are not an event of a known kind."""
    try:
        spooled = record_of(_SpooledEvent, body, ignore_unknown=True)
    except ValueError as error:
        raise _unreadable(str(error)) from None
    event = spooled.turn or spooled.click
    if event is None:
        raise _unreadable("neither turn nor click")
    return event


def _unreadable(reason: str) -> DataError:
    return DataError(f"A spooled event cannot be read ({reason}); was it written by a newer build?")


def time_of(event: Event) -> float:
    """When the event happened, seconds since the epoch."""
    return event.turn.time if isinstance(event, LiveTurn) else event.time
