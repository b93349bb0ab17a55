"""Groups of documents that say nearly the same, so that a split of topics can keep each group on one side.

MinHash with banding (Broder, "On the resemblance and containment of documents", 1997; Leskovec, Rajaraman & Ullman,
"Mining of Massive Datasets", section 3.4) proposes pairs, their exact Jaccard similarity decides.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterator, Sequence, Set
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

THRESHOLD = 0.8
"""Least Jaccard similarity of the term sets of near duplicates."""

BANDS, ROWS = 10, 5
"""A pair of similarity s is proposed with probability 1 - (1 - s^ROWS)^BANDS: .98 at .8, .27 at .5."""

_PRIME = (1 << 31) - 1
"""Modulus of the hash functions (a x + b) mod p; products of two residues fit in 64 bits."""


def near_duplicate_groups(term_sets: Sequence[Set[str]], keys: Sequence[Hashable]) -> list[int]:
    """For each document the index of the first one of its group; a document that is like no other has its own index.

    Two documents are alike where their keys are equal and not empty, or their term sets similar; groups are closed
    under likeness by steps. An empty set is like no other. Equal input gives equal groups in every process.
    """
    pairs = list(_similar_pairs(term_sets, keys))
    n = len(term_sets)
    if not pairs:
        return list(range(n))
    first, second = np.array(pairs).T
    likeness = csr_array((np.ones(len(pairs), dtype=np.bool_), (first, second)), shape=(n, n))
    _, groups = connected_components(likeness, directed=False)  # (n,) the number of each document's group
    _, firsts = np.unique(groups, return_index=True)  # (G,) the first document of each group
    return [int(first) for first in firsts[groups]]


def _similar_pairs(term_sets: Sequence[Set[str]], keys: Sequence[Hashable]) -> Iterator[tuple[int, int]]:
    """Pairs of documents that are alike; each document is compared with the first of its key and of its bands."""
    with_key: dict[Hashable, int] = {}
    in_band: dict[tuple[int, bytes], int] = {}
    for i, (terms, key) in enumerate(zip(term_sets, keys, strict=True)):
        if key and (other := with_key.setdefault(key, i)) != i:
            yield other, i
        for band in _bands(terms):
            other = in_band.setdefault(band, i)
            if other != i and similarity(terms, term_sets[other]) >= THRESHOLD:
                yield other, i


def similarity(a: Set[str], b: Set[str]) -> float:
    """Jaccard similarity, shared over all, in [0, 1]; 0 for two empty sets."""
    return len(a & b) / max(len(a | b), 1)


def _bands(terms: Set[str]) -> list[tuple[int, bytes]]:
    """One key per band of the signature, the least hash of any term under each hash function; none for no terms."""
    if not terms:
        return []
    hashed = np.fromiter(map(_hashed, terms), dtype=np.uint64, count=len(terms))
    factor, shift = _functions()
    signature = ((factor * hashed + shift) % _PRIME).min(axis=1).reshape(BANDS, ROWS)
    return [(band, rows.tobytes()) for band, rows in enumerate(signature)]


@lru_cache(maxsize=1 << 16)
def _hashed(term: str) -> int:
    return int.from_bytes(hashlib.blake2b(term.encode("utf-8", "replace"), digest_size=4).digest()) % _PRIME


@lru_cache(maxsize=1)
def _functions() -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Factors and shifts, each (BANDS x ROWS, 1), the same in every process."""
    drawn = np.random.default_rng(0).integers(1, _PRIME, size=(2, BANDS * ROWS, 1), dtype=np.uint64)
    return drawn[0], drawn[1]
