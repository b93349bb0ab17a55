"""Queries made from documents, with the document's best terms as the answer. No torch.

A query of one to four words drawn from a document's title, or from its text by tf-idf, stands for what a searcher
who wants this document might type; the target is what else characterises the document. Document-side training of
this kind goes back to inverse cloze tasks (Lee, Chang & Toutanova, ACL 2019).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from untilclick.rewriter.language.soft_targets import SoftTarget
from untilclick.rewriter.language.sparse_rows import entries_of
from untilclick.rewriter.language.vocabulary import TermVocabulary
from untilclick.search.records import Corpus
from untilclick.search.text.analysis import terms as analyse
from untilclick.search.text.heaviest import heaviest
from untilclick.search.text.term_index import TermIndex

MAX_DOCUMENT_SHARE = 0.2
"""Terms in more than this share of the documents are never targets: they separate nothing."""
MIN_DOCUMENT_TERMS = 8
"""Documents with fewer distinct target terms make no pseudo-queries."""
TITLE_WORDS = 10
"""Leading words that stand in for a missing title."""


class PseudoQuery(NamedTuple):
    """A made query and what characterises the document it was made from."""

    query_ids: NDArray[np.int64]
    target: SoftTarget
    document: int
    """Its row in the corpus."""


@dataclass(frozen=True)
class PseudoQuerySettings:
    """How queries are drawn."""

    title_share: float
    max_words: int
    target_terms: int


class PseudoQuerySource:
    """Draws pseudo-queries from a corpus."""

    def __init__(
        self, corpus: Corpus, index: TermIndex, vocabulary: TermVocabulary, settings: PseudoQuerySettings
    ) -> None:
        self._settings = settings
        self._weights = term_weights(index, vocabulary)
        self._titles = [_title_ids(document.title or document.text, vocabulary) for document in corpus.documents]
        self._usable = np.flatnonzero(np.diff(self._weights.indptr) >= MIN_DOCUMENT_TERMS)

    def __len__(self) -> int:
        """Number of documents that pseudo-queries can be made from."""
        return int(self._usable.size)

    def draw(self, n: int, rng: np.random.Generator) -> list[PseudoQuery]:
        """n pseudo-queries from documents drawn uniformly; an empty list when no document is usable."""
        if not self._usable.size:
            return []
        return [self._draw_one(int(row), rng) for row in rng.choice(self._usable, size=n)]

    def target_shares(self) -> NDArray[np.float64]:
        """(V,) share of each token among the targets of all usable documents, no query excluded; sums to 1, or to 0
        when no document is usable."""
        shares = np.zeros(self._weights.shape[1])
        for row in self._usable:
            ids, weights = self._terms_of(int(row))
            target = best_terms(ids, weights, np.array([], dtype=np.int64), self._settings.target_terms)
            shares[target.ids] += target.weights
        return np.asarray(shares / max(float(shares.sum()), 1e-9))

    def _terms_of(self, row: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        ids, weights = entries_of(self._weights, row)
        return ids.astype(np.int64), weights.astype(np.float32, copy=False)

    def _draw_one(self, row: int, rng: np.random.Generator) -> PseudoQuery:
        ids, weights = self._terms_of(row)
        n_words = min(int(rng.choice((1, 1, 2, 2, 3, 4))), self._settings.max_words)
        title = self._titles[row]
        if title.size >= 2 and rng.random() < self._settings.title_share:
            query = rng.choice(title, size=min(n_words, title.size), replace=False)
        else:
            query = rng.choice(ids, size=min(n_words, ids.size), replace=False, p=weights / weights.sum())
        target = best_terms(ids, weights, query, self._settings.target_terms)
        return PseudoQuery(query.astype(np.int64), target, row)


def term_weights(index: TermIndex, vocabulary: TermVocabulary) -> csr_array:
    """(D, V) float32 over token ids: tf/dl x log(N/df) of terms that are frequent enough to be in the vocabulary and
    rare enough to separate documents."""
    columns = vocabulary.index_columns(index)
    kept = np.flatnonzero(columns >= 0)
    frequency = index.document_frequencies[columns[kept]]
    n_documents = len(index.doc_ids)
    weight = np.where(frequency <= MAX_DOCUMENT_SHARE * n_documents, np.log(n_documents / frequency), 0.0)
    counts = index.counts[:, columns[kept]].tocsr()
    lengths = np.repeat(np.maximum(index.doc_lengths, 1.0), np.diff(counts.indptr))
    data = (counts.data / lengths * weight[counts.indices]).astype(np.float32)
    matrix = csr_array((data, kept[counts.indices], counts.indptr), shape=(n_documents, len(vocabulary)))
    matrix.eliminate_zeros()
    return matrix


def best_terms(
    ids: NDArray[np.int64], weights: NDArray[np.float32], excluded: NDArray[np.int64], n: int
) -> SoftTarget:
    """The n heaviest tokens outside `excluded`, weights scaled to sum 1."""
    kept = ~np.isin(ids, excluded)
    ids, weights = ids[kept], weights[kept]
    best = heaviest(weights, n)
    chosen = weights[best]
    return SoftTarget(ids[best], (chosen / max(float(chosen.sum()), 1e-9)).astype(np.float32))


def _title_ids(text: str, vocabulary: TermVocabulary) -> NDArray[np.int64]:
    leading = " ".join(text.split()[:TITLE_WORDS])
    found = dict.fromkeys(vocabulary.token_ids[t] for t in analyse(leading) if t in vocabulary.token_ids)
    return np.array(list(found), dtype=np.int64)
