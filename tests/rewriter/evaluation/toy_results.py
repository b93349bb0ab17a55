"""Results of an evaluation on four topics, made by hand."""

from untilclick.rewriter.evaluation.results import (
    Results,
    SessionResults,
    SystemFigures,
    TopicOutcome,
    TopicRow,
)
from untilclick.rewriter.evaluation.session_measures import FIRST_QUERY_CLICK
from untilclick.rewriter.evaluation.statistics import Comparison
from untilclick.search.log.stats import SessionFigures
from untilclick.search.measures.metrics import MEASURES

NASTY = '<script>alert("x")</script> & co'
GAINS = (0.6, -0.3, 0.0, 0.2)


def outcome(value, **rewrite):
    return TopicOutcome(dict.fromkeys(MEASURES, value), ("a.long.title", NASTY), (True, False), **rewrite)


def results(p=0.01, difference=0.125, spelling=0.2):
    rows = tuple(
        TopicRow(
            f"t{i}", f"need {i}", f"typed {i}" if i else NASTY,
            {
                "bm25": outcome(0.3),
                "ppo": outcome(0.3 + gain, text=f"typed {i} more", terms=(("more", 0.75), ("words", 0.25)),
                               applied=i != 3, reason="applied"),
            },
        )
        for i, gain in enumerate(GAINS)
    )  # fmt: skip
    figures = {
        name: SystemFigures(dict.fromkeys(MEASURES, value), n_empty=1, answer_seconds=0.1)
        for name, value in (("bm25", 0.3), ("spelling", spelling), ("ppo", 0.425), ("oracle", 0.9))
    }
    sessions = SessionResults(
        4,
        {name: SessionFigures(10, 14, 8, share, 1.5, 0.2) for name, share in (("bm25", 0.5), ("ppo", 0.7))},
        (Comparison("ppo", "bm25", FIRST_QUERY_CLICK, 0.2, (0.1, 0.3), 0.02, 3, 1, 0.25, 4),),
        {"bm25": (5, 3, 2), "ppo": (7, 1, 2)},
    )
    comparisons = tuple(
        Comparison(a, b, measure, difference, (difference - 0.1, difference + 0.1), p, 2, 1, 0.25, 4)
        for a, b in (("ppo", "bm25"), ("ppo", "spelling"))
        for measure in ("nDCG@10", "R@100")
    )
    return Results("toy", "dev", "toy", 7, 4, "0.1.0", figures, comparisons, rows, sessions, {"seed": "7"})
