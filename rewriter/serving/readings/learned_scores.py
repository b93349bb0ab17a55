"""The likeness of documents as a trained model sees it: its scores of the documents that it remembers.

A document that it does not remember, or that was put after the training, has the cosine of its vector and the
query's, which is what an untrained memory would give it.
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
        index, rows = self.cosines.index, self.remembered.rows
        found = [entry for entry in self.cosines.nearest(n) if entry.doc_id not in rows]
        for row in heaviest(self.learned, n).tolist():
            doc_id = self.remembered.doc_ids[row]
            if doc_id in index:  # it may have been deleted
                found.append(ScoredDoc(doc_id, float(self.learned[row])))
        places = {
            doc_id: place for place, doc_id in enumerate(index.in_corpus_order([each.doc_id for each in found]))
        }
        return sorted(found, key=lambda each: (-each.score, places[each.doc_id]))[:n]

    def scores(self, doc_ids: Sequence[str]) -> list[float]:
        """The scores of given documents, in their order. Raises UnknownDocumentError for an unknown id."""
        rows = self.remembered.rows
        others = [doc_id for doc_id in doc_ids if doc_id not in rows]
        cosines = dict(zip(others, self.cosines.scores(others), strict=True)) if others else {}
        return [cosines[each] if each in cosines else float(self.learned[rows[each]]) for each in doc_ids]

    def in_corpus_order(self, doc_ids: Collection[str]) -> list[str]:
        """See `QueryCosines.in_corpus_order`."""
        return self.cosines.in_corpus_order(doc_ids)

    def spread(self) -> Spread:
        """See `QueryCosines.spread`."""
        return self.cosines.spread()

    def __len__(self) -> int:
        """Number of documents."""
        return len(self.cosines)
