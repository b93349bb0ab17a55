"""Search among the mapped vectors of documents, which processes share: candidates first, then their exact cosines.

`HalfProduct` gives candidates for exact search, `GraphCandidates` for approximate search. Their cosines are computed
from the stored float16 rows as those of `ExactIndex` are: a document that both find has the same score to the bit.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from untilclick.search.engines.vectors.document_places import DocumentPlaces, Places
from untilclick.search.engines.vectors.encoded_documents import EncodedDocuments
from untilclick.search.engines.vectors.exact_index import row_cosines
from untilclick.search.engines.vectors.moments import PIECE, Moments
from untilclick.search.engines.vectors.protocol import Spread
from untilclick.search.records import ScoredDoc
from untilclick.search.text.encoders.encoder import Vectors
from untilclick.search.text.heaviest import heaviest


class Candidates(Protocol):
    """Finds documents that may be the nearest to a vector. Threads may share it."""

    def places(self, vector: Vectors, n: int) -> Places:
        """(n or more,) Places in corpus order of documents, ascending, among which are all or nearly all of the n
        nearest to a vector (d,); fewer than n only if there are no more documents, or if the search is approximate.
        """


@dataclass(frozen=True, eq=False)
class MappedIndex:
    """Vectors of documents on disk. Threads may share it. Memory of its own: the ids alone."""

    doc_ids: Sequence[str]
    """(D,)"""
    encoded: EncodedDocuments
    candidates: Candidates
    moments: Moments
    """Of the documents' vectors."""
    _places: DocumentPlaces = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if len(self.doc_ids) != len(self.encoded.rows):
            raise ValueError(
                f"{len(self.doc_ids)} documents have {len(self.encoded.rows)} vectors; expected one each"
            )
        object.__setattr__(self, "_places", DocumentPlaces(self.doc_ids))

    def nearest(self, vector: Vectors, n: int) -> list[ScoredDoc]:
        """The candidates of the n highest cosines with a vector (d,), best first; equal ones in corpus order."""
        places = self.candidates.places(vector, n)
        cosines = self._cosines(vector, places)
        return [ScoredDoc(self.doc_ids[places[i]], float(cosines[i])) for i in heaviest(cosines, n)]

    def cosines(self, vector: Vectors, doc_ids: Sequence[str]) -> list[float]:
        """The cosines of given documents with a vector (d,), in their order.

        Raises UnknownDocumentError for an id without a vector.
        """
        cosines: list[float] = self._cosines(vector, self._places.of(doc_ids)).tolist()
        return cosines

    def in_corpus_order(self, doc_ids: Collection[str]) -> list[str]:
        """The ids by their places. Raises UnknownDocumentError for an id without a vector."""
        return self._places.in_corpus_order(doc_ids)

    def spread(self, vector: Vectors) -> Spread:
        """Mean and deviation of the cosines of all documents with a vector (d,); zeros if there are no documents."""
        return self.moments.spread(vector)

    def __contains__(self, doc_id: object) -> bool:
        """Whether a document has a vector."""
        return doc_id in self._places

    def is_changed(self, doc_id: str) -> bool:  # noqa: ARG002  these documents stay as they are
        """See `VectorIndex.is_changed`."""
        return False

    def __len__(self) -> int:
        """Number of documents."""
        return len(self.doc_ids)

    def _cosines(self, vector: Vectors, places: Places) -> Vectors:
        return row_cosines(self.encoded.of(places), vector)


def moments_of(encoded: EncodedDocuments) -> Moments:
    """The moments of the documents' vectors. A million vectors of 384 numbers take some ten seconds of one thread."""
    return Moments.of(_pieces(encoded), encoded.vectors.shape[1])


def _pieces(encoded: EncodedDocuments) -> Iterator[Vectors]:
    for start in range(0, len(encoded.rows), PIECE):
        yield encoded.of(slice(start, start + PIECE))
