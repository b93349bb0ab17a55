"""The closing words of a demo."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from untilclick.app.loop.demo.config import DemoConfig
from untilclick.app.loop.demo.run import DemoOutcome
from untilclick.app.loop.demo.view import show_outcome
from untilclick.app.loop.evaluation import Evaluated
from untilclick.app.terminal.terminal import Terminal

from tests.rewriter.evaluation.toy_results import results

SERVED = "What was learned may answer. Better than the untrained rewriter: nDCG@10 +0.031."


@pytest.fixture
def outcome():
    return DemoOutcome(DemoConfig(), Evaluated(results(), Path("report.html")), ("erase a directory",), SERVED)


def test_one_paragraph_says_how_good_the_rewriter_is_and_what_answers(outcome, capsys):
    """The figures of the topics and those of the log's needs stood below each other as if they were of one test."""
    show_outcome(Terminal(), outcome)
    (paragraph,) = [line for line in capsys.readouterr().out.splitlines() if "rewriter (PPO)" in line]
    assert paragraph.startswith(
        "On 4 held-out topics the trained rewriter (PPO) ranks better than the queries as typed"
    )
    assert "No rival without a trained rewriter ranks better than the queries as typed." in paragraph
    assert paragraph.endswith(
        "Other needs decide which rewriter answers searches: needs of the log that no training has seen. " + SERVED
    )


def test_programs_get_the_same_keys_as_before(outcome, capsys):
    show_outcome(Terminal(as_json=True), outcome)
    answer = json.loads(capsys.readouterr().out)
    assert answer["served"] == SERVED
    assert answer["verdict"].startswith("Rewriting helps: nDCG@10 went from 0.300 to 0.425 on 4 held-out topics")
    assert answer["remarks"] == "Figures of 4 held-out topics say little: a fair test takes at least 50."
