"""Figures of models fitted to sessions of a known click model."""

from __future__ import annotations

import numpy as np
import pytest

from untilclick.search.click_models.by_name import CLICK_MODELS
from untilclick.search.click_models.cm import CascadeModel
from untilclick.search.click_models.dbn import DynamicBayesianNetwork
from untilclick.search.click_models.fitting.figures import click_rates, figures_of
from untilclick.search.click_models.fitting.fit import ClickLog, fit
from untilclick.search.click_models.fitting.session_lists import SessionLists, session_lists
from untilclick.search.click_models.pbm import PositionBasedModel

from tests.search.clicked_sessions import N_PAIRS, clicked_sessions

ATTRACTIVENESS = tuple(np.linspace(0.1, 0.8, N_PAIRS).tolist())
EXAMINATION = (1.0, 0.7, 0.5, 0.2)
SATISFACTION = (0.6,) * N_PAIRS


@pytest.fixture(scope="module")
def browsed():
    return session_lists(clicked_sessions(PositionBasedModel(ATTRACTIVENESS, EXAMINATION), 12_000))


@pytest.fixture(scope="module")
def read_down():
    return session_lists(clicked_sessions(DynamicBayesianNetwork(ATTRACTIVENESS, SATISFACTION, 0.8), 12_000))


def test_parameters_of_the_model_that_made_the_log_come_back(browsed, read_down):
    """Tolerances of three standard errors or more: 9,600 training lists, each pair shown about 1,600 times."""
    pbm = figures_of(fit("pbm", browsed.training), browsed)
    assert pbm.examination == pytest.approx(EXAMINATION, abs=0.05)
    assert pbm.parameters == {"examination": pytest.approx(pbm.examination)}
    assert pbm.mean_attractiveness == pytest.approx(0.45, abs=0.02)
    assert pbm.mean_satisfaction is None
    dbn = figures_of(fit("dbn", read_down.training), read_down)
    assert dbn.parameters == {"continuation": pytest.approx(0.8, abs=0.04)}
    assert dbn.mean_satisfaction == pytest.approx(0.6, abs=0.05)


def test_the_model_that_made_the_log_predicts_it_best(browsed, read_down):
    for lists, best in ((browsed, {"pbm", "ubm"}), (read_down, {"dbn"})):
        figures = {name: figures_of(fit(name, lists.training), lists) for name in CLICK_MODELS}
        assert max(figures, key=lambda name: figures[name].log_likelihood) in best
        assert all(len(model.examination) == 4 and model.examination[0] == 1 for model in figures.values())
        assert all(1 < model.perplexity < 2 for model in figures.values())


def test_examination_of_a_cascade_by_hand():
    """Two documents of attractiveness .5 and .25; the second is examined if the first is not clicked. The second list
    has one document and says nothing of the second rank."""
    log = ClickLog(np.array([[0, 1], [0, -1]]), np.array([[False, True], [True, False]]))
    figures = figures_of(CascadeModel((0.5, 0.25)), SessionLists(log, log, ()))
    assert figures.examination == (1.0, 0.5)
    assert figures.mean_attractiveness == pytest.approx((0.5 + 0.25 + 0.5) / 3)
    assert figures.log_likelihood == pytest.approx((np.log(0.5 * 0.25) / 2 + np.log(0.5)) / 2)
    assert click_rates(log) == (0.5, 1.0)


def test_without_held_out_lists_or_clicks_there_are_no_measures_of_them():
    log = ClickLog(np.array([[0, 1]]), np.array([[False, False]]))
    nothing = ClickLog(log.items[:0], log.clicked[:0])
    figures = figures_of(fit("sdbn", log), SessionLists(log, nothing, ()))
    assert (figures.log_likelihood, figures.perplexity, figures.mean_satisfaction) == (None, None, None)
