"""Batched BM25 against the engines whose ranking it stands for."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from untilclick.rewriter.data.corpus_scorer import ENGINE_SETTINGS, CorpusScorer
from untilclick.rewriter.language.vocabulary import TermVocabulary
from untilclick.rewriter.serving.blend import original_clauses, with_context
from untilclick.search.analysis.analysis import QueryTerms
from untilclick.search.analysis.by_name import english
from untilclick.search.corpora.load import corpus_of
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.engines import ENGINE_NAMES, open_engine
from untilclick.search.records import Collection, Document, WeightedQuery

from tests.rewriter.toy_learning import toy_opened, toy_policy

analysis = english()
terms = analysis.terms

PLAIN = ["oven", "soil seed", "sourdough dough flour", "train people", "moon moon planet", "often good oven tide"]
WEIGHTED = [
    (("oven", 0.7), ("brioche", 0.3)),
    (("train track", 0.25), ("tunnel", 0.4), ("people", 0.1)),
    (("moon", 1.0), ("comet", 0.05), ("sail", 0.6)),
]


@pytest.fixture(scope="module", params=ENGINE_NAMES)
def pair(request):
    """An engine and the scorer with its settings."""
    opened = toy_opened(request.param)
    return open_engine(request.param, opened.collection.corpus), CorpusScorer.of(opened, toy_policy(opened)[1])


def scores_of(engine, query: WeightedQuery, scorer) -> np.ndarray:
    """(D,) the engine's scores by row of the scorer."""
    scores = np.zeros(scorer.n_documents)
    for hit in engine.search([query], scorer.n_documents)[0]:
        scores[scorer.index.doc_rows[hit.doc_id]] = hit.score
    return scores


def assert_proportional(scores: np.ndarray, engine_scores: np.ndarray) -> float:
    """Both (D,) are equal up to one positive factor; returns the factor."""
    assert ((scores > 0) == (engine_scores > 0)).all()
    factor = float(engine_scores.sum() / scores.sum())
    assert scores * factor == pytest.approx(engine_scores, rel=2e-4, abs=1e-5)
    return factor


def term_weights_row(scorer, clauses):
    from scipy.sparse import csr_array

    row = np.zeros((1, len(scorer.index.terms)), dtype=np.float32)
    for text, weight in clauses:
        for term in scorer_terms(text):
            row[0, scorer.index.term_ids[term]] += weight
    return csr_array(row)


def scorer_terms(text: str) -> list[str]:
    return terms(text)


def typed(*words: str) -> QueryTerms:
    """A query of index terms."""
    return QueryTerms(words)


def test_every_named_engine_has_settings():
    assert set(ENGINE_SETTINGS) == {*ENGINE_NAMES, "opensearch"}


def test_scores_of_plain_queries_are_the_engines(pair):
    """One factor for all queries may differ: the engine multiplies by (k1 + 1), and the scorer divides by the query's
    length."""
    engine, scorer = pair
    scores = scorer.originals([analysis.query(text) for text in PLAIN]).numpy()
    factors = [
        assert_proportional(row * len(scorer_terms(text)), scores_of(engine, WeightedQuery.of(text), scorer))
        for row, text in zip(scores, PLAIN, strict=True)
    ]
    assert factors == pytest.approx([factors[0]] * len(factors), rel=1e-3)


def test_scores_of_weighted_queries_are_the_engines(pair):
    engine, scorer = pair
    for clauses in WEIGHTED:
        scores = scorer.score_terms(term_weights_row(scorer, clauses)).numpy()[0]
        assert_proportional(scores, scores_of(engine, WeightedQuery(clauses), scorer))


def test_token_sequences_score_as_the_same_clauses_in_the_engine(pair):
    engine, scorer = pair
    words = ["brioch", "tunnel", "moon", "sail"]
    ids = np.array([scorer.vocabulary.encode(words)])
    weights = np.array([[0.4, 0.3, 0.2, 0.1]], dtype=np.float32)
    clauses = tuple((scorer.vocabulary.surface(i), w) for i, w in zip(ids[0], weights[0].tolist(), strict=True))
    assert_proportional(
        scorer.score_tokens(ids, weights).numpy()[0], scores_of(engine, WeightedQuery(clauses), scorer)
    )


