"""Whatever happens to a rewriter, there is an answer that says what happened."""

import pytest

from app.bounded_rewriter import BoundedRewriter, RewriteLimits
from rewriter.rewrite import Reason, Rewrite
from tests.app.stand_ins import BrokenRewriter, StuckRewriter, TableRewriter


@pytest.fixture
def bounded():
    made = []

    def make(rewriter, **limits):
        made.append(BoundedRewriter(rewriter, RewriteLimits(**{"budget_ms": 5000.0, **limits})))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_the_rewriter_answers(bounded):
    rewriter = TableRewriter()
    answer = bounded(rewriter).rewrite("delete folder", ("remove dir",))
    assert (answer.applied, answer.reason) == (True, Reason.APPLIED)
    assert rewriter.asked[0].history == ("remove dir",)


def test_without_a_rewriter_queries_are_kept(bounded):
    assert bounded(None).rewrite("delete folder", ()) == Rewrite.keep("delete folder", Reason.NO_MODEL)
    assert bounded(None).version is None


@pytest.mark.parametrize(
    ("query", "reason"), [("", Reason.EMPTY_QUERY), (" \t", Reason.EMPTY_QUERY), ("x" * 11, Reason.QUERY_TOO_LONG)]
)
def test_empty_and_overlong_queries_are_not_asked_about(bounded, query, reason):
    rewriter = TableRewriter()
    assert bounded(rewriter, max_characters=10).rewrite(query, ()).reason is reason
    assert rewriter.asked == []


def test_an_error_is_kept_and_logged(bounded, caplog):
    assert bounded(BrokenRewriter()).rewrite("q", ()).reason is Reason.ERROR
    assert "A rewrite failed" in caplog.text


def test_over_budget_is_kept_and_those_behind_it_too(bounded):
    stuck = StuckRewriter()
    rewriter = bounded(stuck, budget_ms=1.0)
    try:
        assert rewriter.rewrite("first", ()).reason is Reason.OVER_BUDGET
        assert rewriter.rewrite("second", ()).reason is Reason.OVER_BUDGET
    finally:
        stuck.released.set()


def test_warming_up_waits_and_survives_a_broken_rewriter(bounded, caplog):
    rewriter = TableRewriter()
    bounded(rewriter, budget_ms=0.001).warm_up("anything")
    assert [request.query for request in rewriter.asked] == ["anything"]
    bounded(BrokenRewriter()).warm_up("anything")
    assert "weights are missing" in caplog.text
    bounded(None).warm_up("anything")
