"""Candidates of a rewrite, scores done by hand."""

import pytest

from untilclick.app.service.candidates import candidates
from untilclick.rewriter.rewrite import Reason, Rewrite, RewriteRequest

from tests.app.stand_ins import TableRewriter


def test_ever_fewer_of_the_heaviest_words_are_kept():
    rewrite = TableRewriter().rewrite([RewriteRequest("delete folder")])[0]  # weights 3/6, 2/6, 1/6; confidence .8
    found = candidates(rewrite, 5)
    assert [one.text for one in found] == [
        "delete folder directory tree remove",
        "delete folder directory tree",
        "delete folder directory",
    ]
    assert [one.score for one in found] == pytest.approx([0.8, 0.8 * 5 / 6, 0.8 * 3 / 6])
    assert candidates(rewrite, 1) == found[:1]


def test_a_kept_query_has_none():
    assert candidates(Rewrite.keep("q", Reason.GATED), 3) == ()
