"""The requirements of `SearchEngine`, tested with every engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

import bm25s
import numpy as np
import pytest

from untilclick.search.analysis.by_name import english
from untilclick.search.corpora.load import corpus_of
from untilclick.search.engines import ENGINE_NAMES, open_engine
from untilclick.search.engines.protocol import SearchEngine
from untilclick.search.errors import EngineError, UnknownDocumentError
from untilclick.search.records import Corpus, Document, WeightedQuery

term_of = english().term_of
terms = english().terms

SEED = 7


def zipf_corpus(n_documents: int = 200, n_words: int = 300, longest: int = 119) -> Corpus:
    """Random documents of made-up words with Zipf frequencies."""
    rng = np.random.default_rng(SEED)
    shares = 1.0 / np.arange(1, n_words + 1)
    texts = (
        " ".join(f"w{i}q" for i in rng.choice(n_words, size=rng.integers(1, longest + 1), p=shares / shares.sum()))
        for _ in range(n_documents)
    )
    return corpus_of("zipf", (Document(f"d{i:04d}", "", text) for i, text in enumerate(texts)))


@pytest.fixture(scope="module")
def random_corpus() -> Corpus:
    return zipf_corpus()


CLUSTERS = {
    "opensearch": "opensearch_url",
    "opensearch-scored-as-lucene": "noida_url",
    "opensearch-real": "cluster_urls",
}
"""Test parameter -> the fixture with the addresses of the server's nodes."""


@pytest.fixture(
    scope="module",
    params=[
        *ENGINE_NAMES,
        "opensearch",
        pytest.param("opensearch-scored-as-lucene", marks=pytest.mark.slow),
        pytest.param("opensearch-real", marks=pytest.mark.opensearch),
    ],
)
def opener(request) -> Iterator[Callable[[Corpus], SearchEngine]]:
    """Opens an engine of each kind."""
    if request.param not in CLUSTERS:
        yield lambda corpus: open_engine(request.param, corpus)
        return
    pytest.importorskip("opensearchpy", reason="opensearch-py is not installed: pip install 'untilclick[opensearch]'")
    from untilclick.search.engines.opensearch_client import Cluster
    from untilclick.search.engines.opensearch_engine import OpenSearchEngine

    urls = request.getfixturevalue(CLUSTERS[request.param]).split("|")
    cluster = Cluster(tuple(urls), timeout_ms=60_000)
    with ExitStack() as opened:
        yield lambda corpus: opened.enter_context(closing(OpenSearchEngine.open(corpus, cluster)))


@pytest.fixture(scope="module")
def engine(opener, toy_corpus) -> SearchEngine:
    return opener(toy_corpus)


@pytest.fixture(scope="module")
def random_engine(opener, random_corpus) -> SearchEngine:
    return opener(random_corpus)


def ranked_ids(engine: SearchEngine, text: str, k: int = 10) -> list[str]:
    return [entry.doc_id for entry in engine.search([WeightedQuery.of(text)], k)[0]]


def test_an_unknown_engine_names_the_choices(toy_corpus):
    with pytest.raises(EngineError, match=r"Unknown engine 'lucene'\. Choose one of: tantivy, rank-bm25"):
        open_engine("lucene", toy_corpus)


def test_each_engine_says_its_name(engine, request):
    assert engine.name in (*ENGINE_NAMES, "opensearch")
    assert engine.name in request.node.name


def test_a_query_finds_what_it_says(engine):
    assert ranked_ids(engine, "how to bake bread")[0] == "bread"
    assert ranked_ids(engine, "Sleeping CATS")[0] == "cat"
    assert ranked_ids(engine, "tides")[0] == "moon"


def test_scores_are_positive_and_descend_and_a_ranking_has_at_most_k_documents(engine):
    ranking = engine.search([WeightedQuery.of("warm water and minutes")], 10)[0]
    scores = [entry.score for entry in ranking]
    assert len(scores) > 2
    assert all(score > 0 for score in scores)
    assert scores == sorted(scores, reverse=True)
    assert engine.search([WeightedQuery.of("warm water and minutes")], 2)[0] == ranking[:2]


