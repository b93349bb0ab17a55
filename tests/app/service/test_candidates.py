"""Candidates of a rewrite, with scores computed by hand."""

import pytest

from untilclick.app.service.candidates import candidates
from untilclick.rewriter.rewrite import Reason, Rewrite, RewriteRequest
from untilclick.search.analysis.by_name import english

from tests.app.stand_ins import TableRewriter


def test_ever_fewer_of_the_heaviest_words_are_kept():
    rewrite = TableRewriter().rewrite([RewriteRequest("delete folder")])[0]  # weights 3/6, 2/6, 1/6; confidence .8
    choices = candidates(rewrite, 5, english())
    assert [choice.text for choice in choices] == [
        "delete folder directory tree remove",
        "delete folder directory tree",
        "delete folder directory",
    ]
    assert [choice.score for choice in choices] == pytest.approx([0.8, 0.8 * 5 / 6, 0.8 * 3 / 6])
    assert candidates(rewrite, 1, english()) == choices[:1]


def test_a_kept_query_has_none():
    assert candidates(Rewrite.keep("q", Reason.GATED), 3, english()) == ()
