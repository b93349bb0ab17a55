"""The sentences in which `untilclick renew` reports a comparison."""

from __future__ import annotations

from dataclasses import replace

import pytest

from untilclick.app.cli.renew import _judgement
from untilclick.app.loop.renewal.renew import Renewal
from untilclick.rewriter.evaluation.statistics import Comparison

COMPARISON = Comparison("v2", "as typed", "nDCG@10", 0.05, (0.01, 0.09), 0.01, 30, 10, 0.1, 50)
RENEWAL = Renewal("v2", "ppo", "", 400, 90, None, COMPARISON, better=True, worse=False)
FIGURES = (
    "nDCG@10 on 50 needs of 90 sessions that no renewal trains on: +0.0500 against the query as typed, "
    "95 % interval +0.0100 to +0.0900, p 0.010."
)
BY_HAND = "POST /v1/models/v2/activate activates it."


@pytest.mark.parametrize(
    ("renewal", "activated", "sentence"),
    [
        (RENEWAL, True, f"{FIGURES} It is better and now active."),
        (RENEWAL, False, f"{FIGURES} It is better; {BY_HAND}"),
        (replace(RENEWAL, better=False), False, f"{FIGURES} That may be chance: it is not activated."),
        (replace(RENEWAL, better=False, worse=True), False, f"{FIGURES} It is worse: it is not activated."),
        (
            replace(RENEWAL, champion="v1"),
            True,
            FIGURES.replace("the query as typed", "v1") + " It is better and now active.",
        ),
        (replace(RENEWAL, comparison=None), False, "It is the active version already."),
        (
            replace(RENEWAL, comparison=replace(COMPARISON, n=0)),
            False,
            f"No session that was kept for the comparison has a click; {BY_HAND}",
        ),
    ],
)
def test_the_sentence_says_what_was_found_and_what_follows(renewal, activated, sentence):
    assert _judgement(renewal, activated=activated) == sentence
