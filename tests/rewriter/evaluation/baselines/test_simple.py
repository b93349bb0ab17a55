"""Baselines on the toy corpus, each with a case that can be followed by hand."""

import pytest

from untilclick.rewriter.evaluation.baselines.simple import (
    Bm25,
    ConcatenationSettings,
    Oracle,
    SessionConcatenation,
    SpellingCorrection,
    mix,
)
from untilclick.rewriter.evaluation.systems import RewriterSystem, TypedTopic
from untilclick.rewriter.rewrite import Reason, Rewrite, RewriteRequest
from untilclick.search.analysis.by_name import english
from untilclick.search.measures.metrics import evaluate_rankings
from untilclick.search.records import Topic, WeightedQuery

from tests.rewriter.toy_engine import TOPICS, ToyEngine

ENGINE = ToyEngine()
TYPED = [TypedTopic(topic, topic.query) for topic in TOPICS]


class OneWordCorrector:
    def correct(self, query):
        return query.replace("opne", "open") if "opne" in query else None


class UpperCaseRewriter:
    version = "toy"

    def rewrite(self, requests):
        self.asked = requests
        return [
            Rewrite(
                query=r.query,
                text=f"{r.query} more",
                terms=(("more", 1.0),),
                correction=None,
                applied=True,
                reason=Reason.APPLIED,
                confidence=1.0,
                blend=WeightedQuery(((r.query, 0.7), ("more", 0.3))),
                replace=WeightedQuery.of("more"),
            )
            for r in requests
        ]


def mean_ndcg(system, typed=TYPED):
    rankings = ENGINE.search([answer.query for answer in system(typed)], 10)
    return evaluate_rankings([topic.topic for topic in typed], rankings).mean("nDCG@10")


def test_bm25_searches_what_was_typed():
    answer = Bm25()(TYPED)[4]
    assert answer.query == WeightedQuery.of("opne")
    assert answer.rewrite is None


def test_mixing_divides_the_query_weight_by_its_number_of_index_terms():
    """`to` is a stop word, so |query| is 2."""
    assert mix("lists to sort", [("heap", 0.75), ("key", 0.25)], 0.6, english()).clauses == (
        ("lists to sort", pytest.approx(0.3)),
        ("heap", pytest.approx(0.3)),
        ("key", pytest.approx(0.1)),
    )


@pytest.mark.parametrize(("query", "added"), [("the", [("heap", 1.0)]), ("sort", []), ("", [("heap", 1.0)])])
def test_mixing_without_terms_keeps_the_plain_query(query, added):
    assert mix(query, added, 0.5, english()) == WeightedQuery.of(query)


def test_the_words_of_earlier_queries_are_searched_at_their_weight():
    typed = TypedTopic(TOPICS[2], "wait", history=("thread", "process thread"))
    clauses = SessionConcatenation(ConcatenationSettings(0.25))([typed])[0].query.clauses
    assert clauses == (("wait", 1.0), ("thread", 0.25), ("process thread", 0.25))


def test_session_concatenation_leaves_the_first_query_of_a_session_as_typed():
    assert SessionConcatenation()(TYPED) == Bm25()(TYPED)


def test_spelling_correction_helps_where_a_word_is_misspelt_and_else_changes_nothing():
    system = SpellingCorrection(OneWordCorrector())
    queries = [answer.query for answer in system(TYPED)]
    assert queries[4] == WeightedQuery.of("open")
    assert queries[:4] == [answer.query for answer in Bm25()(TYPED[:4])]


def test_the_oracle_finds_the_word_that_lifts_the_relevant_document():
    """`timestamp` ranks d3 or d4 first; a word of d4 alone settles it."""
    answer = Oracle(ENGINE, ENGINE.index)([TYPED[1]])[0]
    assert ENGINE.search([answer.query], 1)[0][0].doc_id == "d4"


def test_the_oracle_is_never_below_plain_bm25_on_any_topic():
    oracle, bm25 = Oracle(ENGINE, ENGINE.index), Bm25()
    for topic in TYPED:
        assert mean_ndcg(oracle, [topic]) >= mean_ndcg(bm25, [topic])
    assert mean_ndcg(oracle) > mean_ndcg(bm25)


def test_the_oracle_keeps_the_query_where_no_relevant_document_is_in_the_corpus():
    unknown = TypedTopic(Topic("t", "sort", {"elsewhere": 1}), "sort")
    assert Oracle(ENGINE, ENGINE.index)([unknown])[0].query == WeightedQuery.of("sort")


@pytest.mark.parametrize(("mode", "first"), [("blend", ("wait", 0.7)), ("replace", ("more", 1.0))])
def test_a_rewriter_becomes_a_system_in_either_mode(mode, first):
    answer = RewriterSystem(UpperCaseRewriter(), mode)([TYPED[2]])[0]
    assert answer.query.clauses[0] == first
    assert answer.rewrite is not None
    assert answer.rewrite.text == "wait more"


def test_a_rewriter_sees_the_earlier_queries_of_the_session():
    rewriter = UpperCaseRewriter()
    RewriterSystem(rewriter)([TypedTopic(TOPICS[2], "wait", history=("thread",)), TYPED[0]])
    assert rewriter.asked == [RewriteRequest("wait", ("thread",)), RewriteRequest("sort list")]
