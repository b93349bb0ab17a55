"""The comparison of a candidate's lists with the lists shown."""

from types import SimpleNamespace

import pytest

from untilclick.app.versions.shadow import Shadow, ShownList, overlap
from untilclick.rewriter.rewrite import Reason, Rewrite
from untilclick.search.records import ScoredDoc

TEN = tuple("abcdefghij")


class FixedList:
    """An engine that returns the same documents for every query."""

    def __init__(self, doc_ids):
        self.doc_ids = doc_ids

    def search(self, queries, k):
        return [[ScoredDoc(doc_id, 1.0) for doc_id in self.doc_ids[:k]] for _ in queries]


class KeepingRewriter:
    def rewrite(self, query, history):
        return Rewrite.keep(query, Reason.GATED)


def loaded(doc_ids):
    """A version that finds these documents for every query."""
    return SimpleNamespace(rewriter=KeepingRewriter(), engine=FixedList(doc_ids))


def figures_of(shown, candidate, titled=()):
    shadow = Shadow()
    shadow.run(loaded(candidate), "v", ShownList("q", "query", (), tuple(shown), titled))
    shadow._pool.shutdown(wait=True)
    return shadow.figures


@pytest.mark.parametrize(
    ("shown", "candidate", "changed", "share"),
    [
        (TEN, TEN, 0, 1.0),
        (TEN, TEN[::-1], 1, 1.0),
        (TEN[:3], TEN, 0, 1.0),
        (TEN[:2], ("a", "x", "b"), 1, 0.5),
        ((*TEN, "k"), TEN, 0, 1.0),
        (TEN[:4], TEN[:2], 1, 0.5),
        ((), (), 0, 1.0),
        ((), TEN, 1, 0.0),
        (TEN, (), 1, 0.0),
    ],
)
def test_as_many_ranks_are_compared_as_were_shown(shown, candidate, changed, share):
    """Once short lists were compared with ten ranks, and two empty lists had an overlap of 0."""
    figures = figures_of(shown, candidate)
    assert (figures.queries, figures.faults, figures.changed, figures.overlap) == (1, 0, changed, share)


def test_an_exact_title_comes_first_in_the_candidates_list_as_in_the_list_shown():
    figures = figures_of(("c", "a", "b"), TEN, titled=("c",))
    assert (figures.changed, figures.overlap) == (0, 1.0)


def test_an_empty_list_is_like_another_empty_one_only():
    assert (overlap((), ()), overlap((), "a"), overlap("a", ()), overlap("ab", "bc")) == (1.0, 0.0, 0.0, 0.5)


def test_of_many_lists_the_first_are_forgotten(monkeypatch):
    """A click on a forgotten list does not count."""
    monkeypatch.setattr("untilclick.app.versions.shadow.REMEMBERED", 2)
    shadow = Shadow()
    for query_id in "123":
        shadow.run(
            SimpleNamespace(rewriter=KeepingRewriter(), engine=FixedList(TEN)),
            "v",
            ShownList(query_id, "query", (), TEN),
        )
    shadow._pool.shutdown(wait=True)
    for query_id in "123":
        shadow.click(query_id, "b", 2)
    assert (shadow.figures.queries, shadow.figures.clicks, shadow.figures.reciprocal_ranks) == (3, 2, 1.0)
