"""The engine over rank-bm25 against the library itself."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from rank_bm25 import BM25Okapi

from untilclick.search.corpora.load import corpus_of
from untilclick.search.engines import rank_bm25_engine
from untilclick.search.engines.rank_bm25_engine import RankBm25Engine
from untilclick.search.records import Document, WeightedQuery
from untilclick.search.text.analysis import terms


@pytest.mark.parametrize(("k1", "b"), [(0.9, 0.4), (1.5, 0.75), (2.0, 0.0)])
@pytest.mark.parametrize("text", ["warm water", "cat cat tea minutes", "bake the bread bread bread", "unknown sea"])
def test_scores_of_a_plain_query_are_exactly_the_librarys(toy_corpus, text, k1, b):
    library = BM25Okapi([terms(document.content) for document in toy_corpus.documents], k1=k1, b=b)
    engine = RankBm25Engine(toy_corpus, k1=k1, b=b)
    for _ in range(2):  # the second time from the cache
        assert engine.scores(WeightedQuery.of(text)).tolist() == library.get_scores(terms(text)).tolist()


def test_k1_and_b_default_to_those_of_published_baselines(toy_corpus):
    query = WeightedQuery.of("warm water")
    assert RankBm25Engine(toy_corpus).search([query], 5) == RankBm25Engine(toy_corpus, k1=0.9, b=0.4).search(
        [query], 5
    )


def test_documents_of_negative_score_are_not_returned():
    """The library's floor for frequent terms is itself negative where most terms are frequent."""
    corpus = corpus_of("frequent", (Document(str(i), "", "alpha beta gamma") for i in range(5)))
    engine = RankBm25Engine(corpus)
    assert (engine.scores(WeightedQuery.of("alpha")) < 0).all()
    assert engine.search([WeightedQuery.of("alpha")], 5) == [[]]
    assert engine.rank_of(WeightedQuery.of("alpha"), ["0"]) == {"0": None}


def test_threads_may_share_an_engine_whose_cache_is_full(toy_corpus, monkeypatch):
    """A cache that changes under one thread while another drops its oldest vector loses entries or raises."""
    monkeypatch.setattr(rank_bm25_engine, "CACHE_BYTES", 0)
    engine = RankBm25Engine(toy_corpus)
    texts = sorted({term for document in toy_corpus.documents for term in terms(document.content)})
    assert len(texts) > 16
    queries = [WeightedQuery.of(text) for text in texts * 20]
    expected = engine.search(queries, 5)
    with ThreadPoolExecutor(8) as pool:
        rankings = list(pool.map(lambda _: engine.search(queries, 5), range(8)))
    assert all(ranking == expected for ranking in rankings)
