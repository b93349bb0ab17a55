"""Simulated sessions beside real ones: intervals, verdicts, halves."""

from dataclasses import replace

import numpy as np
import pytest

from untilclick.search.errors import DataError
from untilclick.search.users.realism.censoring import Censoring
from untilclick.search.users.realism.comparing import RealLog, compare, halves, session_interval, topic_interval
from untilclick.search.users.realism.statistics import STATISTICS, Part, Ratio, Texts

from tests.search.users.realism.test_statistics import BOTH, NONE, TEXTS
from tests.search.users.test_simulate import INDEX, simulate

TOY = Texts(INDEX)


@pytest.fixture(scope="module")
def real():
    return simulate(120, seed=5, behaviour="informational")


def verdicts(comparison):
    return {row.name: row.verdict for row in comparison.rows}


def test_sessions_of_the_same_users_are_inside_and_of_others_outside(real):
    """Of the 95 % intervals of five logs, four of five hold the value of their population, at least."""
    population = simulate(1500, seed=6, behaviour="informational")
    logs = [simulate(60, seed=seed, behaviour="informational") for seed in range(5)]
    verdict_lists = [verdicts(compare(RealLog(log, TOY), population)).values() for log in logs]
    assert sum(list(each).count("inside") for each in verdict_lists) >= 0.8 * 5 * len(STATISTICS)
    same = compare(RealLog(real, TOY), population)
    impatient = compare(RealLog(real, TOY), simulate(1500, seed=6, give_up_prob=0.95, misspell_share=0.9))
    others = verdicts(impatient)
    assert others["queries"] == others["unclicked_turns"] == others["abandoned"] == "outside"
    assert (same.n_real, same.n_simulated, same.n_topics, same.looked_up) == (120, 1500, 0, 1.0)
    assert same.rank_distance < 0.1
    assert same.kind_distance < 0.2
    assert sum(same.real_ranks) == pytest.approx(1.0)
    assert sum(same.simulated_kinds) == pytest.approx(1.0)


def test_what_a_selected_log_does_not_show_gets_no_verdict(real):
    censoring = Censoring(cannot_say={"queries": "long sessions were chosen"})
    comparison = compare(RealLog(real, TOY, censoring=censoring), simulate(300, behaviour="informational"))
    [row] = [row for row in comparison.rows if row.name == "queries"]
    assert (row.verdict, row.reason) == ("cannot say", "long sessions were chosen")
    assert row.by_session is not None


def test_simulated_sessions_are_cut_as_the_log_is(real):
    censoring = Censoring(last_query_unseen=True)
    comparison = compare(RealLog(censoring.cut(real), TOY, censoring=censoring), real)
    assert all(row.by_session.value == pytest.approx(row.simulated) for row in comparison.rows)


def test_topics_weigh_the_same_whatever_their_sessions():
    """Three sessions of a topic have no click and one of another has: .25 over sessions, .5 over topics."""
    ratio = Ratio.of([Part(0, 1), Part(0, 1), Part(0, 1), Part(1, 1)])
    assert session_interval(ratio).value == 0.25
    by_topic = topic_interval(ratio, [[0, 1, 2], [3]])
    assert (by_topic.value, by_topic.low, by_topic.high) == (0.5, 0.0, 1.0)
    assert topic_interval(ratio, [[0, 1, 2, 3]]) is None


def test_the_interval_of_a_mean_is_that_of_the_normal_distribution():
    rng = np.random.default_rng(0)
    ratio = Ratio.of(Part(value, 1) for value in rng.normal(size=400))
    interval = session_interval(ratio)
    assert interval.width == pytest.approx(2 * 1.96 / 20, rel=0.1)
    assert interval.value in interval
    assert interval.value + 0.2 not in interval


def test_documents_of_another_engine_leave_the_overlap_open():
    foreign = [replace(BOTH, turns=BOTH.turns[2:]), NONE]
    comparison = compare(RealLog(foreign, TOY), simulate(100))
    [row] = [row for row in comparison.rows if row.name == "clicked_overlap"]
    assert (row.verdict, row.by_session) == ("cannot say", None)
    assert "fewer than two sessions" in row.reason
    assert comparison.looked_up == 0.0


def test_poor_logs_are_refused_in_one_sentence(real):
    for sessions, problem in (([], "0 sessions"), (real[:1], "1 sessions"), ([NONE, NONE], "no click")):
        with pytest.raises(DataError, match=problem):
            compare(RealLog(sessions, TEXTS), real)
    with pytest.raises(DataError, match="no simulated session"):
        compare(RealLog(real, TOY), [])


def test_halves_share_no_topic_and_sessions_without_one_calibrate(real):
    topic_of = {session.session_id: f"t{i % 7}" for i, session in enumerate(real[:70])}
    calibration, comparison = halves(topic_of, real)
    sides = [{topic_of.get(session.session_id) for session in side} for side in (calibration, comparison)]
    assert sides[0].isdisjoint(sides[1])
    assert (len(sides[0] - {None}), len(sides[1])) == (4, 3)
    assert len(calibration) + len(comparison) == 120
    assert halves(topic_of, real) == (calibration, comparison)
    assert halves(topic_of, real, seed=1) != (calibration, comparison)


def test_every_statistic_has_a_row(real):
    comparison = compare(RealLog(real, TOY, {session.session_id: "t" for session in real}), real)
    assert [row.name for row in comparison.rows] == [each.name for each in STATISTICS]
    assert comparison.n_topics == 1
    assert all(row.by_topic is None for row in comparison.rows)
