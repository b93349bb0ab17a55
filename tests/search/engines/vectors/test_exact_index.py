"""Exact search among vectors, against a sort of all cosines."""

import numpy as np
import pytest

from untilclick.search.engines.vectors.encoded_corpus import EncodedCorpus
from untilclick.search.engines.vectors.exact_index import ExactIndex, near_the_best
from untilclick.search.engines.vectors.moments import Moments
from untilclick.search.engines.vectors.protocol import VectorIndex
from untilclick.search.errors import UnknownDocumentError
from untilclick.search.text.encoders.encoder import of_unit_length

from tests.fake_encoder import FakeEncoder

DRAW = np.random.default_rng(3)
VECTORS = of_unit_length(DRAW.normal(size=(500, 24)).astype(np.float32))
VECTORS[[7, 130, 431, 499]] = VECTORS[7]
VECTORS[200] = 0
IDS = [f"d{row}" for row in DRAW.permutation(500)]
QUERIES = of_unit_length(DRAW.normal(size=(50, 24)).astype(np.float32))
INDEX = ExactIndex(IDS, VECTORS)


@pytest.mark.parametrize("n", [0, 1, 10, 500, 900])
def test_the_nearest_are_the_first_of_all_documents_by_cosine(n):
    for vector in [*QUERIES[:20], VECTORS[7]]:
        cosines = {doc_id: float(row.astype(float) @ vector) for doc_id, row in zip(IDS, VECTORS, strict=True)}
        nearest = INDEX.nearest(vector, n)
        expected = sorted(IDS, key=lambda doc_id: -cosines[doc_id])[:n]
        assert [entry.doc_id for entry in nearest] == expected
        assert [entry.score for entry in nearest] == pytest.approx([cosines[i] for i in expected], abs=1e-6)


def test_equal_documents_tie_to_the_last_bit_and_stand_in_corpus_order():
    same = [IDS[row] for row in (7, 130, 431, 499)]
    for vector in [VECTORS[7], *QUERIES]:
        assert len(set(INDEX.cosines(vector, same))) == 1
    assert [entry.doc_id for entry in INDEX.nearest(VECTORS[7], 4)] == same


def test_products_that_may_be_among_the_highest_are_near_the_best():
    products = np.array([0.5, 0.1, 0.50001, 0.4, 0.49999])
    assert near_the_best(products, 1, 0.0).tolist() == [2]
    assert near_the_best(products, 1, 1e-4).tolist() == [0, 2, 4]
    assert near_the_best(products, 4, 1e-4).tolist() == [0, 2, 3, 4]
    assert near_the_best(products, 9, 0.0).tolist() == [0, 1, 2, 3, 4]
    assert near_the_best(products, 0, 1.0).tolist() == []


def test_cosines_are_those_of_the_nearest_in_the_order_of_the_ids():
    nearest = INDEX.nearest(VECTORS[3], 60)
    ids = [entry.doc_id for entry in nearest]
    assert INDEX.cosines(VECTORS[3], ids[::-1]) == [entry.score for entry in nearest[::-1]]
    assert INDEX.cosines(VECTORS[3], []) == []
    assert INDEX.cosines(VECTORS[3], [IDS[200]]) == [0.0]


def test_ids_are_put_into_corpus_order():
    assert INDEX.in_corpus_order({IDS[9], IDS[400], IDS[2]}) == [IDS[2], IDS[9], IDS[400]]


def test_a_document_without_a_vector_is_an_error():
    with pytest.raises(UnknownDocumentError, match="No document 'other' has a vector"):
        INDEX.cosines(VECTORS[0], [IDS[0], "other"])
    with pytest.raises(ValueError, match="2 documents have 500 vectors"):
        ExactIndex(["a", "b"], VECTORS)


def test_the_spread_is_that_of_all_cosines():
    index: VectorIndex = INDEX
    assert len(index) == 500
    for vector in [VECTORS[7], VECTORS[200], *QUERIES[:20]]:
        cosines = VECTORS.astype(float) @ vector
        assert index.spread(vector) == pytest.approx((cosines.mean(), cosines.std()), abs=1e-6)
    pieces = [VECTORS[:1], VECTORS[1:300], VECTORS[300:]]
    assert np.allclose(Moments.of(pieces, 24).covariance, np.cov(VECTORS.T, bias=True), atol=1e-6)


def test_no_documents_have_no_spread():
    empty = ExactIndex([], np.empty((0, 24), dtype=np.float32))
    assert (len(empty), empty.nearest(VECTORS[0], 5), empty.spread(VECTORS[0])) == (0, [], (0, 0))


def test_an_encoded_corpus_compares_queries_with_documents(toy_corpus, tmp_path):
    encoder = FakeEncoder()
    corpus = EncodedCorpus.of(toy_corpus.documents, encoder, tmp_path)
    wanted = toy_corpus.documents[4]
    first, empty = corpus.cosines([wanted.content, " "])
    assert first.nearest(1) == [(wanted.doc_id, pytest.approx(1.0, abs=1e-3))]
    ids = [document.doc_id for document in toy_corpus.documents]
    assert first.in_corpus_order(set(ids)) == ids
    assert empty.scores(ids) == [0.0] * len(ids)
    again = EncodedCorpus.of(toy_corpus.documents, FakeEncoder(), tmp_path)
    assert np.array_equal(again.stored.matrix(), corpus.stored.matrix())
    assert first.scores(ids) == again.cosines([wanted.content])[0].scores(ids)
