"""Candidates from a graph of near neighbours, which finds nearly all of the nearest without a look at most documents.

Hierarchical navigable small worlds (Malkov and Yashunin, "Efficient and Robust Approximate Nearest Neighbor Search
Using Hierarchical Navigable Small World Graphs", TPAMI 2020), by usearch. The graph holds vectors of int8, 384 bytes
each, and lies in one file, which processes map and share. int8 loses nothing that matters, as candidates are compared
anew by their float16 rows; a graph of float16 is 1.7 times as large and takes several times as long to make. It is
made by one thread, so that equal vectors give equal bytes.
"""

from __future__ import annotations

import logging
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from untilclick.search.engines.vectors.document_places import Places
from untilclick.search.engines.vectors.encoded_documents import EncodedDocuments, Progress
from untilclick.search.engines.vectors.mapped.derived_file import read_or_make
from untilclick.search.text.encoders.encoder import Vectors

if TYPE_CHECKING:
    from usearch.index import Index

CONNECTIVITY = 32
"""Neighbours of a vector in the graph, M of the paper."""
EXPANSION_ADD = 128
"""Candidates among which a new vector's neighbours are chosen, efConstruction of the paper."""
EXPANSION_SEARCH = 4
"""Candidates of a search, ef of the paper, in multiples of the number of documents asked for. Time grows with it."""
LEAST_EXPANSION = 400
"""Fewest candidates of a search, for small numbers of documents."""
MARGIN = 1.25
"""Documents taken from the graph, in multiples of the number asked for, since int8 orders them a little otherwise."""
DEVIATIONS = 6
"""The numbers of a unit vector of length d deviate from 0 by d^-0.5. int8 spans this many deviations on both sides;
what is beyond is cut. The numbers of MiniLM's vectors reach 5.3 deviations."""
PIECE = 10_000
"""Vectors that are added to the graph between two reports of progress."""

_log = logging.getLogger(__name__)


class GraphCandidates:
    """Documents that a walk through the graph finds."""

    def __init__(self, encoded: EncodedDocuments, folder: Path, progress: Progress | None = None) -> None:
        """Map the graph of the documents in a folder, made first if it is not there or damaged.

        Texts that several documents have are one node. Raises EngineError if the folder cannot be written.
        """
        nodes, node_of = np.unique(encoded.rows, return_inverse=True)  # (V,), (D,)
        self._documents = np.argsort(node_of, kind="stable")  # (D,) by node
        self._starts = np.searchsorted(node_of[self._documents], np.arange(len(nodes) + 1))  # (V + 1,)
        self._dimension = encoded.vectors.shape[1]
        path = folder / f"graph-{encoded.digest}.usearch"
        self._index = read_or_make(path, self._mapped, lambda part: self._build(encoded, nodes, part, progress))
        self._lock = Lock()  # usearch gives every caller its first thread's memory

    def places(self, vector: Vectors, n: int) -> Places:
        """See `Candidates.places`."""
        if n <= 0 or not len(self._documents):
            return np.empty(0, dtype=np.int64)
        with self._lock:
            self._index.expansion_search = max(EXPANSION_SEARCH * n, LEAST_EXPANSION)
            found = self._index.search(as_int8(vector), int(MARGIN * n), threads=1).keys  # (n or more,)
        return np.sort(self._documents_of(found.astype(np.int64)))

    def _documents_of(self, nodes: Places) -> Places:
        starts, ends = self._starts[nodes], self._starts[nodes + 1]
        if np.all(ends - starts == 1):
            return self._documents[starts]
        return np.concatenate([self._documents[start:end] for start, end in zip(starts, ends, strict=True)])

    def _mapped(self, path: Path) -> Index:
        index = self._empty()
        index.view(str(path))
        return index

    def _empty(self) -> Index:
        from usearch.index import Index  # noqa: PLC0415

        return Index(
            ndim=self._dimension,
            metric="ip",
            dtype="i8",
            connectivity=CONNECTIVITY,
            expansion_add=EXPANSION_ADD,
            enable_key_lookups=False,
        )

    def _build(self, encoded: EncodedDocuments, nodes: Places, part: Path, progress: Progress | None) -> None:
        _log.info("Making the graph of %d vectors; it is kept in %s", len(nodes), part.parent)
        index = self._empty()
        for start in range(0, len(nodes), PIECE):
            keys = np.arange(start, min(start + PIECE, len(nodes)))
            index.add(keys, as_int8(encoded.vectors[nodes[keys]].astype(np.float32)), threads=1)
            if progress is not None:
                progress(start + len(keys), len(nodes))
        index.save(str(part))


def is_installed() -> bool:
    """Whether usearch can be imported."""
    return find_spec("usearch") is not None


def as_int8(vectors: Vectors) -> NDArray[np.int8]:
    """(..., d) Unit vectors as integers of -127 to 127."""
    scale = 127 * vectors.shape[-1] ** 0.5 / DEVIATIONS
    integers: NDArray[np.int8] = np.clip(np.rint(vectors * scale), -127, 127).astype(np.int8)
    return integers
