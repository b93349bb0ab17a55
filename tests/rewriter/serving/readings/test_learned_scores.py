"""A trained model's scores of the documents that it remembers, beside the cosines of all others."""

import numpy as np
import pytest

from untilclick.rewriter.serving.readings.learned_scores import LearnedScores, RememberedIds
from untilclick.search.engines.vectors.encoded_corpus import EncodedCorpus, QueryCosines
from untilclick.search.engines.vectors.overlay_index import ChangedDocument, OverlayIndex
from untilclick.search.errors import UnknownDocumentError
from untilclick.search.records import Document

from tests.fake_encoder import FakeEncoder

DOCUMENTS = [Document(f"d{i}", "", f"text {i}") for i in range(30)]
IDS = [document.doc_id for document in DOCUMENTS]
REMEMBERED = ["gone", *IDS[4:20:2]]


@pytest.fixture
def cosines(tmp_path):
    return EncodedCorpus.of(DOCUMENTS, FakeEncoder(), tmp_path).cosines(["query"])[0]


@pytest.fixture
def scores(cosines):
    learned = np.random.default_rng(2).uniform(-1, 1, len(REMEMBERED)).astype(np.float32)
    learned[0] = 2
    return LearnedScores(cosines, RememberedIds(REMEMBERED), learned)


def expected(scores, cosines):
    known = dict(zip(REMEMBERED, scores.learned.tolist(), strict=True))
    return {doc_id: known.get(doc_id, cosine) for doc_id, cosine in zip(IDS, cosines.scores(IDS), strict=True)}


def test_documents_have_the_learned_score_or_their_cosine(scores, cosines):
    assert dict(zip(IDS, scores.scores(IDS), strict=True)) == expected(scores, cosines)


@pytest.mark.parametrize("n", [1, 5, 30, 100])
def test_the_nearest_are_those_of_the_highest_scores_without_deleted_ones(scores, cosines, n):
    of = expected(scores, cosines)
    assert scores.nearest(n) == sorted(of.items(), key=lambda item: -item[1])[:n]


def test_equal_documents_stand_in_corpus_order(cosines):
    tied = LearnedScores(cosines, RememberedIds(IDS[::-1]), np.full(len(IDS), 0.5, dtype=np.float32))
    assert [doc_id for doc_id, _ in tied.nearest(30)] == IDS


def test_nothing_learned_holds_for_documents_that_were_replaced_or_deleted(scores, cosines):
    """Else a document would be found by what its earlier text meant."""
    vector = FakeEncoder().encode(["another text"])[0]
    changed = {"d4": ChangedDocument(1, vector), "d6": ChangedDocument(2, None)}
    present = QueryCosines(OverlayIndex(cosines.index, changed), cosines.vector)
    live = LearnedScores(present, scores.remembered, scores.learned)
    assert live.scores(["d4", "d6", "d8"]) == [*present.scores(["d4", "d6"]), *scores.scores(["d8"])]
    nearest = dict(live.nearest(30))
    assert len(nearest) == 29
    assert nearest["d4"] == pytest.approx(float(vector @ cosines.vector), abs=1e-3)


def test_the_rest_is_that_of_the_cosines(scores, cosines):
    assert scores.in_corpus_order(["d9", "d2"]) == ["d2", "d9"]
    assert (len(scores), scores.spread()) == (30, cosines.spread())
    with pytest.raises(UnknownDocumentError, match="no"):
        scores.scores(["no"])
