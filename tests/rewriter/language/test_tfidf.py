"""Vectors of three documents that can be computed by hand."""

from math import log, sqrt

import numpy as np
import pytest
from scipy.sparse import csr_array

from untilclick.rewriter.language.tfidf import document_shares, document_vectors, heaviest_words, query_vectors
from untilclick.search.analysis.by_name import english
from untilclick.search.records import Document
from untilclick.search.text.term_index import TermIndex

INDEX = TermIndex.from_documents(
    (Document("d0", "", "cats and dogs"), Document("d1", "", "cat cat fish"), Document("d2", "", ""))
)
CAT, DOG, FISH = (INDEX.term_ids[term] for term in ("cat", "dog", "fish"))


def test_document_vectors_are_tfidf_of_unit_length():
    """Of three documents `cat` is in two, `fish` in one; tf 2 counts 1 + log 2."""
    cat, fish = (1 + log(2)) * log(3 / 2), log(3)
    vectors = document_vectors(INDEX).toarray()
    assert vectors[1, [CAT, DOG, FISH]] == pytest.approx(np.array([cat, 0.0, fish]) / sqrt(cat**2 + fish**2))
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1.0, 1.0, 0.0])


def test_query_vectors_count_known_terms():
    rows = query_vectors(INDEX.term_ids, ["dogs, cat dog?", "the unknown", ""], english()).toarray()
    assert rows[0, [CAT, DOG, FISH]].tolist() == [1.0, 2.0, 0.0]
    assert not rows[1:].any()


def test_document_shares_sum_to_one_where_there_is_a_known_document():
    rows = document_shares(INDEX, [{"d1": 2, "d0": 6}, {"elsewhere": 1, "d2": 0}, {}]).toarray()
    assert rows.tolist() == [[0.75, 0.25, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]


def test_the_heaviest_words_are_surface_words_and_positive():
    vectors = np.zeros((2, 3))
    vectors[0, [CAT, DOG, FISH]] = [0.5, 0.5, -1.0]
    expansions = heaviest_words(INDEX, csr_array(vectors), 5)
    assert expansions == [[("cat", 0.5), ("dogs", 0.5)], []]


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_few_of_many_words_are_the_first_of_all(n):
    vectors = csr_array(np.array([[0.2, 0.3, 0.2]]))
    assert heaviest_words(INDEX, vectors, n) == [heaviest_words(INDEX, vectors, 9)[0][:n]]
