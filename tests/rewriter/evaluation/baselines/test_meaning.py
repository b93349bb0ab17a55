"""Rankings by meaning, against the cosines and the sum by hand."""

from dataclasses import replace

import numpy as np
import pytest

from untilclick.rewriter.evaluation.baselines.meaning import meaning_baselines
from untilclick.rewriter.evaluation.systems import TypedTopic
from untilclick.rewriter.serving.readings.ranker import rank
from untilclick.search.engines.vectors.encoded_corpus import EncodedCorpus
from untilclick.search.records import Topic, WeightedQuery
from untilclick.search.text.encoders.query_vectors import QueryVectors

from tests.fake_encoder import FakeEncoder
from tests.rewriter.toy_engine import DOCUMENTS, ToyEngine

ENGINE = ToyEngine()
QUERIES = ("lock", "open file", "nothing holds this word")
TOPICS = [TypedTopic(Topic(query, "", {}), query, ("an earlier query",)) for query in QUERIES]


@pytest.fixture(scope="module")
def encoded(tmp_path_factory):
    return EncodedCorpus.of(DOCUMENTS, FakeEncoder(), tmp_path_factory.mktemp("vectors"))


def test_without_an_encoder_there_are_no_rankings_by_meaning():
    assert meaning_baselines(None) == {}


def test_the_encoder_alone_ranks_by_cosine(encoded):
    system = meaning_baselines(encoded)["encoder"]
    vectors, queries = encoded.stored.matrix(), FakeEncoder().encode(QUERIES)
    for ranking, query in zip(rank(ENGINE, system(TOPICS), 5), queries, strict=True):
        cosines = vectors @ query
        order = [i for i in np.argsort(-cosines)[:5] if cosines[i] > 0]
        assert [entry.doc_id for entry in ranking.retrieved] == [f"d{i}" for i in order]
        assert ranking.retrieved[0].score == pytest.approx(1.0)


def test_half_and_half_adds_both_scores_divided_by_their_maximum(encoded):
    system = meaning_baselines(encoded)["bm25_encoder"]
    vectors, queries = encoded.stored.matrix(), FakeEncoder().encode(QUERIES)
    for ranking, text, query in zip(rank(ENGINE, system(TOPICS), 3), QUERIES, queries, strict=True):
        words = dict(ENGINE.search([WeightedQuery.of(text)], 10)[0])
        by_words = np.array([words.get(f"d{i}", 0.0) for i in range(10)])
        cosines = np.maximum(vectors @ query, 0)
        sums = (by_words / max(by_words.max(), 1e-9) + cosines / cosines.max()) / 2
        expected = [(f"d{i}", pytest.approx(sums[i], abs=1e-6)) for i in np.argsort(-sums)[:3]]
        assert ranking.retrieved == expected


def test_queries_are_encoded_as_queries_and_the_history_is_not_read(encoded):
    class Watched(FakeEncoder):
        def encode(self, texts, kind="document"):
            assert kind == "query"
            return super().encode(texts, kind)

    watched = Watched()
    meaning_baselines(replace(encoded, queries=QueryVectors(watched)))["encoder"](TOPICS)
    assert watched.encoded == [*QUERIES]
