"""The index of a corpus by meaning that suits its number of documents and what is installed."""

from __future__ import annotations

import io
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from untilclick.search.engines.vectors.encoded_documents import EncodedDocuments, Progress
from untilclick.search.engines.vectors.exact_index import ExactIndex
from untilclick.search.engines.vectors.mapped import approximate_index, half_product
from untilclick.search.engines.vectors.mapped.approximate_index import GraphCandidates
from untilclick.search.engines.vectors.mapped.derived_file import read_or_make
from untilclick.search.engines.vectors.mapped.half_product import HalfProduct
from untilclick.search.engines.vectors.mapped.mapped_index import MappedIndex, moments_of
from untilclick.search.engines.vectors.moments import Moments
from untilclick.search.engines.vectors.protocol import VectorIndex
from untilclick.search.errors import EngineError

EXACT_UP_TO = 200_000
"""Most documents that are searched exactly. With 100,000 vectors a product takes 3.6 ms of a core, and grows as they
do; a walk through their graph takes 5.6 ms, grows slowly, and misses some."""

_log = logging.getLogger(__name__)


def vector_index(
    doc_ids: Sequence[str], encoded: EncodedDocuments, folder: Path, progress: Progress | None = None
) -> VectorIndex:
    """An index of documents, whose vectors are given in the same order.

    Up to EXACT_UP_TO documents it is exact, beyond approximate. What is made of the vectors is kept in the folder;
    `progress` is called with the number of vectors in the graph and of all. Without the extra `ann` the index is
    exact and holds a copy of all vectors in memory; beyond EXACT_UP_TO a log line says so. Raises EngineError if the
    folder cannot be written.
    """
    few = len(doc_ids) <= EXACT_UP_TO
    if few and half_product.is_installed():
        return MappedIndex(doc_ids, encoded, HalfProduct(encoded), stored_moments(encoded, folder))
    if not few and approximate_index.is_installed():
        candidates = GraphCandidates(encoded, folder, progress)
        return MappedIndex(doc_ids, encoded, candidates, stored_moments(encoded, folder))
    if not few:
        _log.warning(
            "Each query is compared with all %d documents, which is slow. "
            "Install an approximate index: pip install 'untilclick[ann]'",
            len(doc_ids),
        )
    return ExactIndex(doc_ids, encoded.matrix())


def stored_moments(encoded: EncodedDocuments, folder: Path) -> Moments:
    """The moments of the documents' vectors, kept in a folder if it can be written."""

    def make(part: Path) -> None:
        moments = moments_of(encoded)
        with part.open("wb") as file:
            np.save(file, np.vstack([moments.mean, moments.covariance]))  # (1 + d, d)

    try:
        return read_or_make(folder / f"moments-{encoded.digest}.npm", _read_moments, make)
    except EngineError as error:
        _log.warning("%s. Until then every start computes it", error)
        return moments_of(encoded)


def _read_moments(path: Path) -> Moments:
    rows = np.load(io.BytesIO(path.read_bytes()), allow_pickle=False)
    return Moments(rows[0], rows[1:])