def test_rankings_are_the_engines_up_to_ties(pair):
    engine, scorer = pair
    scores = scorer.originals([analysis.query(text) for text in PLAIN])
    ranked = scorer.rank(scores, 10)
    for row, text in enumerate(PLAIN):
        hits = engine.search([WeightedQuery.of(text)], 10)[0]
        ranking = [scorer.index.doc_ids[i] for i in ranked[row] if i >= 0]
        assert len(ranking) == len(hits)
        by_id = dict(zip(scorer.index.doc_ids, scores[row].tolist(), strict=True))
        ranked_scores = [by_id[doc_id] for doc_id in ranking]
        hit_scores = [by_id[hit.doc_id] for hit in hits]
        assert ranked_scores == pytest.approx(hit_scores, rel=1e-5)
        assert ranked_scores == sorted(ranked_scores, reverse=True)


SHED = (
    ("screws", "Screws M4x20", "A zinc-plated screw for the shed. Bolts beside it."),
    ("bearing", "Bearing 6204-2RS", "A sealed ball bearing with a rubber lip, 6204 2RS or 62042RS."),
    ("cpp", "Primer of C++", "The language C++ and what is in it. C is older; c++ is newer."),
    ("net", ".NET and C#", "It runs on .NET 4.8 or 3.11.2."),
    ("paths", "os.path.join", "Joins parts of a path/to/it with os.path.join(path, part)."),
    ("wifi", "Wi-Fi antenna", "An antenna for wifi, 2.4 GHz or 5 GHz, with 128 GB of nothing."),
    ("and", "To be or not to be", "That is the question, is it not?"),
    ("empty", "", "..."),
)
ODD = [
    "Wi-Fi", "wi-fi antenna", "6204-2RS bearing", "128 GB", "zinc-plated screw", "C++", "C++ primer", "c#", "4.8",
    "3.11.2 or 4.8", "os.path.join", "the", "to be or not to be", "what is it", "the antenna", "図", ".NET C++ wi-fi",
]  # fmt: skip
"""Queries with joined forms, whole forms or nothing but stop words."""


@pytest.fixture(scope="module", params=ENGINE_NAMES)
def shed(request):
    """An engine over documents with such forms, and the scorer with its settings."""
    documents = [Document(*fields) for fields in SHED]
    opened = OpenedCollection.of(Collection(corpus_of("shed", documents), {}, "made"), request.param)
    return opened.engine, CorpusScorer.of(opened, TermVocabulary.from_index(opened.index, 1, 1000))


def test_scores_of_joined_forms_whole_forms_and_stop_words_are_the_engines(shed):
    engine, scorer = shed
    scores = scorer.originals([analysis.query(text) for text in ODD]).numpy()
    factors = []
    for row, text in zip(scores, ODD, strict=True):
        n_known = sum(term in scorer.index.term_ids for term in analysis.query(text).body)
        engine_scores = scores_of(engine, WeightedQuery.of(text), scorer)
        if text != "図":
            factors.append(assert_proportional(row * max(n_known, 1), engine_scores))
    assert not scores[ODD.index("図")].any()
    assert factors == pytest.approx([factors[0]] * len(factors), rel=1e-3)


def test_a_query_with_context_scores_as_the_clauses_of_the_service(shed):
    engine, scorer = shed
    for query, context in (("C++ primer", ("screw", "unheard")), ("the", ("antenna",)), ("wi-fi", ("bearing",))):
        terms_of_context = QueryTerms([term for word in context for term in terms(word)])
        scores = scorer.originals([analysis.query(query)], [terms_of_context], 0.25).numpy()[0]
        n_known = sum(term in scorer.index.term_ids for term in terms(query))
        typed_clauses = with_context(original_clauses(query, (), n_known), context[:1], n_known, 0.25)
        assert_proportional(scores, scores_of(engine, WeightedQuery(typed_clauses), scorer))


