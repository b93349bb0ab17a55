"""The engine over rank-bm25 against the library itself."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from rank_bm25 import BM25Okapi

from untilclick.search.analysis.by_name import english
from untilclick.search.corpora.load import corpus_of
from untilclick.search.engines import rank_bm25_engine
from untilclick.search.engines.rank_bm25_engine import RankBm25Engine
from untilclick.search.engines.tantivy_engine import TantivyEngine
from untilclick.search.records import Document, WeightedQuery

terms = english().terms


@pytest.mark.parametrize(("k1", "b"), [(0.9, 0.4), (1.5, 0.75), (2.0, 0.0)])
@pytest.mark.parametrize("text", ["warm water", "cat cat tea minutes", "bake the bread bread bread", "unknown sea"])
def test_scores_of_a_plain_query_are_exactly_the_librarys(toy_corpus, text, k1, b):
    library = BM25Okapi([terms(document.content) for document in toy_corpus.documents], k1=k1, b=b)
    engine = RankBm25Engine(toy_corpus, k1=k1, b=b)
    for _ in range(2):  # the second time from the cache
        scores = engine.scores([WeightedQuery.of(text)], [[document.doc_id for document in toy_corpus.documents]])
        assert scores == [library.get_scores(terms(text)).tolist()]


def test_k1_and_b_default_to_those_of_published_baselines(toy_corpus):
    query = WeightedQuery.of("warm water")
    assert RankBm25Engine(toy_corpus).search([query], 5) == RankBm25Engine(toy_corpus, k1=0.9, b=0.4).search(
        [query], 5
    )


SMALL_CORPORA = {
    "one document": ["harbour lights"],
    "equal documents": ["harbour lights"] * 3,
    "a term in half of the documents": ["harbour", "ferry harbour", "gulls over the quay", "quay"],
    "terms in all documents": ["harbour crane crane", "harbour harbour crane", "crane harbour ferry"],
}
"""Corpora for which the library's idf of `harbour` is 0 or negative."""


@pytest.mark.parametrize("texts", SMALL_CORPORA.values(), ids=SMALL_CORPORA)
def test_a_term_in_half_or_all_of_the_documents_finds_those_that_tantivy_finds(texts):
    """The library's floor for frequent terms is 0 or negative in small corpora, and such a term matched nothing."""
    corpus = corpus_of("small", (Document(str(i), "", text) for i, text in enumerate(texts)))
    library = BM25Okapi([terms(text) for text in texts])
    assert library.idf["harbour"] <= 0
    engine, tantivy = RankBm25Engine(corpus), TantivyEngine.open(corpus)
    for text in ["harbour", "ferry harbour", "quay", "unknown"]:
        query = WeightedQuery.of(text)
        [ranking], [expected] = engine.search([query], 10), tantivy.search([query], 10)
        assert {entry.doc_id for entry in ranking} == {entry.doc_id for entry in expected}
        assert all(entry.score > 0 for entry in ranking)
        ranks = {entry.doc_id: place for place, entry in enumerate(ranking, 1)}
        doc_ids = [document.doc_id for document in corpus.documents]
        assert engine.rank_of(query, doc_ids) == {doc_id: ranks.get(doc_id) for doc_id in doc_ids}


def test_the_librarys_positive_idf_stays_as_it_is_beside_a_lifted_one():
    """`harbour` is in half of the documents; `quay`, in most, has the library's own floor, and `ferry` its idf."""
    texts = ["harbour quay", "harbour quay ferry", "quay gulls", "tower bells lamp"]
    engine = RankBm25Engine(corpus_of("mixed", (Document(str(i), "", text) for i, text in enumerate(texts))))
    library = BM25Okapi([terms(text) for text in texts], k1=0.9, b=0.4)
    assert library.idf["quay"] > 0
    words = ["quay", "ferry", "gulls"]
    scores = engine.scores([WeightedQuery.of(word) for word in words], [["0", "1", "2", "3"]] * 3)
    assert scores == [library.get_scores(terms(word)).tolist() for word in words]
    assert all(score > 0 for score in engine.scores([WeightedQuery.of("harbour")], [["0", "1"]])[0])


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
