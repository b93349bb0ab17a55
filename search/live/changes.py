"""Changes of documents while a service runs, as the journal records them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from untilclick.search.records import Document


class ChangeKind(StrEnum):
    """What became of a document."""

    PUT = "put"
    """It was added, or replaced another document of its id."""
    DELETED = "deleted"
    DROPPED = "dropped"
    """Its change was dropped: the document is again what the corpus has, or nothing."""


@dataclass(frozen=True, slots=True)
class Change:
    """The last change of one document."""

    sequence: int
    """Number of the change in its journal; later changes have higher numbers."""
    doc_id: str
    kind: ChangeKind
    document: Document | None
    """The document that was put; None for other kinds."""
    place: int | None
    """Place among the added documents, which follow those of the corpus; None if the document replaced one of the
    corpus and has its place."""
    time: float
    """Seconds since the epoch."""


class ChangeCounts(NamedTuple):
    """Numbers of documents that differ from the corpus."""

    put: int
    deleted: int

    @property
    def total(self) -> int:
        """Number of all of them."""
        return self.put + self.deleted

    def __str__(self) -> str:
        """The numbers in words."""
        return f"{self.put:,} put and {self.deleted:,} deleted"


class NewChange(NamedTuple):
    """A change that is not in the journal yet."""

    doc_id: str
    document: Document | None
    """None: the document was deleted."""
    place: int | None = None
