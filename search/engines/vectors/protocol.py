"""The interface of an index of documents by their vectors: which are nearest to a query, and how near given ones are.

`ExactIndex` compares a query with all documents, in memory. `MappedIndex` does so in a file that processes share, or
finds nearly all of the nearest by a graph. `mapped/opened_index.py` chooses among them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple, Protocol

from untilclick.search.records import ScoredDoc
from untilclick.search.text.encoders.encoder import Vectors


class Spread(NamedTuple):
    """How the cosines of all documents with one vector are distributed."""

    mean: float
    deviation: float
    """Standard deviation, over all documents (divisor D)."""


class VectorIndex(Protocol):
    """Finds documents by their vectors. Threads may share it."""

    def nearest(self, vector: Vectors, n: int) -> list[ScoredDoc]:
        """The n documents of the highest cosines with a vector (d,), best first; equal ones in corpus order.

        An approximate index may miss some of them; the cosines of those it finds are exact.
        """

    def cosines(self, vector: Vectors, doc_ids: Sequence[str]) -> list[float]:
        """The cosines of given documents with a vector (d,), in their order.

        Raises UnknownDocumentError for an id without a vector.
        """

    def in_corpus_order(self, doc_ids: Collection[str]) -> list[str]:
        """The ids in the order of their documents in the corpus.

        Raises UnknownDocumentError for an id without a vector.
        """

    def spread(self, vector: Vectors) -> Spread:
        """Mean and deviation of the cosines of all documents with a vector (d,); zeros if there are no documents."""

    def __contains__(self, doc_id: object) -> bool:
        """Whether a document has a vector."""

    def is_changed(self, doc_id: str) -> bool:
        """Whether a document was put or deleted since the index was made: what was learned of it before is void."""

    def __len__(self) -> int:
        """Number of documents."""
