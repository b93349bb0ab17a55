"""The sense in which the documents of a corpus use a concept, or none.

Sources: a sense fits if the words of its gloss are near to the concept (Lesk's idea; Banerjee & Pedersen, "Extended
gloss overlaps as a measure of semantic relatedness", IJCAI 2003), where nearness is that of the corpus's own latent
semantics (Deerwester et al., "Indexing by latent semantic analysis", JASIS 41(6), 1990), which needs no tagged text
(McCarthy et al., "Finding predominant word senses in untagged text", ACL 2004). How often SemCor has the sense is a
prior, and a field that the corpus speaks of speaks for a sense. The fit is measured against random senses, so that
"none of these" can win: without it some sense always fits best. No sentence encoder is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array
from scipy.sparse.linalg import aslinearoperator, eigsh

from untilclick.search.text.document_vectors import unit_tf_idf
from untilclick.search.text.term_index import TermIndex
from untilclick.search.text.wordnet.sense_table import SenseTable
from untilclick.search.users.vocabulary.concepts import Concept

DIMENSIONS = 200
"""Dimensions of the latent semantics, as is usual (Deerwester et al. 1990 have 100, later work 100 to 300)."""
DOCUMENTS = 10_000
"""Number of documents that are read, at equal distances."""
RANDOM_SENSES = 3000
"""Number of senses that the fit of a sense is measured against."""
FIT, PRIOR, FIELD = 0.7, 1.0, 1.5
"""Weights of the fit in standard deviations, of the log of SemCor's share, and of the field. Assumptions, chosen on
the Linux manual pages."""
LARGEST_FIT = 8.0
"""Standard deviations; a gloss that repeats one word of the corpus would decide alone."""
NONE_FIT, NONE_SHARE = 1.0, 0.5
"""Fit and share of "none of these"."""
UNTAGGED = 0.5
"""Occurrences that every sense is given beside those in SemCor."""

Floats = NDArray[np.float64]


class ChosenSense(NamedTuple):
    """The most probable sense of a concept."""

    synset: int
    prob: float
    """Probability in [0, 1] of the sense, among the others and none."""
    fit: float
    """How near the gloss is to the concept, in standard deviations of random glosses."""


class LatentSemantics:
    """The vectors of the terms of a corpus, made when they are asked for: a large corpus has many more terms than
    anyone asks for. Of a (D, V) matrix of documents and terms, only its d left singular vectors are kept."""

    def __init__(self, index: TermIndex) -> None:
        self.index = index
        weights = unit_tf_idf(index.counts[:: 1 + len(index.doc_ids) // DOCUMENTS])
        n = min(DIMENSIONS, min(weights.shape) - 1)
        self._documents: Floats = np.zeros((weights.shape[0], 1))  # (D, d)
        if n > 0 and weights.data.any():  # documents that are all alike tell nothing
            matrix = aslinearoperator(weights)
            start = np.random.default_rng(0).uniform(size=weights.shape[0])
            _, self._documents = eigsh(matrix @ matrix.T, k=n, v0=start)
        self._terms = csr_array(weights.T)  # (V, D)

    def vectors(self, terms: Sequence[int] | NDArray[np.int64]) -> Floats:
        """(n, d) unit vectors of the terms with these ids; zeros for a term that no document read has."""
        vectors: Floats = self._terms[terms] @ self._documents
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
        return vectors

    def term_id(self, word: str) -> int | None:
        """The id of the term of a word; None if the corpus lacks it."""
        term = self.index.analysis.term_of(word)
        return None if term is None else self.index.term_ids.get(term)


class SenseChooser:
    """Chooses the senses of concepts by the latent semantics of a corpus."""

    def __init__(self, semantics: LatentSemantics, table: SenseTable) -> None:
        self._semantics = semantics
        self._table = table
        index = semantics.index
        signatures = table.signatures
        idf = np.log(
            signatures.shape[0] / np.maximum(np.bincount(signatures.indices, minlength=signatures.shape[1]), 1)
        )
        self._signatures = csr_array(signatures @ diags_array(idf))
        self._weights = np.maximum(self._signatures.sum(axis=1), 1e-9)  # (S,)
        self._terms = np.array(
            [-1 if (i := semantics.term_id(word)) is None else i for word in table.vocabulary]
        )  # (W,)
        inside = np.flatnonzero(self._terms >= 0)
        means = self._signatures[:, inside] @ semantics.vectors(self._terms[inside])
        self._means = means / self._weights[:, None]  # (S, d); words that the corpus lacks count 0
        random = np.random.default_rng(0).choice(len(means), min(RANDOM_SENSES, len(means)), replace=False)
        self._random = self._means[random]
        self._documents = np.log1p(index.document_frequencies) / np.log1p(len(index.doc_ids))

    def choose(self, concept: Concept) -> ChosenSense | None:
        """The sense of a concept; None if WordNet or the corpus lacks it."""
        senses, tags = self._table.senses_of(*concept)
        term = self._semantics.term_id(concept.lemma)
        if term is None or not len(senses):
            return None
        shares = (tags + UNTAGGED) / (tags + UNTAGGED).sum()
        fields = np.array([self._field(int(sense)) for sense in senses])
        fits = self._fit(term, senses)
        scores = FIT * np.minimum(fits, LARGEST_FIT) + PRIOR * np.log(shares) + FIELD * fields
        scores = np.append(scores, FIT * NONE_FIT + PRIOR * np.log(NONE_SHARE))
        probs = np.exp(scores - scores.max())
        probs /= probs.sum()
        best = int(probs[:-1].argmax())
        return ChosenSense(int(senses[best]), float(probs[best]), float(fits[best]))

    def _fit(self, term: int, senses: Sequence[int] | NDArray[np.int64]) -> Floats:
        """(n,) How near the glosses are to a term, in standard deviations of random glosses. The term itself does not
        count: a gloss that repeats what it explains says nothing."""
        (vector,) = self._semantics.vectors([term])
        random = self._random @ vector
        same = np.flatnonzero(self._terms == term)
        itself = self._signatures[senses][:, same].sum(axis=1) / self._weights[senses]
        return np.asarray((self._means[senses] @ vector - itself - random.mean()) / max(random.std(), 1e-9))

    def _field(self, sense: int) -> float:
        """How much the corpus speaks of the field of a sense, in [0, 1]; 0 for a sense without a field."""
        ids = (self._semantics.term_id(word) for word in self._table.domain_words(sense))
        return max((float(self._documents[i]) for i in ids if i is not None), default=0.0)
