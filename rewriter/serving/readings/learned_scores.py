"""The likeness of documents as a trained model sees it: its scores of the documents that it remembers.

A document that it does not remember, or that was put or replaced while the service ran, has the cosine of its vector
and the query's, which is what an untrained memory would give it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from untilclick.search.engines.vectors.encoded_corpus import QueryCosines
from untilclick.search.engines.vectors.protocol import Spread
from untilclick.search.records import ScoredDoc
from untilclick.search.text.heaviest import heaviest


@dataclass(frozen=True, eq=False)
class RememberedIds:
    """The documents of a memory by their ids."""

    doc_ids: Sequence[str]
    """(D,)"""

    @cached_property
    def rows(self) -> Mapping[str, int]:
        """The row of each document."""
        return {doc_id: row for row, doc_id in enumerate(self.doc_ids)}


@dataclass(frozen=True, eq=False)
class LearnedScores:
    """`DocumentScores` of one query by a trained model."""

    cosines: QueryCosines
    """Of all documents, by the sentence encoder."""
    remembered: RememberedIds
    learned: NDArray[np.float32]
    """(D,) scores of the remembered documents."""

    def nearest(self, n: int) -> list[ScoredDoc]:
        """The n documents of the highest scores among the n best of both kinds, best first."""
        index = self.cosines.index
        found = [entry for entry in self.cosines.nearest(n) if self._row(entry.doc_id) is None]
        for row in heaviest(self.learned, n).tolist():
            doc_id = self.remembered.doc_ids[row]
            if doc_id in index and not index.is_changed(doc_id):
                found.append(ScoredDoc(doc_id, float(self.learned[row])))
        places = {
            doc_id: place for place, doc_id in enumerate(index.in_corpus_order([each.doc_id for each in found]))
        }
        return sorted(found, key=lambda each: (-each.score, places[each.doc_id]))[:n]

    def scores(self, doc_ids: Sequence[str]) -> list[float]:
        """The scores of given documents, in their order. Raises UnknownDocumentError for an unknown id."""
        rows = {doc_id: self._row(doc_id) for doc_id in doc_ids}
        others = [doc_id for doc_id, row in rows.items() if row is None]
        scores = dict(zip(others, self.cosines.scores(others), strict=True)) if others else {}
        scores |= {doc_id: float(self.learned[row]) for doc_id, row in rows.items() if row is not None}
        return [scores[doc_id] for doc_id in doc_ids]

    def in_corpus_order(self, doc_ids: Collection[str]) -> list[str]:
        """See `QueryCosines.in_corpus_order`."""
        return self.cosines.in_corpus_order(doc_ids)

    def spread(self) -> Spread:
        """See `QueryCosines.spread`."""
        return self.cosines.spread()

    def __len__(self) -> int:
        """Number of documents."""
        return len(self.cosines)

    def _row(self, doc_id: str) -> int | None:
        """The row of a remembered document; None for others, and for those that have changed since."""
        row = self.remembered.rows.get(doc_id)
        return None if row is None or self.cosines.index.is_changed(doc_id) else row