def test_each_query_of_a_batch_has_its_own_ranking(engine):
    queries = [WeightedQuery.of(text) for text in ("cat", "nothing-known", "tea")]
    rankings = engine.search(queries, 3)
    assert rankings == [engine.search([query], 3)[0] for query in queries]
    assert engine.search([], 3) == []


@pytest.mark.parametrize("text", ["", "zzzz", "!?", "\x00", "-", "- -"])
def test_a_query_without_known_terms_finds_nothing(engine, text):
    query = WeightedQuery.of(text)
    assert engine.search([query], 5) == [[]]
    assert engine.rank_of(query, ["cat"]) == {"cat": None}
    assert engine.feedback_terms(query, 5) == []


def test_a_query_of_stop_words_alone_searches_them(opener):
    """People look for songs and bands, too."""
    documents = (
        Document("who", "The Who", "A band of London"),
        Document("be", "To be or not to be", "The question"),
        Document("other", "Cats", "Nothing but cats"),
    )
    engine = opener(corpus_of("names", documents))
    assert [entry.doc_id for entry in engine.search([WeightedQuery.of("the who")], 5)[0]] == ["who", "be"]
    assert [entry.doc_id for entry in engine.search([WeightedQuery.of("to be or not to be")], 5)[0]] == ["be"]
    assert engine.rank_of(WeightedQuery.of("The"), ["be", "other"])["other"] is None
    with_a_word = WeightedQuery((("the", 1.0), ("cat", 1.0)))
    assert [entry.doc_id for entry in engine.search([with_a_word], 5)[0]] == ["other"]


def test_a_form_with_signs_ranks_its_documents_first(opener):
    documents = (
        Document("c", "C", "The language C"),
        Document("cpp", "C++", "The language C++"),
        Document("old", "Release 2.11.3", "Notes of version 2.11.3"),
        Document("new", "Release 3.11.2", "Notes of version 3.11.2"),
    )
    engine = opener(corpus_of("signs", documents))
    for query, first in (("c++", "cpp"), ("3.11.2", "new"), ("release 2.11.3", "old"), ("language c++", "cpp")):
        assert engine.search([WeightedQuery.of(query)], 5)[0][0].doc_id == first


@pytest.mark.parametrize("k", [0, -1])
def test_a_ranking_of_no_documents_is_empty(engine, k):
    assert engine.search([WeightedQuery.of("cat")], k) == [[]]


def test_a_ranking_may_be_asked_for_more_documents_than_there_are(engine):
    assert len(engine.search([WeightedQuery.of("the warm water")], 10_000)[0]) <= 10


def test_a_document_scores_the_weighted_sum_of_its_clauses(random_engine, random_corpus):
    """The test compares whole rankings, so that a shortcut of the engine cannot hide."""
    n = len(random_corpus.documents)
    parts = (("w1q w40q", 0.7), ("w3q", 2.5), ("w1q w9q w9q", 0.25))
    expected: dict[str, float] = {}
    for text, weight in parts:
        for word in text.split():
            for doc_id, score in random_engine.search([WeightedQuery.of(word)], n)[0]:
                expected[doc_id] = expected.get(doc_id, 0.0) + weight * score
    scores = dict(random_engine.search([WeightedQuery(parts)], n)[0])
    assert scores.keys() == expected.keys()
    assert [scores[doc_id] for doc_id in scores] == pytest.approx([expected[doc_id] for doc_id in scores], rel=1e-5)


def test_a_clause_of_weight_zero_is_absent_and_a_negative_weight_is_a_mistake(engine):
    cat = engine.search([WeightedQuery.of("cat")], 5)
    assert engine.search([WeightedQuery((("cat", 1.0), ("tea", 0.0)))], 5) == cat
    for weight in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="clause weight"):
            engine.search([WeightedQuery((("cat", weight),))], 5)


def test_ties_are_in_corpus_order(opener):
    corpus = corpus_of("ties", (Document(f"z{9999 - i}", "", "same words here") for i in range(500)))
    engine = opener(corpus_of("ties", (*corpus.documents, *zipf_corpus(600).documents)))
    expected = [document.doc_id for document in corpus.documents]
    assert ranked_ids(engine, "same", 20) == expected[:20]
    assert ranked_ids(engine, "same words", 500) == expected
    assert engine.rank_of(WeightedQuery.of("same"), [expected[3], expected[-1]]) == {
        expected[3]: 4,
        expected[-1]: 500,
    }


