"""An index of documents of which some were put, replaced or deleted since it was made.

Unlike other indexes it knows no unknown document: searches by words may find one a moment before its vector is there,
or a moment after it was deleted, and then its cosine is 0.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from untilclick.search.engines.vectors.exact_index import ExactIndex
from untilclick.search.engines.vectors.protocol import Spread, VectorIndex
from untilclick.search.records import ScoredDoc
from untilclick.search.text.encoders.encoder import Vectors


class ChangedDocument(NamedTuple):
    """A document that differs from that of the index below, or is not in it."""

    place: int
    """Its place among the documents that are not in the index below, which come after those of it."""
    vector: Vectors | None
    """(d,) None: it was deleted, or has no vector yet."""


@dataclass(frozen=True, eq=False)
class OverlayIndex:
    """A `VectorIndex` with changes. Threads may share it."""

    base: VectorIndex
    changed: Mapping[str, ChangedDocument]
    """By the id of the document; not to be changed any more."""

    def nearest(self, vector: Vectors, n: int) -> list[ScoredDoc]:
        """See `VectorIndex.nearest`. Deleted documents are not found."""
        of_base = self._nearest_of_base(vector, n)
        if not len(self._put):
            return of_base
        entries = of_base + self._put.nearest(vector, n)
        order = {doc_id: i for i, doc_id in enumerate(self.in_corpus_order([entry.doc_id for entry in entries]))}
        return sorted(entries, key=lambda entry: (-entry.score, order[entry.doc_id]))[:n]

    def cosines(self, vector: Vectors, doc_ids: Sequence[str]) -> list[float]:
        """See `VectorIndex.cosines`; 0 for a document without a vector."""
        of_base = [doc_id for doc_id in doc_ids if doc_id not in self.changed and doc_id in self.base]
        put = [doc_id for doc_id in doc_ids if doc_id in self._put]
        cosines = dict(zip(of_base, self.base.cosines(vector, of_base), strict=True))
        cosines |= zip(put, self._put.cosines(vector, put), strict=True)
        return [cosines.get(doc_id, 0.0) for doc_id in doc_ids]

    def in_corpus_order(self, doc_ids: Collection[str]) -> list[str]:
        """See `VectorIndex.in_corpus_order`; a document that is nowhere known comes last."""
        of_base = [doc_id for doc_id in doc_ids if doc_id in self.base]
        added = [(self._place(doc_id), doc_id) for doc_id in doc_ids if doc_id not in self.base]
        return self.base.in_corpus_order(of_base) + [doc_id for _, doc_id in sorted(added)]

    def spread(self, vector: Vectors) -> Spread:
        """See `VectorIndex.spread`."""
        base = self.base.spread(vector)
        if not self.changed:
            return base
        hidden = np.array(self.base.cosines(vector, self._hidden), dtype=np.float64)
        put = (self._put.vectors @ vector).astype(np.float64) if len(self._put) else np.zeros(0)
        n = len(self.base)
        total = n * base.mean - hidden.sum() + put.sum()
        squares = n * (base.deviation**2 + base.mean**2) - (hidden**2).sum() + (put**2).sum()
        mean = total / max(len(self), 1)
        return Spread(float(mean), float(max(squares / max(len(self), 1) - mean**2, 0.0) ** 0.5))

    def __len__(self) -> int:
        """Number of documents with a vector."""
        return len(self.base) - len(self._hidden) + len(self._put)

    def __contains__(self, doc_id: object) -> bool:
        """Whether a document has a vector."""
        return doc_id in self._put or (doc_id not in self.changed and doc_id in self.base)

    def is_changed(self, doc_id: str) -> bool:
        """See `VectorIndex.is_changed`."""
        return doc_id in self.changed

    @cached_property
    def _put(self) -> ExactIndex:
        """The changed documents that have vectors."""
        vectors = {doc_id: each.vector for doc_id, each in self.changed.items() if each.vector is not None}
        rows = np.stack(list(vectors.values())) if vectors else np.empty((0, 1), dtype=np.float32)
        return ExactIndex(list(vectors), rows)

    @cached_property
    def _hidden(self) -> Sequence[str]:
        """The documents below that are changed."""
        return [doc_id for doc_id in self.changed if doc_id in self.base]

    def _nearest_of_base(self, vector: Vectors, n: int) -> list[ScoredDoc]:
        """The n nearest documents below that are not changed. As there are mostly few changed ones, the search begins
        with a few more than n."""
        more = min(len(self._hidden), n)
        while True:
            entries = self.base.nearest(vector, n + more)
            present = [entry for entry in entries if entry.doc_id not in self.changed]
            if len(present) >= n or more >= len(self._hidden):
                return present[:n]
            more = min(4 * more, len(self._hidden))

    def _place(self, doc_id: str) -> float:
        change = self.changed.get(doc_id)
        return float("inf") if change is None else change.place
