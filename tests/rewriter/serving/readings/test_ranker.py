"""Rankings of searched queries, against the engine and the step of exact titles by themselves."""

import random

import pytest

from untilclick.rewriter.rewrite import Reason, Rewrite
from untilclick.rewriter.serving.readings.ranker import Ranking, rank
from untilclick.rewriter.serving.readings.searched_query import SearchedQuery
from untilclick.search.engines import ENGINE_NAMES, open_engine
from untilclick.search.measures.exact_titles import exact_titles_first
from untilclick.search.records import WeightedQuery

from tests.rewriter.toy_engine import ToyEngine, toy_collection

ENGINE = ToyEngine()
BLEND = WeightedQuery((("sort", 1.0), ("wait", 0.2), ("queue lock", 0.7), ("open", 0.1)))
REPLACE = WeightedQuery((("queue lock", 0.7), ("open", 0.1)))
REWRITE = Rewrite("sort", "sort queue", (("queue", 1.0),), None, True, Reason.APPLIED, 0.8, BLEND, REPLACE)


def test_a_rewrite_is_searched_with_the_query_as_typed_or_without_it():
    queries = [SearchedQuery.of(REWRITE), SearchedQuery.of(REWRITE, "replace"), SearchedQuery.typed("sort")]
    rankings = rank(ENGINE, queries, 4)
    expected = ENGINE.search([BLEND, REPLACE, WeightedQuery.of("sort")], 4)
    assert [ranking.retrieved for ranking in rankings] == [ranking.shown for ranking in rankings] == expected
    assert [query.rewrite for query in queries] == [REWRITE, REWRITE, None]
    assert rank(ENGINE, [], 4) == []


def test_a_rewrite_that_is_not_applied_is_searched_as_typed():
    kept = Rewrite.keep("open", Reason.GATED)
    (expected,) = rank(ENGINE, [SearchedQuery.typed("open")], 5)
    assert rank(ENGINE, [SearchedQuery.of(kept), SearchedQuery.of(kept, "replace")], 5) == [expected, expected]


def test_only_the_heaviest_clauses_are_searched():
    (cut,), (whole,) = (rank(ENGINE, [SearchedQuery.of(REWRITE)], 10, clauses=n) for n in (2, 4))
    assert cut.retrieved == ENGINE.search([WeightedQuery((("sort", 1.0), ("queue lock", 0.7)))], 10)[0]
    assert whole.retrieved == ENGINE.search([BLEND], 10)[0] != cut.retrieved


def test_exact_titles_come_first_in_the_list_that_is_shown_alone():
    queries = [SearchedQuery.of(REWRITE), SearchedQuery.typed("sockets")]
    first, second = rank(ENGINE, queries, 3, titled=[["d4"], []])
    assert [entry.doc_id for entry in first.shown] == ["d4", *[entry.doc_id for entry in first.retrieved[:2]]]
    assert first.retrieved == ENGINE.search([BLEND], 3)[0]
    assert second.shown == second.retrieved


def test_each_query_has_its_titles_or_none_has():
    with pytest.raises(ValueError, match="zip"):
        rank(ENGINE, [SearchedQuery.of(REWRITE)] * 2, 3, titled=[["d4"]])


@pytest.mark.parametrize("name", ENGINE_NAMES)
def test_a_ranking_is_the_search_of_the_heaviest_clauses_with_exact_titles_first(name):
    """What each place that ranks rewrites did by itself, for drawn queries."""
    corpus = toy_collection().corpus
    engine, draw = open_engine(name, corpus), random.Random(1)
    words = sorted({word for document in corpus.documents for word in document.content.split()})
    for _ in range(40):
        clauses = tuple((draw.choice(words), draw.random()) for _ in range(draw.randint(1, 9)))
        query, k, most = WeightedQuery(clauses), draw.randint(0, 12), draw.choice([None, 1, 3])
        titled = draw.sample([document.doc_id for document in corpus.documents], draw.randint(0, 2))
        searched = query if most is None else query.heaviest(most)
        (retrieved,) = engine.search([searched], k)
        assert rank(engine, [SearchedQuery(query)], k, titled=[titled], clauses=most) == [
            Ranking(retrieved, exact_titles_first(retrieved, titled, k))
        ]