def test_the_rank_of_a_document_is_its_place_in_the_full_ranking(random_engine, random_corpus):
    query = WeightedQuery.of("w0q w7q w90q")
    full = ranked_ids(random_engine, "w0q w7q w90q", len(random_corpus.documents))
    assert len(full) > 140
    ids = [document.doc_id for document in random_corpus.documents]
    expected = {doc_id: full.index(doc_id) + 1 if doc_id in full else None for doc_id in ids}
    assert random_engine.rank_of(query, ids) == expected
    assert random_engine.rank_of(query, [full[-1]]) == {full[-1]: len(full)}
    assert random_engine.rank_of(query, []) == {}


def test_given_documents_have_the_scores_of_a_search(random_engine, random_corpus):
    """Clauses have weights, and each query has documents of its own, one of them twice."""
    ids = [document.doc_id for document in random_corpus.documents]
    queries = [WeightedQuery((("w1q w40q", 0.7), ("w3q", 2.5), ("w9q w9q", 0.25))), WeightedQuery.of("w200q w7q")]
    expected = [dict(ranking) for ranking in random_engine.search(queries, len(ids))]
    assert [0 < len(scores) < len(ids) for scores in expected] == [True, True]
    asked = [ids[::-1], [*ids[50:80], ids[60]]]
    for scores, of_query, by_id in zip(random_engine.scores(queries, asked), asked, expected, strict=True):
        assert scores == pytest.approx([by_id.get(doc_id, 0.0) for doc_id in of_query], rel=1e-6)
        assert [score > 0 for score in scores] == [doc_id in by_id for doc_id in of_query]


def test_a_document_without_a_term_of_the_query_scores_zero(engine):
    cat, nothing = WeightedQuery.of("cats"), WeightedQuery.of("")
    assert engine.scores([cat, nothing, cat], [["moon", "cat"], ["cat"], []])[1:] == [[0.0], []]
    scores = engine.scores([cat], [["moon", "cat"]])[0]
    assert (scores[0], scores[1] > 0) == (0.0, True)
    assert engine.scores([], []) == []
    with pytest.raises(ValueError, match="zip"):
        engine.scores([cat], [])


def test_documents_come_back_as_they_were_in_the_order_asked(engine, toy_corpus):
    by_id = {document.doc_id: document for document in toy_corpus.documents}
    assert engine.documents(["tea", "cat", "tea"]) == [by_id["tea"], by_id["cat"], by_id["tea"]]
    assert engine.documents([]) == []


def test_an_unknown_document_is_reported(engine):
    with pytest.raises(EngineError, match=r"No document 'unicorn' in the index"):
        engine.documents(["unicorn"])
    with pytest.raises(EngineError, match=r"No document 'unicorn' in the index"):
        engine.rank_of(WeightedQuery.of("cat"), ["unicorn"])
    for doc_id in ("unicorn", ""):
        with pytest.raises(UnknownDocumentError, match=f"No document '{doc_id}' in the index"):
            engine.scores([WeightedQuery.of("cat"), WeightedQuery.of("")], [["cat"], ["cat", doc_id]])


def test_feedback_terms_follow_the_formula_of_rm1(random_engine, random_corpus):
    query = WeightedQuery.of("w5q w30q")
    first = random_engine.search([query], 10)[0]
    total = sum(entry.score for entry in first)
    model: dict[str, float] = {}
    for doc_id, score in first:
        tokens = terms(next(d for d in random_corpus.documents if d.doc_id == doc_id).content)
        for token in tokens:
            model[token] = model.get(token, 0.0) + score / total / len(tokens)
    heaviest = sorted(model, key=lambda term: (-model[term], term))[:12]
    mass = sum(model[term] for term in heaviest)
    expansion = random_engine.feedback_terms(query, 12)
    assert [term_of(word) for word, _ in expansion] == heaviest
    assert [weight for _, weight in expansion] == pytest.approx([model[term] / mass for term in heaviest])


