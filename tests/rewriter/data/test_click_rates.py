"""Grades from clicks per examination, and rankings of shown documents alone."""

from __future__ import annotations

import pytest

from untilclick.rewriter.data.click_rates import examination_probs, rated_queries
from untilclick.rewriter.data.environment import TrainingQuery
from untilclick.rewriter.rewrite import RewriteRequest
from untilclick.rewriter.training.validation import ValidationSet
from untilclick.search.analysis.analysis import QueryTerms
from untilclick.search.records import Click, Session, Turn

from tests.rewriter.toy_learning import prompt_of


def turn(query: str, shown: str, clicked: str = "", step: int = 0) -> Turn:
    """A turn whose documents are letters."""
    clicks = tuple(Click("q", doc_id, shown.index(doc_id) + 1, 0.0) for doc_id in clicked)
    return Turn("q", step, query, None, tuple(shown), clicks, 0.0, {})


def session(*turns: Turn) -> Session:
    return Session("s", "live", turns)


def test_ranks_down_to_the_last_click_are_looked_at_and_those_below_ever_less():
    assert examination_probs(turn("oven", "abcd", "b")) == {"a": 1, "b": 1, "c": 1, "d": 1 / 2}
    assert examination_probs(turn("oven", "abc")) == {"a": 1, "b": 1 / 2, "c": 1 / 3}
    assert examination_probs(turn("oven", "")) == {}


def test_a_document_shown_seldom_and_clicked_always_has_the_best_grade():
    sessions = [
        *[session(turn("oven", "abc", "a"))] * 2,
        session(turn("oven", "abc")),
        session(turn("oven", "abc"), turn("oven dough", "xa", "x", 1)),
    ]
    first, later = rated_queries(sessions)
    assert (first.request, later.request) == (RewriteRequest("oven"), RewriteRequest("oven dough", ("oven",)))
    assert first.relevance == {"a": pytest.approx(2 / 5), "x": 1}  # of four lists of `oven` and one of `oven dough`
    assert first.shown == frozenset("abcx")
    assert later.relevance == {"x": 1}


def test_inputs_without_a_click_and_logs_without_result_lists_say_nothing_more():
    assert rated_queries([session(turn("oven", "abc"))]) == []
    bare = Turn("q", 0, "oven", None, (), (Click("q", "a", 1, 0.0),), 0.0, {})
    (rated,) = rated_queries([session(bare)])
    assert rated.relevance == {"a": 1}
    assert rated.shown is None


def test_validation_ranks_the_shown_documents_alone(scorer):
    """The wanted document is the best of the shown ones; documents above it that were not shown do not count."""
    full = scorer.rank(scorer.originals([QueryTerms(["oven"])]), 10)[0]
    wanted, above = scorer.index.doc_ids[full[3]], scorer.index.doc_ids[full[0]]
    shown = frozenset({wanted, scorer.index.doc_ids[full[5]]})
    scores = []
    for ranked in (None, shown, shown | {above}):
        query = TrainingQuery(QueryTerms(("oven",)), {wanted: 1}, shown=ranked)
        scores.append(ValidationSet(scorer, [prompt_of(scorer.vocabulary, "oven")], [query]).original_ndcg)
    assert scores[0] < scores[2] < scores[1] == 1
