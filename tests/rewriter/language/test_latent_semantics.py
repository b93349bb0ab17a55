"""Term vectors against a dense SVD, by their Gram matrices: signs and rotations are free."""

from __future__ import annotations

import numpy as np
import pytest

from untilclick.rewriter.language.latent_semantics import _document_term_matrix, _right_factor, term_vectors
from untilclick.rewriter.language.vocabulary import SPECIAL_TOKENS, TermVocabulary
from untilclick.search.records import Document
from untilclick.search.text.term_index import TermIndex

from tests.rewriter.toy_learning import THEMES


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def dense_vectors(index: TermIndex, vocabulary: TermVocabulary, dimension: int) -> np.ndarray:
    """(terms, dimension) V sqrt(S) of the dense SVD, rows of norm sqrt(dimension), by the textbook."""
    counts = index.counts.toarray()[:, vocabulary.index_columns(index)[len(SPECIAL_TOKENS) :]].astype(np.float64)
    tf = np.zeros_like(counts)
    tf[counts > 0] = 1 + np.log(counts[counts > 0])
    weighted = tf * np.log(len(counts) / (counts > 0).sum(0))
    weighted /= np.maximum(np.linalg.norm(weighted, axis=1, keepdims=True), 1e-9)
    _, singular, right = np.linalg.svd(weighted, full_matrices=False)
    vectors = right[:dimension].T * np.sqrt(singular[:dimension])
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True) * np.sqrt(dimension)


def test_cosines_are_those_of_a_dense_svd(opened, vocabulary):
    """In as many dimensions as there are documents, where the random projection leaves nothing out."""
    vectors = term_vectors(opened.index, vocabulary, 60, rng())[len(SPECIAL_TOKENS) :]
    wanted = dense_vectors(opened.index, vocabulary, 60)
    assert np.abs(vectors @ vectors.T - wanted @ wanted.T).max() / 60 < 1e-3


@pytest.mark.parametrize("rank", [6, 16, 32])
def test_fewer_directions_hold_nearly_as_much_of_the_matrix_as_the_best_ones(opened, vocabulary, rank):
    matrix = _document_term_matrix(opened.index, vocabulary)
    right, singular = _right_factor(matrix, rank, rng())
    best = np.linalg.svd(matrix.toarray(), compute_uv=False)[:rank]
    assert right.T @ right == pytest.approx(np.eye(rank), abs=1e-4)
    assert np.linalg.norm(matrix @ right) ** 2 > 0.98 * (best**2).sum()
    assert (singular <= best * 1.0001).all()


@pytest.mark.parametrize("dimension", [4, 32, 200])
def test_every_row_has_norm_sqrt_of_the_dimension(opened, vocabulary, dimension):
    vectors = term_vectors(opened.index, vocabulary, dimension, rng())
    assert vectors.shape == (len(vocabulary), dimension)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.sqrt(dimension), rel=1e-5)


def test_words_of_one_theme_are_nearer_to_each_other_than_to_those_of_others(opened, vocabulary):
    vectors = term_vectors(opened.index, vocabulary, 32, rng())
    cosines = vectors @ vectors.T / 32
    kitchen, sky = ([vocabulary.token_ids[w] for w in THEMES[t].split()[:4] if w in vocabulary.token_ids]
                    for t in ("kitchen", "sky"))  # fmt: skip
    assert cosines[np.ix_(kitchen, kitchen)].mean() > cosines[np.ix_(kitchen, sky)].mean() + 0.3


def test_terms_without_a_direction_get_random_rows():
    """A term in every document has idf 0, so the corpus says nothing about it."""
    index = TermIndex.from_documents([Document(str(i), "", f"always word{i % 3}") for i in range(6)])
    vocabulary = TermVocabulary.from_index(index, 1, 100)
    vectors = term_vectors(index, vocabulary, 8, rng())
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.sqrt(8), rel=1e-5)
    assert np.abs(vectors[vocabulary.token_ids["alway"]]).min() > 0


def test_same_seed_same_bytes(opened, vocabulary):
    first, second = (term_vectors(opened.index, vocabulary, 16, rng(3)) for _ in range(2))
    assert first.tobytes() == second.tobytes()
