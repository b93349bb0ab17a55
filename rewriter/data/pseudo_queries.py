"""Pseudo-queries: queries drawn from documents, with the document's other characteristic terms as target. No torch.

One to four words, drawn from a document's title or by tf-idf from its text, stand for the query of a searcher who
wants this document. Training on documents in this way goes back to inverse cloze tasks (Lee, Chang & Toutanova, ACL
2019).
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
from untilclick.search.text.heaviest import heaviest
from untilclick.search.text.term_index import TermIndex

MAX_DOCUMENT_SHARE = 0.2
"""Terms in more than this share of the documents are never targets: they do not tell documents apart."""
MIN_DOCUMENT_TERMS = 8
"""Documents with fewer distinct target terms are not used."""
TITLE_WORDS = 10
"""Number of words read from the title, or from the start of the text of a document without title."""

TITLE_CHARACTERS = 200
"""Characters of a text that are read at most; in a script without spaces, no space ends the first words."""


class PseudoQuery(NamedTuple):
    """A query drawn from a document, and the terms that characterise the document besides."""

    query_ids: NDArray[np.int64]
    """(Q,) token ids of the query's terms."""
    target: SoftTarget
    """Distribution over other terms of the document."""
    document: int
    """Row of the document in the corpus."""

    def text(self, vocabulary: TermVocabulary) -> str:
        """The words of the query as people read them, in place of stems."""
        return " ".join(vocabulary.surfaces_of(self.query_ids))


@dataclass(frozen=True)
class PseudoQuerySettings:
    """Settings for drawing pseudo-queries."""

    title_share: float
    """Probability that the words come from the title, 0..1; otherwise they are drawn by tf-idf."""
    max_words: int
    """Largest number of words of a query."""
    target_terms: int
    """Largest number of terms of a target."""


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
        """Number of documents that pseudo-queries can be drawn from."""
        return int(self._usable.size)

    def draw(self, n: int, rng: np.random.Generator) -> list[PseudoQuery]:
        """n pseudo-queries from documents drawn uniformly; an empty list if no document is usable."""
        if not self._usable.size:
            return []
        return [self._draw_one(int(row), rng) for row in rng.choice(self._usable, size=n)]

    def target_shares(self) -> NDArray[np.float64]:
        """(V,) share of each token in the targets of all usable documents, for an empty query; the shares sum to 1,
        or to 0 if no document is usable."""
        shares = np.zeros(self._weights.shape[1])  # (V,)
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
        n_words = min(int(rng.choice((1, 1, 2, 2, 3, 4))), self._settings.max_words)  # mostly short, as typed
        title = self._titles[row]
        if title.size >= 2 and rng.random() < self._settings.title_share:
            query = rng.choice(title, size=min(n_words, title.size), replace=False)
        else:
            query = rng.choice(ids, size=min(n_words, ids.size), replace=False, p=weights / weights.sum())
        target = best_terms(ids, weights, query, self._settings.target_terms)
        return PseudoQuery(query.astype(np.int64), target, row)


def term_weights(index: TermIndex, vocabulary: TermVocabulary) -> csr_array:
    """(D, V) float32 weights of token ids in documents: tf / |document| x log(N / df) for terms of the vocabulary
    that occur in at most `MAX_DOCUMENT_SHARE` of the documents; others have no entry."""
    columns = vocabulary.index_columns(index)  # (V,)
    tokens = np.flatnonzero(columns >= 0)  # (I,) the tokens that the index contains
    frequency = index.document_frequencies[columns[tokens]]  # (I,)
    n_documents = len(index.doc_ids)
    weight = np.where(frequency <= MAX_DOCUMENT_SHARE * n_documents, np.log(n_documents / frequency), 0.0)  # (I,)
    counts = index.counts[:, columns[tokens]].tocsr()  # (D, I)
    lengths = np.repeat(np.maximum(index.doc_lengths, 1.0), np.diff(counts.indptr))  # (stored entries,)
    data = (counts.data / lengths * weight[counts.indices]).astype(np.float32)
    matrix = csr_array((data, tokens[counts.indices], counts.indptr), shape=(n_documents, len(vocabulary)))
    matrix.eliminate_zeros()
    return matrix


def best_terms(
    ids: NDArray[np.int64], weights: NDArray[np.float32], excluded: NDArray[np.int64], n: int
) -> SoftTarget:
    """The n heaviest of the tokens `ids` (K,) by `weights` (K,), without those `excluded`, with weights of sum 1."""
    allowed = ~np.isin(ids, excluded)
    ids, weights = ids[allowed], weights[allowed]
    best = heaviest(weights, n)
    chosen = weights[best]
    return SoftTarget(ids[best], (chosen / max(float(chosen.sum()), 1e-9)).astype(np.float32))


def _title_ids(text: str, vocabulary: TermVocabulary) -> NDArray[np.int64]:
    """Distinct tokens of the first words of a text."""
    leading = " ".join(text[:TITLE_CHARACTERS].split()[:TITLE_WORDS])
    terms = vocabulary.analysis.terms(leading)
    ids = dict.fromkeys(vocabulary.token_ids[term] for term in terms if term in vocabulary.token_ids)
    return np.array(list(ids), dtype=np.int64)
