"""Simulated sessions as if people had made them."""

from __future__ import annotations

from dataclasses import replace

from untilclick.search.records import Session


def as_of_a_person(session: Session) -> Session:
    """The session without its topic, from the live source."""
    turns = tuple(replace(turn, attributes={}) for turn in session.turns)
    return replace(session, source="live", turns=turns)
