"""What the split of a log did, for the records of trainings and for bundles."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SplitRecord:
    """What a split did, for records and reports."""

    key: str
    """Name of the key that decided."""
    n_sessions: int
    n_clicked: int
    """Sessions with a click or a named need."""
    n_needs: int
    """Needs of these sessions."""
    largest: int
    """Sessions of the largest need."""
    kept_whole: int
    """Needs that are too large and could not be taken apart; all of them are training needs."""
    n_typed_in_training: int
    """Queries of validation and judged sessions whose index terms were also typed in a training session. They are not
    judged."""
