"""Documents by exact title, for queries that are the whole title of a document.

A table of hashes takes 12 bytes per document beside the ids; a dictionary of titles would take some 200, which is
much for an engine of a million documents. Two titles are equal if they differ in case, accents, width or white space
only (`text_key`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from untilclick.search.analysis.normal_form import text_key
from untilclick.search.records import Document

MOST_WITH_TITLE = 100
"""Maximum number of documents that a title may name. One that more documents share, such as `Introduction`, names
none of them."""


@dataclass(frozen=True, eq=False)
class Titles:
    """The ids of documents by title. A change makes a new object, so threads may share one."""

    doc_ids: Sequence[str]
    """Ids of the documents of `hashes`, in corpus order."""
    hashes: NDArray[np.int64]
    """(D,) hashes of the titles' keys, ascending. Two of a million keys are equal with a probability of 3e-8."""
    rows: NDArray[np.int32]
    """(D,) the document that each hash belongs to, as its place in `doc_ids`; ascending among equal hashes."""
    changed: Mapping[str, str | None] = field(default_factory=dict)
    """doc_id -> key of the title of a document that was put later, or None for a deleted one."""
    later: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Key of a title -> ids of the documents of `changed` that have it."""

    @classmethod
    def of(cls, documents: Iterable[Document]) -> Titles:
        """The table of the documents of a corpus, in corpus order."""
        pairs = [(document.doc_id, hash(text_key(document.title))) for document in documents]
        hashes = np.array([each for _, each in pairs], dtype=np.int64)
        rows = np.argsort(hashes, kind="stable")
        return cls(tuple(doc_id for doc_id, _ in pairs), hashes[rows], rows.astype(np.int32))

    def with_changes(self, titles: Mapping[str, str | None]) -> Titles:
        """The table after changes: doc_id -> the title that a document has now, or None if it was deleted."""
        keys = {doc_id: None if title is None else text_key(title) for doc_id, title in titles.items()}
        changed = {**self.changed, **keys}
        later: dict[str, tuple[str, ...]] = {}
        for doc_id, key in changed.items():
            if key is not None:
                later[key] = (*later.get(key, ()), doc_id)
        return replace(self, changed=changed, later=later)

    def with_title(self, title: str) -> list[str]:
        """Ids of the documents with this title, those of the corpus first, in its order.

        Empty for a blank title, and for one that more than `MOST_WITH_TITLE` documents share.
        """
        key = text_key(title)
        if not key:
            return []
        begin = int(self.hashes.searchsorted(hash(key), "left"))
        end = int(self.hashes.searchsorted(hash(key), "right"))
        later = self.later.get(key, ())
        if end - begin + len(later) > MOST_WITH_TITLE:
            return []
        doc_ids = [self.doc_ids[row] for row in self.rows[begin:end]]
        return [*(doc_id for doc_id in doc_ids if doc_id not in self.changed), *later]
