"""What the closing lines of an evaluation say."""

from __future__ import annotations

import pytest

from app.terminal import verdict
from rewriter.results import Results, SystemFigures
from rewriter.statistics import Comparison
from search.metrics import MEASURES


def results(spelling: float) -> Results:
    means = {"bm25": 0.3, "spelling": spelling, "ppo": 0.42}
    figures = {name: SystemFigures(dict.fromkeys(MEASURES, mean), n_empty=0) for name, mean in means.items()}
    comparisons = (
        Comparison("ppo", "bm25", "nDCG@10", 0.12, (0.02, 0.22), 0.01, 30, 10, 0.1, 50),
        Comparison("ppo", "spelling", "nDCG@10", 0.01, (-0.02, 0.04), 0.4, 12, 10, 0.1, 50),
    )
    return Results("toy", "dev", "toy", 0, 50, "0.1.0", figures, comparisons)


GAIN = "nDCG@10 went from 0.300 to 0.420 on 50 held-out topics (p = 0.010); difference +0.120, "


@pytest.mark.parametrize(
    ("spelling", "start", "end"),
    [
        (0.29, f"Rewriting helps: {GAIN}", "30 topics better, 10 worse."),
        (
            0.41,
            f"Rewriting helps, but not measurably more than spelling alone: {GAIN}",
            "nDCG@10 0.410; ppo differs from it by +0.010 (-0.020 to +0.040, p = 0.400).",
        ),
    ],
)
def test_the_verdict_names_a_remedy_that_does_as_much_without_training(spelling, start, end):
    said = verdict(results(spelling))
    assert said.startswith(start)
    assert said.endswith(end)
