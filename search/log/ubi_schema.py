"""User Behavior Insights 1.3.0 (https://o19s.github.io/ubi): the records of `ubi_queries` and `ubi_events`.

The models are strict: a number is not accepted for a text, nor a text that is too long. As the standard says, only
`user_query` (queries) and `action_name` with `timestamp` (events) are required, and fields that it does not name are
allowed. The models are more lenient than its JSON schema in two points that collectors in use need: null counts as
absent, and a timestamp without an offset counts as UTC. `ubi_sessions.py` makes sessions of the records.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

VERSION = "1.3.0"
APPLICATION = "untilclick"
OWN = "untilclick"
"""The key of `query_attributes` under which this package stores its `OwnAttributes`."""


def _plain(text: str) -> str:
    if "\x00" in text:
        raise ValueError("NUL characters cannot be stored")
    return text


def _moment(text: str) -> str:
    if "T" not in text.upper():
        raise ValueError("a date with a time is needed, such as 2025-02-26T09:30:00Z")
    datetime.fromisoformat(text)
    return text


Text = Annotated[str, AfterValidator(_plain)]
Name = Annotated[str, Field(max_length=100), AfterValidator(_plain)]
Timestamp = Annotated[str, AfterValidator(_moment)]
ObjectId = Annotated[str, Field(max_length=256), AfterValidator(_plain)] | int


class _UbiRecord(BaseModel):
    model_config = ConfigDict(strict=True, extra="allow", frozen=True, allow_inf_nan=False)


class OwnAttributes(_UbiRecord):
    """Fields that the session log needs and the standard lacks."""

    session_id: Text
    step: Annotated[int, Field(ge=0)]
    source: Literal["simulated", "live"]
    time: float
    """Exact time in seconds since the epoch; the record's timestamp has milliseconds."""
    rewritten_query: Text | None = None


class UbiQuery(_UbiRecord):
    """One line of `ubi_queries`."""

    user_query: Text
    query_id: Name | None = None
    client_id: Name | None = None
    application: Name | None = None
    object_id_field: Name | None = None
    timestamp: Timestamp | None = None
    query_response_id: Text | None = None
    query_response_hit_ids: list[Text] | None = None
    query_attributes: dict[Text, Any] | None = None  # Any: the standard leaves the values open


class UbiObject(_UbiRecord):
    """The object of an event, such as a clicked document."""

    object_id: ObjectId
    object_id_field: Name | None = None


class UbiPosition(_UbiRecord):
    """The position of an event: a rank in the result list, counted from 1, or a point on the screen."""

    ordinal: Annotated[int, Field(ge=1)] | None = None
    xy: dict[str, float] | None = None


class UbiEventAttributes(_UbiRecord):
    """The details of an event. The standard requires `position`."""

    position: UbiPosition
    object: UbiObject | None = None
    time: float | None = None
    """Exact time in seconds since the epoch, a field of this package; the event's timestamp has milliseconds."""


class UbiEvent(_UbiRecord):
    """One line of `ubi_events`."""

    action_name: Name
    timestamp: Timestamp
    query_id: Name | None = None
    session_id: Name | None = None
    client_id: Name | None = None
    user_id: Name | None = None
    application: Name | None = None
    message_type: Name | None = None
    message: Annotated[str, Field(max_length=1024), AfterValidator(_plain)] | None = None
    user_query: Text | None = None
    event_attributes: UbiEventAttributes | None = None


def timestamp_of(time: float) -> str:
    """Seconds since the epoch as ISO 8601 with milliseconds and the offset Z.

    Raises ValueError or OverflowError for a time outside the years 1 to 9999.
    """
    return datetime.fromtimestamp(time, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def seconds_of(timestamp: str) -> float:
    """An ISO 8601 timestamp in seconds since the epoch. Without an offset it counts as UTC."""
    moment = datetime.fromisoformat(timestamp)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
