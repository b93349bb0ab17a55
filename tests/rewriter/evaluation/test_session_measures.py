"""Sessions on the toy corpus; the figures of hand-made sessions can be counted."""

import numpy as np
import pytest

from untilclick.rewriter.evaluation.baselines.simple import Bm25
from untilclick.rewriter.evaluation.session_measures import (
    ABANDONMENT_AVOIDED,
    FIRST_QUERY_CLICK,
    QUERIES_SAVED,
    RewritingEngine,
    SessionsConfig,
    measure_sessions,
    paired_by_topic,
    queries_until_click,
    session_figures,
)
from untilclick.rewriter.serving.readings.searched_query import SearchedQuery
from untilclick.search.errors import DataError
from untilclick.search.records import Click, Session, Turn, WeightedQuery
from untilclick.search.users.simulate import simulate_sessions
from untilclick.search.users.user import SimulatedUser, UserConfig

from tests.rewriter.toy_engine import TOPICS, ToyEngine, toy_collection

ENGINE = ToyEngine()
USER = SimulatedUser.of(toy_collection(), UserConfig(), ENGINE.index)
CONFIG = SessionsConfig(sessions=60, seed=4, resamples=199)

KNOWN_BEST = {"timestamp": "timezone saving", "wait": "pool", "opne": "writing flush"}


class KnowsTheWords:
    """A stand-in for a learned system: searches what was meant."""

    def __call__(self, topics):
        return [SearchedQuery(WeightedQuery.of(KNOWN_BEST.get(topic.query, topic.query))) for topic in topics]


def session(number, topic_id, *clicked):
    turns = tuple(
        Turn(f"q{step}", step, "x", None, ("d1",), (Click(f"q{step}", "d1", 1, 0.0),) if click else (), 0.0,
             {"topic_id": topic_id})
        for step, click in enumerate(clicked)
    )  # fmt: skip
    return Session(f"s{number}", "simulated", turns)


class MisledToSockets:
    """A system that always searches for sockets."""

    def __call__(self, topics):
        return [SearchedQuery(WeightedQuery.of("sockets"))] * len(topics)


BEFORE = [session(0, "t", 0, 0, 1), session(1, "t", 0, 1), session(2, "u", 0, 0), session(3, "v", 1)]
AFTER = [session(0, "t", 1), session(1, "t", 0, 1), session(2, "u", 0, 1), session(3, "v", 0)]


def test_figures_of_hand_made_sessions():
    figures = session_figures(BEFORE)
    assert (figures.sessions, figures.turns, figures.clicks) == (4, 8, 3)
    assert figures.first_query_click_share == 1 / 4
    assert figures.mean_queries_until_click == pytest.approx((3 + 2 + 1) / 3)
    assert figures.abandonment_share == 1 / 4


def test_figures_of_no_sessions_are_unknown_rather_than_zero():
    figures = session_figures([])
    assert figures.sessions == 0
    assert figures.first_query_click_share is figures.mean_queries_until_click is figures.abandonment_share is None


def test_queries_are_counted_up_to_the_first_click():
    assert [queries_until_click(session) for session in BEFORE] == [3, 2, None, 1]


@pytest.mark.parametrize(
    ("measure", "values_a", "values_b"),
    [
        (FIRST_QUERY_CLICK, [0.5, 0.0, 0.0], [0.0, 0.0, 1.0]),
        (ABANDONMENT_AVOIDED, [0.0, 0.0, -1.0], [0.0, -1.0, 0.0]),
        (QUERIES_SAVED, [-1.5], [-2.5]),  # only topic t was clicked both times
    ],
)
def test_sessions_are_paired_and_averaged_by_topic(measure, values_a, values_b):
    pairs = paired_by_topic(AFTER, BEFORE, measure).values()
    assert [a for a, _ in pairs] == values_a
    assert [b for _, b in pairs] == values_b


def test_nothing_in_common_gives_empty_pairs():
    assert paired_by_topic([BEFORE[2]], [BEFORE[2]], QUERIES_SAVED) == {}


def test_the_rewriting_engine_searches_rewritten_queries_and_leaves_weighted_ones_alone():
    engine = RewritingEngine(ENGINE, KnowsTheWords())
    typed, weighted = WeightedQuery.of("opne"), WeightedQuery((("opne", 1.0), ("sort", 0.1)))
    first, second = engine.search([typed, weighted], 3)
    assert first == ENGINE.search([WeightedQuery.of("writing flush")], 3)[0]
    assert second == ENGINE.search([weighted], 3)[0]
    assert engine.rank_of(typed, ["d2"]) == {"d2": 1}
    assert engine.scores([typed, weighted], [["d2", "d0"], ["d0"]]) == ENGINE.scores(
        [WeightedQuery.of("writing flush"), weighted], [["d2", "d0"], ["d0"]]
    )
    assert engine.name == "toy"
    assert engine.documents(["d1"]) == ENGINE.documents(["d1"])
    assert engine.feedback_terms(typed, 3) == []


def test_simulated_visitors_see_exact_titles_first_as_the_service_shows_them():
    typed = WeightedQuery.of("reading FILES")
    assert RewritingEngine(ENGINE, MisledToSockets()).search([typed], 2)[0][0].doc_id == "d1"
    assert RewritingEngine(ENGINE, MisledToSockets(), exact_titles=False).search([typed], 1)[0][0].doc_id == "d8"


def test_a_system_that_changes_nothing_leaves_every_session_as_it_was():
    plain = list(simulate_sessions(TOPICS, ENGINE, USER, 30, 4))
    assert list(simulate_sessions(TOPICS, RewritingEngine(ENGINE, Bm25()), USER, 30, 4)) == plain


def test_better_words_bring_more_first_clicks_and_the_comparison_says_so():
    results = measure_sessions(ENGINE, TOPICS, USER, {"bm25": Bm25(), "ppo": KnowsTheWords()}, CONFIG)
    before, after = results.figures["bm25"], results.figures["ppo"]
    assert before.sessions == after.sessions == 60
    assert after.first_query_click_share > before.first_query_click_share
    by_measure = {comparison.measure: comparison for comparison in results.comparisons}
    assert set(by_measure) == {FIRST_QUERY_CLICK, QUERIES_SAVED, ABANDONMENT_AVOIDED}
    first = by_measure[FIRST_QUERY_CLICK]
    assert (first.a, first.b, first.n) == ("ppo", "bm25", results.n_topics)
    assert first.difference > 0
    for name, counts in results.clicked_at.items():
        assert sum(counts) == 60
        assert counts[0] / 60 == pytest.approx(results.figures[name].first_query_click_share)
        assert counts[-1] / 60 == pytest.approx(results.figures[name].abandonment_share)


def test_the_same_seed_gives_the_same_results():
    systems = {"bm25": Bm25(), "ppo": KnowsTheWords()}
    once, again = (measure_sessions(ENGINE, TOPICS, USER, systems, CONFIG) for _ in range(2))
    assert once == again
    assert np.isfinite([comparison.p for comparison in once.comparisons]).all()


def test_no_topics_and_no_systems_are_refused():
    with pytest.raises(DataError, match="No topics"):
        measure_sessions(ENGINE, [], USER, {"bm25": Bm25()}, CONFIG)
    with pytest.raises(ValueError, match="without a system"):
        measure_sessions(ENGINE, TOPICS, USER, {}, CONFIG)
