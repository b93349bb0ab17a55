"""What is searched for a rewrite, by the reading that is asked for."""

import pytest

from untilclick.rewriter.readings import Readings, UsedReadings
from untilclick.rewriter.rewrite import DocumentsRead, Reason, Rewrite
from untilclick.rewriter.serving.readings.searched_query import SearchedQuery, Shares
from untilclick.search.records import WeightedQuery

BLEND, REPLACE, SCALED = (WeightedQuery((("sort", weight), ("queue", 1.0))) for weight in (0.9, 0.1, 0.5))
SCORES = object()
"""Scores of documents, which are only passed on."""


def rewrite(documents=None):
    terms = (("queue", 1.0),)
    return Rewrite("sort", "sort queue", terms, None, True, Reason.APPLIED, 0.8, BLEND, REPLACE, documents=documents)


READ = rewrite(DocumentsRead(SCORES, 0.45, SCALED, 0.4))


@pytest.mark.parametrize("form", ["blend", "replace"])
@pytest.mark.parametrize("readings", list(Readings))
def test_a_rewriter_of_words_alone_is_searched_by_words(form, readings):
    searched = SearchedQuery.of(rewrite(), form, readings)
    assert searched.query == (BLEND if form == "blend" else REPLACE)
    assert (searched.documents, searched.used, searched.shares) == (None, UsedReadings.WORDS, None)
    assert SearchedQuery.of(READ, form, Readings.WORDS).query == searched.query


@pytest.mark.parametrize(
    ("form", "readings", "query", "share", "used", "shares"),
    [
        ("blend", "auto", SCALED, 0.45, "both", (0.4, 0.15, 0.45)),
        ("blend", "both", SCALED, 0.45, "both", (0.4, 0.15, 0.45)),
        ("replace", "both", REPLACE, 0.75, "both", (0.0, 0.25, 0.75)),
        ("blend", "documents", WeightedQuery.of("sort"), 0.45 / 0.85, "documents", (0.4 / 0.85, 0.0, 0.45 / 0.85)),
        ("replace", "documents", WeightedQuery.of("sort"), 1.0, "documents", (0.0, 0.0, 1.0)),
    ],
)
def test_both_readings_are_weighed(form, readings, query, share, used, shares):
    searched = SearchedQuery.of(READ, form, Readings(readings))
    assert (searched.query, searched.documents.scores, searched.used) == (query, SCORES, used)
    assert searched.documents.share == pytest.approx(share)
    assert searched.documents.words_are_scaled == (query is SCALED)
    assert searched.shares == pytest.approx(Shares(*shares))
    assert sum(searched.shares) == pytest.approx(1)


@pytest.mark.parametrize("readings", list(Readings))
def test_a_rewrite_that_is_not_applied_is_read_in_no_way(readings):
    searched = SearchedQuery.of(Rewrite.keep("sort", Reason.GATED), "blend", readings)
    assert (searched.query, searched.used) == (WeightedQuery.of("sort"), UsedReadings.NONE)
    assert (searched.documents, searched.shares) == (None, None)