def test_the_field_aside_is_read_by_queries_that_need_it_only():
    opened = toy_opened()
    scorer = CorpusScorer(
        opened.index, toy_policy(opened)[1], ENGINE_SETTINGS["tantivy"], lambda: pytest.fail("nothing needs it")
    )
    assert scorer.originals([analysis.query("the oven"), analysis.query("moon tide")]).sum() > 0


def test_feedback_terms_are_the_engines(pair):
    engine, scorer = pair
    for text in PLAIN[:4]:
        model = scorer.feedback(scorer.originals([analysis.query(text)]), 10).toarray()[0]
        engine_terms = engine.feedback_terms(WeightedQuery.of(text), 10)
        model_weights = sorted(model[model > 0], reverse=True)
        assert model_weights == pytest.approx([weight for _, weight in engine_terms], rel=1e-4)
        weights = {scorer.index.terms[i]: model[i] for i in np.flatnonzero(model)}
        shared = [(scorer_terms(word)[0], weight) for word, weight in engine_terms]
        assert len({term for term, _ in shared} & set(weights)) >= 9  # the last may be one of several of equal weight
        assert sum(weights.values()) == pytest.approx(1, rel=1e-5)


def test_feedback_of_a_query_that_finds_nothing_is_empty(scorer):
    model = scorer.feedback(scorer.originals([typed("nosuchterm"), typed("oven")]), 5)
    assert model.toarray()[0].sum() == 0
    assert model.toarray()[1].sum() == pytest.approx(1)


def test_no_query_at_all_gives_empty_matrices(scorer):
    assert scorer.originals([]).shape == (0, scorer.n_documents)
    assert scorer.feedback(scorer.originals([]), 5).shape == (0, len(scorer.index.terms))


def test_unknown_terms_count_for_nothing_not_even_the_length(scorer):
    with_unknown, without = scorer.originals([typed("oven", "nosuchterm"), typed("oven")])
    assert torch.equal(with_unknown, without)
    assert scorer.originals([typed("nosuchterm"), typed()]).abs().sum() == 0


def test_context_has_its_share_of_a_query(pair):
    engine, scorer = pair
    queries = [typed("dough", "oven"), typed("moon")]
    contexts = [typed("flour", "nosuchterm", "sail"), typed("nosuchterm")]
    scores = scorer.originals(queries, contexts, 0.4)
    clauses = (("dough", 0.3), ("oven", 0.3), ("flour", 0.2), ("sail", 0.2))
    assert_proportional(scores[0].numpy(), scores_of(engine, WeightedQuery(clauses), scorer))
    assert torch.equal(scores[1], scorer.originals([typed("moon")])[0])  # nothing of its context is in the corpus
    assert torch.equal(scorer.originals(queries, contexts, 0.0), scorer.originals(queries))


def test_a_query_without_known_terms_is_searched_by_its_context(scorer):
    scores = scorer.originals([typed("nosuchterm")], [typed("oven")], 0.3)
    assert scores == pytest.approx(0.3 * scorer.originals([typed("oven")]))


def test_specials_score_nothing(scorer):
    ids = np.array([[0, 1, 2, 3, 4]])
    assert scorer.score_tokens(ids, np.ones(ids.shape, dtype=np.float32)).abs().sum() == 0


def test_a_row_per_token_is_the_score_of_that_token_alone(scorer):
    ids = np.array(scorer.vocabulary.encode(["oven", "moon"]))
    alone = scorer.score_tokens(ids[:, None], np.ones((2, 1), dtype=np.float32)).numpy()
    assert (scorer.token_rows(ids) == alone).all()


def test_rankings_are_padded_with_minus_1(scorer):
    scores = torch.zeros(2, scorer.n_documents)
    scores[0, 7], scores[0, 3] = 1.0, 2.0
    assert scorer.rank(scores, 4).tolist() == [[3, 7, -1, -1], [-1, -1, -1, -1]]
    wide = scorer.rank(scores, scorer.n_documents + 5)
    assert wide.shape == (2, scorer.n_documents + 5)
    assert (wide[0, 2:] == -1).all()
