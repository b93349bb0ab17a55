"""Planted parameters come back from a model's own simulated log, and no other model explains it better."""

import itertools

import numpy as np
import pytest

from untilclick.search.click_models.base import NO_DOCUMENT
from untilclick.search.click_models.by_name import CLICK_MODELS
from untilclick.search.click_models.cm import CascadeModel
from untilclick.search.click_models.dbn import DynamicBayesianNetwork
from untilclick.search.click_models.dcm import DependentClickModel
from untilclick.search.click_models.fitting.cascade import posterior_of
from untilclick.search.click_models.fitting.fit import ClickLog, fit
from untilclick.search.click_models.fitting.measures import log_likelihood, perplexity
from untilclick.search.click_models.pbm import PositionBasedModel
from untilclick.search.click_models.sdbn import SimplifiedDynamicBayesianNetwork
from untilclick.search.click_models.ubm import UserBrowsingModel
from untilclick.search.errors import UntilclickError

N, K, N_ITEMS = 60_000, 5, 12
ATTRACTION = tuple(np.linspace(0.1, 0.8, N_ITEMS).tolist())
SATISFACTION = tuple(np.linspace(0.8, 0.2, N_ITEMS).tolist())
PLANTED = {
    "pbm": PositionBasedModel(ATTRACTION, (1.0, 0.8, 0.6, 0.4, 0.3)),
    "cm": CascadeModel(ATTRACTION),
    "dcm": DependentClickModel(ATTRACTION, (0.0,) * N_ITEMS, (0.8, 0.7, 0.5, 0.4, 0.3)),
    "dbn": DynamicBayesianNetwork(ATTRACTION, SATISFACTION, 0.75),
    "sdbn": SimplifiedDynamicBayesianNetwork(ATTRACTION, SATISFACTION),
    "ubm": UserBrowsingModel(
        ATTRACTION,
        tuple(tuple(0.9 ** (r if last == 0 else r - last) * (1 if last == 0 else 0.8) for last in range(r + 1))
              for r in range(K)),
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def logs():
    rng = np.random.default_rng(11)
    order = rng.random((N, N_ITEMS)).argsort(axis=1)[:, :K]
    order[: N // 10, -1] = NO_DOCUMENT
    return {name: ClickLog(order, model.sample(order, rng).clicked) for name, model in PLANTED.items()}


@pytest.fixture(scope="module")
def fitted(logs):
    return {name: fit(name, logs[name]) for name in PLANTED}


def worst(estimates, planted):
    return float(np.abs(np.asarray(estimates) - np.asarray(planted)).max())


def test_attractiveness_is_recovered(fitted):
    """Each item is shown about 25,000 times, of which the cascade model views some 10,000 down to the first click:
    the standard error is at most .5 / sqrt(10,000) = .005. The tolerance is four of those."""
    for name, model in fitted.items():
        assert worst(model.attractiveness, ATTRACTION) < 0.02, name


def test_rank_parameters_are_recovered(fitted):
    """About 15,000 clicks or views each, standard error .004 and less; rare contexts of UBM have some 3,000 views of
    which half attract, hence .01. Tolerances of three to five."""
    assert worst(fitted["pbm"].examination, PLANTED["pbm"].examination) < 0.02
    # After the last rank there is nothing to go on to: its continuation is not identified.
    assert worst(fitted["dcm"].continuation[:-1], PLANTED["dcm"].continuation[:-1]) < 0.02
    for estimates, planted in zip(fitted["ubm"].examination, PLANTED["ubm"].examination, strict=True):
        assert worst(estimates, planted) < 0.035


def test_satisfaction_is_recovered(fitted):
    """Satisfaction is hidden; only the silence below a click shows it. The least attractive item has some 2,000
    clicks, a fifth of them on the last rank, where they tell nothing: a standard error of about .011 for SDBN, and
    twice that for DBN, whose user may also be silent after giving up. Tolerances of four and three."""
    assert worst(fitted["sdbn"].satisfaction, SATISFACTION) < 0.045
    assert worst(fitted["dbn"].satisfaction, SATISFACTION) < 0.07
    assert fitted["dbn"].continuation == pytest.approx(0.75, abs=0.02)


@pytest.mark.parametrize("maker", CLICK_MODELS)
def test_a_models_own_perplexity_is_the_lowest_or_ties(maker, logs):
    """Ties within .001: SDBN is DBN with one parameter fixed, PBM is UBM with fewer contexts."""
    log = ClickLog(logs[maker].items[:20_000], logs[maker].clicked[:20_000])
    shown = log.items >= 0
    scores = {}
    for name in CLICK_MODELS:
        model = fit(name, log, max_iterations=40, tolerance=1e-3)
        conditional = model.conditional_click_prob(log.items, log.clicked)
        scores[name] = (
            perplexity(model.click_prob(log.items), log.clicked, shown).overall,
            -log_likelihood(conditional, log.clicked, shown),
        )
    for measure in (0, 1):
        assert scores[maker][measure] <= min(score[measure] for score in scores.values()) + 1e-3, scores


def test_the_hidden_events_below_the_last_click_by_enumeration():
    """The sum over all ways in which a user of a list of three documents can be satisfied or give up."""
    a, s, g = np.array([[0.3, 0.6, 0.5]]), np.array([[0.4, 0.2, 0.7]]), 0.8
    for pattern in itertools.product([False, True], repeat=3):
        total, examined, satisfied = 0.0, np.zeros(3), np.zeros(3)
        for depth in (1, 2, 3):  # the rank at which reading ends
            for happy in (False, True):  # whether the document there satisfied
                if any(pattern[depth:]) or (happy and not pattern[depth - 1]):
                    continue
                prob = 1.0
                for r in range(depth):
                    prob *= a[0, r] if pattern[r] else 1 - a[0, r]
                    unhappy = 1 - s[0, r] if pattern[r] else 1.0
                    if r < depth - 1:
                        prob *= unhappy * g
                    elif happy:
                        prob *= s[0, r]
                    else:
                        prob *= unhappy * (1 - g if depth < 3 else 1.0)
                total += prob
                examined[:depth] += prob
                satisfied[depth - 1] += prob * happy
        posterior = posterior_of(np.array([pattern]), np.ones((1, 3), dtype=bool), a, s, g)
        np.testing.assert_allclose(posterior.examined[0], examined / total)
        np.testing.assert_allclose(posterior.satisfied[0], satisfied / total)


def test_cascade_counts_by_hand():
    items = np.array([[0, 1], [0, 1], [1, 0]])
    clicked = np.array([[True, False], [False, True], [False, False]])
    # item 0: viewed three times, clicked once; item 1: viewed twice, clicked once; plus 1 of 2
    assert fit("CM", ClickLog(items, clicked)).attractiveness == (2 / 5, 2 / 4)


@pytest.mark.parametrize("name", CLICK_MODELS)
def test_an_empty_log_gives_a_model_of_nothing(name):
    log = ClickLog(np.zeros((0, 3), dtype=int), np.zeros((0, 3), dtype=bool))
    assert fit(name, log).attractiveness == ()


def test_mistakes_are_refused():
    with pytest.raises(UntilclickError, match="pbm, cm"):
        fit("xyz", ClickLog(np.zeros((0, 3), dtype=int), np.zeros((0, 3), dtype=bool)))
    with pytest.raises(ValueError, match="one"):
        ClickLog(np.zeros((2, 3), dtype=int), np.zeros((2, 2), dtype=bool))
