"""Groups of queries that want the same documents: linked sets, and groups that are too large taken apart.

Two sets are linked if their Jaccard coefficient is high. One shared document of larger sets links nothing, because a
popular document would otherwise link everything: on NFCorpus it makes one need of 2,562 of 2,563 training queries.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

JACCARD = 0.5
"""Smallest Jaccard coefficient of linked sets."""

HIGHER = (0.6, 0.7, 0.8, 0.9, 1.0)
"""Thresholds by which a group is taken apart that is too large."""

LARGEST_SHARE = 0.05
"""Largest share of all sets that a group may have."""

FEW_GROUPS = 100
"""With fewer groups no group is taken apart: a real need of a small log may well have a twentieth of its queries."""

_BLOCK = 4_096
"""Sets that are compared with all others at once."""

Groups = NDArray[np.int64]
"""(n,) number of the group that each set belongs to, from 0 on without gaps."""


@dataclass(frozen=True)
class LinkedSets:
    """Sets in groups."""

    groups: Groups
    whole: tuple[int, ...]
    """Groups that exceed `LARGEST_SHARE` and that no threshold takes apart."""
    n_split: int
    """Number of groups that were taken apart."""

    @property
    def n_groups(self) -> int:
        """Number of groups."""
        return int(self.groups.max()) + 1 if self.groups.size else 0

    @property
    def largest(self) -> int:
        """Number of sets of the largest group."""
        return int(np.bincount(self.groups).max()) if self.groups.size else 0


def linked_sets(sets: Sequence[frozenset[int]], keys: Sequence[Hashable | None] | None = None) -> LinkedSets:
    """Group sets of document numbers whose Jaccard coefficient is `JACCARD` or more, in chains.

    A set of one document is linked with equal sets only. Sets with the same key (not None) are linked, too. Empty
    sets are linked by keys alone. A group with more than `LARGEST_SHARE` of all sets is taken apart by the first
    threshold of `HIGHER` that leaves no part as large, or by the last one; keys hold in the parts.
    """
    groups = _components(sets, keys, JACCARD)
    sizes = np.bincount(groups)
    if sizes.size < FEW_GROUPS:
        return LinkedSets(groups, (), 0)
    limit = LARGEST_SHARE * len(sets)
    parts = [_parts(np.flatnonzero(groups == group), sets, keys, limit) for group in np.flatnonzero(sizes > limit)]
    labels = groups.copy()
    whole: list[int] = []  # a row of each group that stays too large
    for members, of_members in parts:
        labels[members] = labels.max() + 1 + of_members
        whole += [int(members[of_members == part][0]) for part in np.flatnonzero(np.bincount(of_members) > limit)]
    _, labels = np.unique(labels, return_inverse=True)
    n_split = sum(int(of_members.max()) > 0 for _, of_members in parts)
    return LinkedSets(labels.astype(np.int64), tuple(int(labels[row]) for row in whole), n_split)


def _parts(
    members: NDArray[np.int64], sets: Sequence[frozenset[int]], keys: Sequence[Hashable | None] | None, limit: float
) -> tuple[NDArray[np.int64], Groups]:
    """The rows of a group that is too large, and the part that each belongs to."""
    of_group = [sets[row] for row in members]
    its_keys = None if keys is None else [keys[row] for row in members]
    of_members: Groups = np.zeros(len(members), dtype=np.int64)
    for threshold in HIGHER:
        of_members = _components(of_group, its_keys, threshold)
        if np.bincount(of_members).max() <= limit:
            break
    return members, of_members


def _components(sets: Sequence[frozenset[int]], keys: Sequence[Hashable | None] | None, at_least: float) -> Groups:
    """The group of each row: connected components of a graph with a node for each row, distinct set and key."""
    from scipy.sparse.csgraph import connected_components  # 10 MB that a service has no use for

    distinct = dict.fromkeys(sets)
    of_sets = _numbered([each or None for each in sets])
    of_keys = _numbered(keys or [None] * len(sets))
    edges = [_edges(of_sets, len(sets)), _edges(of_keys, len(sets) + len(distinct))]
    filled = [each for each in distinct if each]
    edges += [len(sets) + np.stack(pairs) for pairs in similar_sets(filled, at_least)]
    start, end = np.concatenate(edges, axis=1)
    n_nodes = 2 * len(sets) + len(distinct)
    graph = sparse.coo_array((np.ones(start.size, dtype=np.int8), (start, end)), shape=(n_nodes, n_nodes))
    _, labels = connected_components(graph, directed=False)
    return np.unique(labels[: len(sets)], return_inverse=True)[1].astype(np.int64)


def _numbered(values: Sequence[Hashable | None]) -> NDArray[np.int64]:
    """(n,) number of each value, equal ones have one number, in order of first occurrence; -1 for None."""
    numbers = {value: number for number, value in enumerate(dict.fromkeys(v for v in values if v is not None))}
    return np.array([-1 if value is None else numbers[value] for value in values], dtype=np.int64)


def _edges(numbers: NDArray[np.int64], first_node: int) -> NDArray[np.int64]:
    """(2, edges) from each row with a number to the node of this number."""
    rows = np.flatnonzero(numbers >= 0)
    return np.stack([rows, first_node + numbers[rows]])


def incidence(sets: Sequence[frozenset[int]]) -> sparse.csr_array:
    """(sets, width) matrix with a 1 for each member; `width` is the largest member plus 1."""
    width = 1 + max((max(each) for each in sets if each), default=0)
    columns = np.fromiter((member for each in sets for member in each), dtype=np.int64)
    starts = np.concatenate([[0], np.cumsum([len(each) for each in sets], dtype=np.int64)])
    return sparse.csr_array((np.ones(columns.size, dtype=np.int32), columns, starts), shape=(len(sets), width))


def similar_sets(
    sets: Sequence[frozenset[int]], at_least: float
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Pairs of rows, the smaller first, of sets with two or more members each and a Jaccard coefficient of `at_least`
    or more, in blocks. `sets` differ from each other; `at_least` is .5 or more.

    Such sets share two members or more, and so one of the rarest members of each. Only sets that share one of those
    are compared: Chaudhuri, Ganti & Kaushik, "A primitive operator for similarity joins in data cleaning", ICDE 2006.
    """
    whole = incidence(sets)
    sizes = np.diff(whole.indptr)  # (n,)
    owners = np.repeat(np.arange(len(sets)), sizes)
    rarity = np.bincount(whole.indices, minlength=whole.shape[1])[whole.indices]
    order = np.lexsort((whole.indices, rarity, owners))  # the rarest members of each set first
    place = np.arange(owners.size) - np.repeat(whole.indptr[:-1], sizes)
    shared = np.maximum(2, np.ceil(at_least * sizes))  # (n,) members that a similar set has in common
    chosen = order[place < np.repeat(sizes - shared + 1, sizes)]
    ones = np.ones(chosen.size, dtype=np.int32)
    rarest = sparse.csr_array((ones, (owners[chosen], whole.indices[chosen])), shape=whole.shape)
    transposed = rarest.T.tocsr()
    for begin in range(0, len(sets), _BLOCK):
        candidates = sparse.triu((rarest[begin : begin + _BLOCK] @ transposed).tocoo(), k=begin + 1).tocoo()
        left, right = candidates.row.astype(np.int64) + begin, candidates.col.astype(np.int64)
        common = _common(whole, left, right)
        similar = common >= at_least * (sizes[left] + sizes[right] - common) - 1e-9
        yield left[similar], right[similar]


def _common(whole: sparse.csr_array, left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.int64]:
    """(pairs,) number of members that the sets of each pair of rows have in common."""
    blocks = [slice(begin, begin + _BLOCK) for begin in range(0, left.size, _BLOCK)]
    sums = [whole[left[block]].multiply(whole[right[block]]).sum(axis=1) for block in blocks]
    return np.concatenate([np.zeros(0), *sums]).astype(np.int64)
