"""From sessions to UBI records, without files.

A turn becomes a query record, a click an event record. The attributes of a turn become query attributes of the same
names (`rewriter_version`, `reason`, `propensity`), where dashboards find them. Session, step, exact time and
rewritten query are stored under the single key `untilclick`. A session without turns has no UBI record.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from pydantic import ValidationError

from untilclick.search.errors import DataError
from untilclick.search.files.json_records import problem_of
from untilclick.search.log.ubi_schema import (
    APPLICATION,
    OWN,
    OwnAttributes,
    UbiEvent,
    UbiEventAttributes,
    UbiObject,
    UbiPosition,
    UbiQuery,
    timestamp_of,
)
from untilclick.search.records import Click, Session, Turn

Record = TypeVar("Record", UbiQuery, UbiEvent)


def query_record(session: Session, turn: Turn) -> UbiQuery:
    """The `ubi_queries` record of a turn. Raises DataError for a turn that UBI cannot represent, for instance one
    with a long id."""

    def build() -> UbiQuery:
        attributes = OwnAttributes(
            session_id=session.session_id,
            step=turn.step,
            source=session.source,
            time=turn.time,
            rewritten_query=turn.rewrite,
        )
        return UbiQuery(
            application=APPLICATION,
            query_id=turn.query_id,
            client_id=session.client_id,
            user_query=turn.query,
            timestamp=timestamp_of(turn.time),
            query_response_hit_ids=list(turn.shown),
            query_attributes={**turn.attributes, OWN: attributes.model_dump(exclude_none=True)},
        )

    if OWN in turn.attributes:
        raise DataError(f"Query {turn.query_id!r} has an attribute {OWN!r}, which UBI records need. Rename it.")
    return _built(build, turn.query_id)


def event_record(session: Session, turn: Turn, click: Click) -> UbiEvent:
    """The `ubi_events` record of a click. Raises DataError for a click that UBI cannot represent."""

    def build() -> UbiEvent:
        return UbiEvent(
            application=APPLICATION,
            action_name="click",
            query_id=click.query_id,
            session_id=session.session_id,
            client_id=session.client_id,
            timestamp=timestamp_of(click.time),
            user_query=turn.query,
            event_attributes=UbiEventAttributes(
                object=UbiObject(object_id=click.doc_id),
                position=UbiPosition(ordinal=click.rank),
                time=click.time,
            ),
        )

    return _built(build, click.query_id)


def _built(build: Callable[[], Record], query_id: str) -> Record:
    """The record that `build` makes; its validation errors become a DataError."""
    try:
        return build()
    except ValidationError as error:
        problem = problem_of(error)
    except (ValueError, OverflowError, OSError) as error:
        problem = f"timestamp: {error}"
    raise DataError(f"Query {query_id!r} cannot be written as UBI ({problem}). Export it as jsonl instead.")