def test_feedback_terms_are_surface_words_whose_weights_sum_to_one(engine):
    expansion = engine.feedback_terms(WeightedQuery.of("cats"), 4)
    assert len(expansion) == 4
    assert sum(weight for _, weight in expansion) == pytest.approx(1.0)
    assert {"sleeps", "sleep", "cats"} & {word for word, _ in expansion}
    assert engine.feedback_terms(WeightedQuery.of("cats"), 0) == []
    assert engine.feedback_terms(WeightedQuery.of("cats"), 4) == expansion
    with_documents = engine.feedback(WeightedQuery.of("cats"), 4)
    assert with_documents.terms == expansion
    first = engine.search([WeightedQuery.of("cats")], 10)[0]
    assert [*zip(with_documents.doc_ids, with_documents.scores, strict=True)] == first
    assert engine.feedback(WeightedQuery.of("cats"), 0) == ([], with_documents.scores, with_documents.doc_ids)


HOSTILE = [
    "title:* AND (",
    '"unclosed phrase',
    "cat^1e999 -dog +tea ~2 [a TO z] \\",
    "\x00\x01\x1b[31m cat",
    "half \ud800 a pair \udfff cat",
    "\u202ecat\u200b \ufdfd 猫 кот",
    "cat " * 250_000,
    "x" * 1_000_000,
    " ".join(f"word{i}" for i in range(100_000)),
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_is_searched_as_words(engine, text):
    query = WeightedQuery.of(text)
    for entry in engine.search([query], 5)[0]:
        assert entry.score > 0
    engine.rank_of(query, ["cat"])
    engine.feedback_terms(query, 5)


def test_documents_of_hostile_text_are_indexed(opener):
    documents = [Document(str(i), "", text[:100_000]) for i, text in enumerate(HOSTILE)]
    documents += [Document("empty", "", ""), Document("id with spaces / and \u2603", "title", "plain kitten")]
    engine = opener(corpus_of("hostile", documents))
    assert ranked_ids(engine, "kitten") == ["id with spaces / and \u2603"]
    assert engine.documents([document.doc_id for document in documents]) == documents


def test_a_corpus_without_documents_finds_nothing_or_is_refused(opener, engine):
    if engine.name == "rank-bm25":
        with pytest.raises(EngineError, match="no indexable word"):
            opener(corpus_of("none", ()))
    else:
        assert ranked_ids(opener(corpus_of("none", ())), "cat") == []


def test_threads_may_share_an_engine(random_engine):
    queries = [f"w{i % 50}q w{i % 7}q" for i in range(400)]
    alone = [ranked_ids(random_engine, text) for text in queries]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda text: ranked_ids(random_engine, text), queries)) == alone
        list(pool.map(lambda text: random_engine.feedback_terms(WeightedQuery.of(text), 5), queries))


@pytest.mark.parametrize(
    ("name", "method", "k1", "b", "factor"),
    [("tantivy", "lucene", 1.2, 0.75, 2.2), ("rank-bm25", "robertson", 0.9, 0.4, 1.9)],
)
def test_scores_and_order_agree_with_a_third_library(name, method, k1, b, factor):
    """bm25s leaves out the factor (k1 + 1). Documents below 40 words have their exact length in tantivy, and the
    words asked for are in less than half of the documents, where rank-bm25 needs no floor."""
    corpus = zipf_corpus(longest=39)
    tokens = [terms(document.content) for document in corpus.documents]
    other = bm25s.BM25(method=method, k1=k1, b=b)
    other.index(tokens, show_progress=False)
    engine = open_engine(name, corpus)
    for text in ("w9q w50q", "w80q w11q w12q", "w60q"):
        expected = factor * other.get_scores(terms(text))
        ranking = engine.search([WeightedQuery.of(text)], len(tokens))[0]
        rows = [int(doc_id[1:]) for doc_id, _ in ranking]
        assert len(rows) == np.count_nonzero(expected) > 2
        assert [score for _, score in ranking] == pytest.approx(expected[rows].tolist(), rel=1e-5)
        assert (np.diff(expected[rows]) < 1e-5).all()


def test_documents_are_found_by_their_whole_title(opener):
    documents = [Document("m", "The Moon", "tides"), Document("s", "Stars", "the moon"), Document("n", "", "moon")]
    engine = opener(corpus_of("sky", documents))
    assert engine.with_title("the moon") == ["m"]
    assert engine.with_title("moon") == engine.with_title("") == []
