"""Every request gets an answer with a reason, whatever happens to the rewriter."""

import gc
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from untilclick.app.versions.bounded_rewriter import BATCH, BoundedRewriter, RewriteLimits
from untilclick.rewriter.rewrite import DocumentsRead, Reason, Rewrite
from untilclick.search.errors import ModelError
from untilclick.search.records import WeightedQuery

from tests.app.stand_ins import BrokenRewriter, MeaningRewriter, StuckRewriter, TableRewriter


@pytest.fixture
def bounded():
    rewriters = []

    def make(rewriter, **limits):
        rewriters.append(BoundedRewriter(rewriter, RewriteLimits(**{"budget_ms": 5000.0, **limits})))
        return rewriters[-1]

    yield make
    for rewriter in rewriters:
        rewriter.close()


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


GOOD = TableRewriter()._one("delete folder")


@pytest.mark.parametrize(
    "answer",
    [
        None,
        replace(GOOD, blend=WeightedQuery((("directory", float("nan")),))),
        replace(GOOD, blend=WeightedQuery((("directory", -0.25),))),
        replace(GOOD, replace=WeightedQuery((("directory", float("inf")),))),
        replace(GOOD, documents=DocumentsRead(None, 0.5, WeightedQuery((("directory", -1.0),)), 0.5)),
        replace(GOOD, documents=DocumentsRead(None, 1.5, GOOD.blend, 0.5)),
        replace(GOOD, documents=DocumentsRead(None, 0.5, GOOD.blend, float("nan"))),
        replace(GOOD, text="half of a pair \ud800"),
        replace(GOOD, terms=(("nul \x00", 1.0),)),
        SystemExit(1),
    ],
)
def test_what_cannot_be_searched_or_shown_is_a_fault_of_the_rewriter(bounded, answer):
    class Odd(TableRewriter):
        def rewrite(self, requests):
            if isinstance(answer, BaseException):
                raise answer
            return [answer]

    rewriter = bounded(Odd())
    for _ in range(2):  # its thread is still there
        assert rewriter.rewrite("delete folder", ()) == Rewrite.keep("delete folder", Reason.ERROR)
    with pytest.raises(ModelError):
        rewriter.trial("delete folder")


def test_a_rewriter_that_hangs_keeps_no_process_from_ending(bounded):
    stuck = StuckRewriter()
    try:
        bounded(stuck, budget_ms=1.0).rewrite("first", ())
        assert all(thread.daemon for thread in threading.enumerate() if thread.name == "rewrite")
    finally:
        stuck.released.set()


def test_threads_end_with_the_rewriter_that_nobody_has_any_more():
    before = set(threading.enumerate())
    rewriter = BoundedRewriter(TableRewriter(), RewriteLimits(threads=3))
    rewrite_threads = set(threading.enumerate()) - before
    assert len(rewrite_threads) == 3
    del rewriter
    gc.collect()
    for thread in rewrite_threads:
        thread.join(30)
        assert not thread.is_alive()


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


def test_only_so_many_clauses_are_searched(bounded):
    whole, short = (bounded(TableRewriter(), clauses=n).rewrite("delete folder", ()) for n in (100, 3))
    assert len(whole.blend.clauses) > 3
    assert short.blend == whole.blend.heaviest(3)
    assert short.blend.clauses[0] == whole.blend.clauses[0]
    assert (short.terms, short.text) == (whole.terms, whole.text)


def test_only_so_many_clauses_are_summed_with_documents(bounded, tmp_path):
    rewriter = MeaningRewriter(tmp_path, {"delete folder": ("directory", "tree", "remove")})
    whole, short = (bounded(rewriter, clauses=n).rewrite("delete folder", ()).documents for n in (100, 3))
    assert len(whole.words.clauses) > 3
    assert short.words == whole.words.heaviest(3)
    assert (short.weight, short.typed) == (whole.weight, whole.typed)


def test_the_heaviest_clauses_stay_in_their_order():
    query = WeightedQuery((("a", 0.1), ("b", 0.5), ("c", 0.1), ("d", 0.3)))
    assert query.heaviest(3).clauses == (("a", 0.1), ("b", 0.5), ("d", 0.3))
    assert query.heaviest(4) is query


class BatchRecorder(TableRewriter):
    """A rewriter that records the sizes of its batches and blocks before its first answer."""

    def __init__(self):
        super().__init__()
        self.begun, self.released, self.sizes = threading.Event(), threading.Event(), []

    def rewrite(self, requests):
        self.sizes.append(len(requests))
        self.begun.set()
        self.released.wait(30)
        if any("poison" in request.query for request in requests):
            raise RuntimeError("cannot read this one")
        return super().rewrite(requests)


def asked_together(bounded, queries):
    """Ask for one query, and for all others while it is being rewritten."""
    recorder = BatchRecorder()
    rewriter = bounded(recorder)
    with ThreadPoolExecutor(len(queries) + 1) as pool:
        first = pool.submit(rewriter.rewrite, "the first", ())
        recorder.begun.wait(30)
        others = [pool.submit(rewriter.rewrite, query, ()) for query in queries]
        while len(rewriter._waiting) < len(queries):
            time.sleep(0.001)
        recorder.released.set()
        return recorder.sizes, first.result(), [other.result() for other in others]


def test_queries_that_wait_are_rewritten_together(bounded):
    queries = [f"query {i}" for i in range(BATCH + 3)]
    sizes, _, answers = asked_together(bounded, queries)
    assert sizes == [1, BATCH, 3]
    assert [answer.query for answer in answers] == queries


def test_a_query_that_cannot_be_rewritten_costs_the_others_nothing(bounded):
    _, _, answers = asked_together(bounded, ["delete folder", "poison", "another"])
    assert [answer.reason for answer in answers] == [Reason.APPLIED, Reason.ERROR, Reason.GATED]


def test_rewrites_are_kept_by_query_and_history(bounded):
    rewriter = TableRewriter()
    asking = bounded(rewriter)
    for history in ((), (), ("before",), ()):
        assert asking.rewrite("delete folder", history).applied
    assert [request.history for request in rewriter.asked] == [(), ("before",)]
    uncached = bounded(rewriter, cached=0)
    uncached.rewrite("delete folder", ())
    uncached.rewrite("delete folder", ())
    assert len(rewriter.asked) == 4


def test_faults_are_not_kept(bounded):
    rewriter = bounded(BrokenRewriter(), failures=1000)
    assert rewriter.rewrite("q", ()).reason is Reason.ERROR
    assert rewriter.rewrite("q", ()).reason is Reason.ERROR


def test_a_rewriter_that_fails_in_a_row_is_left_alone(bounded):
    rewriter = bounded(BrokenRewriter(), failures=3, pause_s=1000.0)
    reasons = [rewriter.rewrite("q", ()).reason for _ in range(5)]
    assert reasons == [Reason.ERROR] * 3 + [Reason.BREAKER_OPEN] * 2
    assert rewriter.resting


def test_fewer_answers_than_queries_are_an_error(bounded):
    class Forgetful(TableRewriter):
        def rewrite(self, requests):
            return []

    assert bounded(Forgetful()).rewrite("q", ()).reason is Reason.ERROR


def test_a_trial_says_what_is_wrong(bounded):
    with pytest.raises(ModelError, match="weights are missing"):
        bounded(BrokenRewriter()).trial("q")
    assert bounded(TableRewriter()).trial("delete folder").applied
