"""Users fitted to sessions of known users, on a ten-document corpus."""

from dataclasses import replace
from functools import partial

import pytest

from untilclick.search.click_models.behaviour import GradeProbs, behaviour_text, read_behaviour
from untilclick.search.errors import DataError
from untilclick.search.users.need import NeedReader
from untilclick.search.users.realism import fitting
from untilclick.search.users.realism.censoring import Censoring, without_last_query
from untilclick.search.users.realism.fitted import Prior
from untilclick.search.users.realism.fitting import FitInput, fit_users
from untilclick.search.users.realism.statistics import Texts
from untilclick.search.users.reformulation import ReformulationShares
from untilclick.search.users.simulate import simulate_sessions
from untilclick.search.users.user import SimulatedUser, UserConfig

from tests.search.users.test_simulate import INDEX, TOPICS, TinyEngine

TEXTS = Texts(INDEX)
ENGINE = TinyEngine(INDEX)
DEFAULTS = UserConfig(misspell_share=0.2, describe_share=0.0, lay_share=0.0)
PLANTED = replace(
    DEFAULTS,
    behaviour=behaviour_text(GradeProbs((0.25, 0.95), (0.4, 0.9), 0.8)),
    go_on_prob=0.3,
    give_up_prob=0.35,
    misspell_share=0.4,
    shares=ReformulationShares(add=0.5, drop=0.3, substitute=0.1, specialise=0.05, generalise=0.0, new=0.05),
)


def simulated(config, n=700, seed=0):
    return list(simulate_sessions(TOPICS, ENGINE, SimulatedUser(config, NeedReader(INDEX)), n, seed))


def fitted(sessions, n=500, **settings):
    return fit_users(FitInput(sessions, TEXTS, partial(simulated, n=n, seed=7), DEFAULTS, **settings))


def by_name(users):
    return {value.name: value for value in users.values}


@pytest.fixture(scope="module")
def users():
    return fitted(simulated(PLANTED, 900), 400)


def test_planted_habits_are_recovered(users):
    """Each estimate is within three standard errors of what was planted."""
    config, values = users.config, by_name(users)
    assert read_behaviour(config.behaviour).click[0] == pytest.approx(values["click"].value, abs=1e-3)
    planted = {
        "click": 0.25,
        "stop": 0.4,
        "go_on": 0.8,
        "go_on_prob": 0.3,
        "give_up_prob": 0.35,
        "misspell_share": 0.4,
    }
    told = {name: value for name, value in planted.items() if values[name].origin == "log"}
    assert told.keys() >= {
        "click",
        "go_on_prob",
        "give_up_prob",
        "misspell_share",
    }  # lists of four tell little of rest
    assert all(abs(values[name].value - value) < 3 * values[name].standard_error for name, value in told.items())
    assert config.give_up_prob == pytest.approx(0.35, abs=0.1)
    assert config.go_on_prob == pytest.approx(0.3, abs=0.1)
    assert users.n_simulations <= 60


def test_kinds_are_counted_and_drawn_to_the_defaults(users):
    shares = users.config.shares
    assert shares.add > 0.4
    assert shares.drop > 0.2
    assert shares.generalise < 0.05
    assert shares.respell_misspelt == DEFAULTS.shares.respell_misspelt


def test_what_a_log_does_not_tell_is_the_default_with_a_reason(users):
    values = by_name(users)
    for name in ("lay_share", "real_misspell_share", "misspellings", "click_model", "lay_part", "respell_misspelt"):
        assert values[name].origin == "default"
        assert len(values[name].reason) > 20
        assert ": default, because " in str(values[name])
    assert values["stop_wanted"].origin == "default"
    assert str(values["click"]).startswith("click 0.")


def test_the_same_log_gives_the_same_users():
    sessions = simulated(PLANTED, 60)
    assert fitted(sessions, 60) == fitted(sessions, 60)


def test_a_small_log_changes_little():
    """What twelve sessions say has larger errors, and stays nearer to the defaults."""
    large, small = (by_name(fitted(simulated(PLANTED, n, seed=3), 100)) for n in (600, 12))
    for name in ("misspell_share", "add", "drop"):
        assert small[name].standard_error > 1.5 * large[name].standard_error
    before = DEFAULTS.shares.add / 0.98
    assert 0 < small["add"].value - before < 0.3 * (large["add"].value - before)


def test_where_the_last_query_is_unseen_giving_up_is_not_fitted():
    users = fitted(without_last_query(simulated(PLANTED)), 200, censoring=Censoring(last_query_unseen=True))
    values = by_name(users)
    assert values["give_up_prob"].origin == "default"
    assert "last query" in values["give_up_prob"].reason
    assert values["go_on_prob"].origin == "log"


def test_what_a_selected_log_cannot_say_is_not_fitted():
    reason = "sessions were chosen by their length"
    values = by_name(fitted(simulated(PLANTED, 100), 60, censoring=Censoring(cannot_say={"queries": reason})))
    assert [values[name].reason for name in ("go_on_prob", "give_up_prob")] == [reason] * 2


@pytest.mark.parametrize("n", [0, 1])
def test_a_log_of_fewer_than_two_sessions_is_refused(n):
    with pytest.raises(DataError, match="two or more"):
        fitted(simulated(PLANTED, n))


def test_a_log_without_a_click_is_refused():
    sessions = [replace(s, turns=tuple(replace(t, clicks=()) for t in s.turns)) for s in simulated(PLANTED, 5)]
    with pytest.raises(DataError, match="no click"):
        fitted(sessions)


def test_an_estimate_is_drawn_half_the_way_where_its_error_is_the_spread_between_sites():
    prior = Prior(0.2, 0.1)
    assert prior.drawn(0.4, 0.1) == pytest.approx((0.3, 0.1 / 2**0.5))
    assert prior.drawn(0.4, 0.0) == pytest.approx((0.4, 0.0))
    assert prior.drawn(0.4, float("inf")) == prior.drawn(float("nan"), 0.0) == (0.2, 0.1)
    assert prior.told(0.0) == 1.0
    assert prior.told(0.1) == prior.told(0.3) == 0.0
    assert prior.value("x", 0.3, 0.09, "").origin == "log"
    assert prior.value("x", 0.205, 0.099, "").origin == "default"
    assert prior.value("x", 0.3, 0.099, "").origin == "log"  # what was fitted beside it supposes this value


def test_lists_without_a_usual_length_are_as_long_as_the_median():
    def shown(session, length):
        turns = (
            replace(turn, shown=tuple(f"d{rank}" for rank in range(length)), clicks=()) for turn in session.turns
        )
        return replace(session, turns=tuple(turns))

    sessions = [
        shown(each, 1 + number % 20) for number, each in enumerate(simulated(replace(PLANTED, max_queries=1), 60))
    ]
    values, config = fitting._lists(FitInput(sessions, TEXTS, simulated, DEFAULTS))
    assert config.results_examined == 10
    assert {value.name: value.reason for value in values}["results_examined"].startswith("the median")
