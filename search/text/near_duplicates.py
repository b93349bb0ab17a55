"""Groups of documents with nearly the same content, so that a split of topics can keep each group together.

MinHash with banding (Broder, "On the resemblance and containment of documents", 1997; Leskovec, Rajaraman & Ullman,
"Mining of Massive Datasets", section 3.4) proposes pairs of documents; a pair counts if its exact Jaccard similarity
is high enough.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterator, Sequence, Set
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

THRESHOLD = 0.8
"""Minimum Jaccard similarity of the term sets of near duplicates."""

BANDS, ROWS = 10, 5
"""A pair of similarity s is proposed with probability 1 - (1 - s^ROWS)^BANDS: .98 at .8, .27 at .5."""

_PRIME = (1 << 31) - 1
"""Modulus of the hash functions (a x + b) mod p; products of two residues fit in 64 bits."""


def near_duplicate_groups(term_sets: Sequence[Set[str]], keys: Sequence[Hashable]) -> list[int]:
    """(n,) for each document the index of the first document of its group, which is its own if it is alone.

    Two documents are alike if their keys are equal and not empty, or if their term sets are similar. Documents that
    are connected by a chain of alike documents are in one group. An empty term set is similar to none. Equal input
    gives equal groups in every process.
    """
    pairs = list(_similar_pairs(term_sets, keys))
    n = len(term_sets)
    if not pairs:
        return list(range(n))
    first, second = np.array(pairs).T
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415  10 MB that a service has no use for

    likeness = csr_array((np.ones(len(pairs), dtype=np.bool_), (first, second)), shape=(n, n))
    _, groups = connected_components(likeness, directed=False)  # (n,), numbers 0..G-1
    _, firsts = np.unique(groups, return_index=True)  # (G,), the first document of each group
    return [int(first) for first in firsts[groups]]


def _similar_pairs(term_sets: Sequence[Set[str]], keys: Sequence[Hashable]) -> Iterator[tuple[int, int]]:
    """Pairs of documents that are alike. Each document is compared with the first document of the same key and with
    the first of each of its bands."""
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
    """Jaccard similarity |a and b| / |a or b|, in [0, 1]; 0 for two empty sets."""
    return len(a & b) / max(len(a | b), 1)


def _bands(terms: Set[str]) -> list[tuple[int, bytes]]:
    """The MinHash signature of a term set in BANDS pieces, each with its number; empty for an empty set.

    The signature holds, for each hash function, the smallest hash of any term.
    """
    if not terms:
        return []
    hashed = np.fromiter(map(_hashed, terms), dtype=np.uint64, count=len(terms))  # (T,)
    factor, shift = _functions()
    hashes = (factor * hashed + shift) % _PRIME  # (BANDS x ROWS, T)
    signature = hashes.min(axis=1).reshape(BANDS, ROWS)
    return [(band, rows.tobytes()) for band, rows in enumerate(signature)]


@lru_cache(maxsize=1 << 16)
def _hashed(term: str) -> int:
    """A number in 0.._PRIME-1; Python's own `hash` differs from process to process."""
    return int.from_bytes(hashlib.blake2b(term.encode("utf-8", "replace"), digest_size=4).digest()) % _PRIME


@lru_cache(maxsize=1)
def _functions() -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Factors and shifts of the hash functions, each (BANDS x ROWS, 1), the same in every process."""
    factors, shifts = np.random.default_rng(0).integers(1, _PRIME, size=(2, BANDS * ROWS, 1), dtype=np.uint64)
    return factors, shifts
