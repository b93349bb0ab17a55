"""A corpus with the vectors of its documents, and the encoder that turns queries into vectors of the same space."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from untilclick.search.engines.vectors.document_vectors import DocumentVectors, IndexNow, KnownVectors
from untilclick.search.engines.vectors.encoded_documents import (
    EncodedDocuments,
    Progress,
    add_vectors,
    encode_documents,
    vector_folder,
)
from untilclick.search.engines.vectors.mapped.opened_index import vector_index
from untilclick.search.engines.vectors.protocol import Spread, VectorIndex
from untilclick.search.records import Document, ScoredDoc
from untilclick.search.text.encoders.encoder import Encoder, Vectors
from untilclick.search.text.encoders.query_vectors import QueryVectors


@dataclass(frozen=True, eq=False)
class QueryCosines:
    """The cosines of all documents with one query."""

    index: VectorIndex
    vector: Vectors
    """(d,) of the query."""

    def nearest(self, n: int) -> list[ScoredDoc]:
        """See `VectorIndex.nearest`."""
        return self.index.nearest(self.vector, n)

    def scores(self, doc_ids: Sequence[str]) -> list[float]:
        """See `VectorIndex.cosines`."""
        return self.index.cosines(self.vector, doc_ids)

    def in_corpus_order(self, doc_ids: Collection[str]) -> list[str]:
        """See `VectorIndex.in_corpus_order`."""
        return self.index.in_corpus_order(doc_ids)

    def spread(self) -> Spread:
        """See `VectorIndex.spread`."""
        return self.index.spread(self.vector)

    def __len__(self) -> int:
        """Number of documents."""
        return len(self.index)


@dataclass(frozen=True, eq=False)
class EncodedCorpus:
    """An encoder, and an index of what it made of a corpus."""

    queries: QueryVectors
    """Encodes queries."""
    index: VectorIndex
    stored: EncodedDocuments
    """The vectors on disk, in corpus order."""

    @classmethod
    def of(
        cls, documents: Sequence[Document], encoder: Encoder, folder: Path, progress: Progress | None = None
    ) -> EncodedCorpus:
        """Encode the documents that the folder does not hold, see `encode_documents`, and open an index of all, see
        `vector_index`. Both report their progress.

        Raises EngineError if the folder cannot be written or holds a damaged file.
        """
        encoded = encode_documents(documents, encoder, folder, progress)
        index = vector_index([document.doc_id for document in documents], encoded, folder, progress)
        return cls(QueryVectors(encoder), index, encoded)

    def cosines(self, queries: Sequence[str]) -> list[QueryCosines]:
        """The cosines of each query with the documents; those of a query without a token are 0."""
        return [QueryCosines(self.index, vector) for vector in self.queries(queries)]

    @property
    def encoder(self) -> Encoder:
        """The encoder of documents and queries."""
        return self.queries.encoder


def fixed_vectors(documents: Sequence[Document], folder: Path | None = None) -> DocumentVectors:
    """The vectors of documents that do not change. Those that neither the folder, or the cache, holds nor are known
    are encoded at once."""

    def index_of(encoder: Encoder, known: KnownVectors) -> IndexNow:
        place = vector_folder(folder)
        add_vectors(known, encoder.card, place)
        index = EncodedCorpus.of(documents, encoder, place).index
        return lambda: index

    return index_of
