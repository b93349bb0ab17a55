"""The vectors of queries, kept: people type the same queries again, and a search session repeats its earlier ones."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock

import numpy as np
from cachetools import LRUCache

from untilclick.search.text.encoders.encoder import Encoder, Vectors

CAPACITY = 8_192
"""Number of vectors that are kept, each of about 1.5 kB."""


class QueryVectors:
    """Encodes queries that were not encoded lately. Threads may share it; at worst two encode the same query."""

    def __init__(self, encoder: Encoder, capacity: int = CAPACITY) -> None:
        self.encoder = encoder
        self._kept: LRUCache[str, Vectors] = LRUCache(capacity)
        self._lock = Lock()

    def __call__(self, queries: Sequence[str]) -> Vectors:
        """(N, d) The vectors of queries."""
        distinct = dict.fromkeys(queries)
        with self._lock:
            vectors = {query: self._kept[query] for query in distinct if query in self._kept}
        if missing := [query for query in distinct if query not in vectors]:
            new = dict(zip(missing, self.encoder.encode(missing, "query"), strict=True))
            vectors |= new
            with self._lock:
                self._kept.update(new)
        rows = [vectors[query] for query in queries]
        return np.stack(rows) if rows else np.empty((0, self.encoder.card.dimension), dtype=np.float32)
