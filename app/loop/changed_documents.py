"""The documents that were changed while a service ran: the work of `untilclick changes`."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

from untilclick.search.corpora.load import load_corpus
from untilclick.search.live.journals import Unclear
from untilclick.search.live.live_indexes import LiveIndexes


@dataclass(frozen=True)
class ChangedDocument:
    """A document that was changed."""

    doc_id: str
    change: str
    """`put` or `deleted`."""
    title: str
    """Empty for a deleted document."""
    time: float
    """Seconds since the epoch."""


@dataclass(frozen=True)
class ChangedDocuments:
    """All documents of a source that were changed and stay changed, the oldest change first."""

    data: str
    journal: Path
    changes: tuple[ChangedDocument, ...]
    dropped: bool
    """Whether the changes have just been dropped."""


def changed_documents(data: str, index: Path, unclear: Unclear, *, drop: bool) -> ChangedDocuments:
    """Read the changes from the journal in an index folder, and drop them if that is wanted.

    Raises DataError for a missing source, UnclearChangesError as `LiveIndexes` does, and EngineError.
    """
    with contextlib.closing(LiveIndexes(load_corpus(data), index, unclear)) as indexes:
        changes = tuple(
            ChangedDocument(
                change.doc_id, change.kind.value, change.document.title if change.document else "", change.time
            )
            for change in indexes.journal.present()
        )
        if drop:
            indexes.drop_changes()
        return ChangedDocuments(data, indexes.journal.path, changes, drop)
