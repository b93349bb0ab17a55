"""The places of documents in a corpus, by their ids."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from untilclick.search.errors import UnknownDocumentError

Places = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class DocumentPlaces:
    """The ids of documents that have vectors, in corpus order."""

    doc_ids: Sequence[str]
    """(D,)"""
    _places: dict[str, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_places", {doc_id: place for place, doc_id in enumerate(self.doc_ids)})

    def of(self, doc_ids: Collection[str]) -> Places:
        """(n,) The place of each document. Raises UnknownDocumentError for an id without a vector."""
        try:
            return np.array([self._places[doc_id] for doc_id in doc_ids], dtype=np.int64)
        except KeyError as error:
            remedy = "Check the id, or encode the documents again"
            raise UnknownDocumentError(f"No document {error.args[0]!r} has a vector. {remedy}") from None

    def __contains__(self, doc_id: object) -> bool:
        """Whether a document has a vector."""
        return doc_id in self._places

    def in_corpus_order(self, doc_ids: Collection[str]) -> list[str]:
        """The ids by their places. Raises UnknownDocumentError for an id without a vector."""
        return [self.doc_ids[place] for place in np.sort(self.of(doc_ids))]
