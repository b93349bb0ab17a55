"""An index of documents that change, always as they are now: rewrites that are cached for a while keep hold of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from untilclick.search.engines.vectors.overlay_index import OverlayIndex
from untilclick.search.engines.vectors.protocol import Spread
from untilclick.search.records import ScoredDoc
from untilclick.search.text.encoders.encoder import Vectors


@dataclass(frozen=True, eq=False)
class CurrentIndex:
    """A `VectorIndex` that asks for the present one at every call. Two calls may see different documents; as an
    overlay knows no unknown document, none fails."""

    now: Callable[[], OverlayIndex]

    def nearest(self, vector: Vectors, n: int) -> list[ScoredDoc]:
        """See `VectorIndex.nearest`."""
        return self.now().nearest(vector, n)

    def cosines(self, vector: Vectors, doc_ids: Sequence[str]) -> list[float]:
        """See `OverlayIndex.cosines`."""
        return self.now().cosines(vector, doc_ids)

    def in_corpus_order(self, doc_ids: Collection[str]) -> list[str]:
        """See `OverlayIndex.in_corpus_order`."""
        return self.now().in_corpus_order(doc_ids)

    def spread(self, vector: Vectors) -> Spread:
        """See `VectorIndex.spread`."""
        return self.now().spread(vector)

    def __len__(self) -> int:
        """Number of documents with a vector."""
        return len(self.now())

    def __contains__(self, doc_id: object) -> bool:
        """Whether a document has a vector."""
        return doc_id in self.now()

    def is_changed(self, doc_id: str) -> bool:
        """See `VectorIndex.is_changed`."""
        return self.now().is_changed(doc_id)
