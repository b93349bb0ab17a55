"""Topics helped and harmed, counted by hand."""

import numpy as np

from untilclick.rewriter.evaluation.harm import Harm, harms, strongest_untrained
from untilclick.search.measures.metrics import TopicScores


def scores(**values):
    """Scores of systems on topics."""
    ids = tuple(f"t{i}" for i in range(len(next(iter(values.values())))))
    return {name: TopicScores(ids, {"nDCG@10": np.array(each)}, 0) for name, each in values.items()}


def test_helped_and_harmed_are_shares_beyond_the_margin():
    """A change of exactly .05 counts for neither side, however .35 - .3 is rounded."""
    counted = harms(scores(bm25=[0.3, 0.3, 0.3, 0.3], ppo=[0.9, 0.35, 0.25, 0.2]))
    assert counted == (Harm("ppo", "bm25", 0.25, 0.25),)


def test_the_strongest_untrained_system_is_a_second_rival():
    values = scores(bm25=[0.2, 0.2], bm25_encoder=[0.4, 0.4], ppo=[0.9, 0.0], oracle=[1.0, 1.0])
    assert harms(values) == (
        Harm("bm25_encoder", "bm25", 1.0, 0.0),
        Harm("ppo", "bm25", 0.5, 0.5),
        Harm("bm25", "bm25_encoder", 0.0, 1.0),
        Harm("ppo", "bm25_encoder", 0.5, 0.5),
    )


def test_a_trained_system_is_never_the_strongest_untrained_one():
    assert strongest_untrained({"ppo": 0.9, "rocchio": 0.8, "base": 0.4, "encoder": 0.3, "bm25": 0.2}) == "base"
    assert strongest_untrained({"spelling": 0.4, "bm25": 0.4}) == "bm25"
    assert strongest_untrained({"ppo": 0.9}) is None


def test_systems_without_a_rival_or_without_topics_have_no_harm():
    assert harms(scores(ppo=[0.4])) == ()
    assert harms(scores(bm25=[0.4])) == ()
