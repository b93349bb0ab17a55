"""Click models against hand-computed tables, against each other and against counts of their own samples."""

import itertools

import numpy as np
import pytest

from untilclick.search.click_models.base import NO_DOCUMENT
from untilclick.search.click_models.by_name import CLICK_MODELS, click_model
from untilclick.search.click_models.cm import CascadeModel
from untilclick.search.click_models.dbn import DynamicBayesianNetwork
from untilclick.search.click_models.dcm import DependentClickModel
from untilclick.search.click_models.fitting.measures import log_likelihood, perplexity
from untilclick.search.click_models.pbm import PositionBasedModel
from untilclick.search.click_models.sdbn import SimplifiedDynamicBayesianNetwork
from untilclick.search.click_models.ubm import UserBrowsingModel
from untilclick.search.errors import UntilclickError

from tests.reference_formulas import expected_reciprocal_rank

ATTRACTION = (0.1, 0.5, 0.8)
STOP = (0.2, 0.4, 0.9)
MODELS = [
    PositionBasedModel(ATTRACTION, (1.0, 0.6, 0.3)),
    CascadeModel(ATTRACTION),
    DependentClickModel(ATTRACTION, STOP, (0.9, 0.7, 0.5)),
    DynamicBayesianNetwork(ATTRACTION, STOP, 0.8),
    SimplifiedDynamicBayesianNetwork(ATTRACTION, STOP),
    UserBrowsingModel(ATTRACTION, ((1.0,), (0.6, 0.9), (0.3, 0.5, 0.8))),
]
LISTS = np.array([[1, 0, 2], [2, 2, 0], [0, 1, NO_DOCUMENT], [0, 0, 0]])


@pytest.fixture(params=MODELS, ids=lambda model: model.name)
def model(request):
    return request.param


def test_names_are_the_usual_abbreviations():
    assert [model.name for model in MODELS] == ["PBM", "CM", "DCM", "DBN", "SDBN", "UBM"]


FIRST_CLICK = [
    # a = .5, .1, .8
    ("PBM", [0.5, 0.5 * 0.06, 0.5 * 0.94 * 0.24]),
    ("CM", [0.5, 0.5 * 0.1, 0.5 * 0.9 * 0.8]),
    ("DCM", [0.5, 0.05, 0.36]),
    ("DBN", [0.5, 0.8 * 0.5 * 0.1, 0.64 * 0.5 * 0.9 * 0.8]),
    ("SDBN", [0.5, 0.05, 0.36]),
    ("UBM", [0.5, 0.5 * 0.06, 0.5 * 0.94 * 0.24]),
]


@pytest.mark.parametrize(("name", "expected"), FIRST_CLICK)
def test_first_click_prob_by_hand(name, expected):
    model = next(m for m in MODELS if m.name == name)
    np.testing.assert_allclose(model.first_click_prob(LISTS[:1])[0], expected)


CLICK = [
    # a = .5, .1, .8; stop = .4, .2, .9
    ("PBM", [0.5, 0.06, 0.24]),
    ("CM", [0.5, 0.05, 0.36]),
    # examined after rank 1: .5 + .5 * .9 * .6 = .77; after rank 2: .77 * (.9 + .1 * .7 * .8) = .77 * .956
    ("DCM", [0.5, 0.077, 0.77 * 0.956 * 0.8]),
    # .8 * (1 - .2) = .64; .64 * .8 * (1 - .02)
    ("DBN", [0.5, 0.064, 0.64 * 0.8 * 0.98 * 0.8]),
    ("SDBN", [0.5, 0.08, 0.8 * 0.98 * 0.8]),
    # rank 2: .1 * (.5 * .6 + .5 * .9) = .075; last click none .5 * .94, at 1 .5 * .91, at 2 .075
    ("UBM", [0.5, 0.075, 0.8 * (0.5 * 0.94 * 0.3 + 0.5 * 0.91 * 0.5 + 0.075 * 0.8)]),
]


@pytest.mark.parametrize(("name", "expected"), CLICK)
def test_click_prob_by_hand(name, expected):
    model = next(m for m in MODELS if m.name == name)
    np.testing.assert_allclose(model.click_prob(LISTS[:1])[0], expected)


CONDITIONAL = [
    # clicks 1, 0: a = .5, .1, .8; stop = .4, .2, .9
    ("PBM", [0.5, 0.06, 0.24]),
    ("CM", [0.5, 0.0, 0.0]),
    ("DCM", [0.5, 0.054, 0.54 * 0.9 / (1 - 0.054) * 0.8]),
    ("DBN", [0.5, 0.048, 0.8 * 0.48 * 0.9 / (1 - 0.048) * 0.8]),
    ("SDBN", [0.5, 0.06, 0.6 * 0.9 / (1 - 0.06) * 0.8]),
    ("UBM", [0.5, 0.09, 0.4]),
]


@pytest.mark.parametrize(("name", "expected"), CONDITIONAL)
def test_conditional_click_prob_by_hand(name, expected):
    model = next(m for m in MODELS if m.name == name)
    clicked = np.array([[True, False, False]])
    np.testing.assert_allclose(model.conditional_click_prob(LISTS[:1], clicked)[0], expected)


def test_conditional_probabilities_make_a_distribution_whose_marginals_are_click_prob_and_first_click_prob(model):
    patterns = np.array(list(itertools.product([False, True], repeat=3)))
    for row in LISTS:
        items = np.tile(row, (8, 1))
        conditional = model.conditional_click_prob(items, patterns)
        prob = np.where(patterns, conditional, 1 - conditional).prod(axis=1)
        assert prob.sum() == pytest.approx(1)
        np.testing.assert_allclose(prob @ patterns, model.click_prob(row[None])[0], atol=1e-12)
        first = np.cumsum(np.cumsum(patterns, axis=1), axis=1) == 1
        np.testing.assert_allclose(prob @ first, model.first_click_prob(row[None])[0], atol=1e-12)


def test_samples_occur_as_often_as_the_closed_forms_say(model):
    n = 40_000
    rng = np.random.default_rng(1)
    for row in LISTS:
        clicked = model.sample(np.tile(row, (n, 1)), rng).clicked
        tolerance = 4 * 0.5 / np.sqrt(n)
        np.testing.assert_allclose(clicked.mean(axis=0), model.click_prob(row[None])[0], atol=tolerance)
        first = clicked & (np.cumsum(clicked, axis=1) == 1)
        np.testing.assert_allclose(first.mean(axis=0), model.first_click_prob(row[None])[0], atol=tolerance)


def test_what_a_list_gets_does_not_depend_on_its_batch(model):
    draws = np.random.default_rng(2).random((*LISTS.shape, 2))
    together = model.sample_with(LISTS, draws)
    for i in range(len(LISTS)):
        alone = model.sample_with(LISTS[i : i + 1], draws[i : i + 1])
        assert (alone.clicked[0] == together.clicked[i]).all()
        assert alone.satisfied[0] == together.satisfied[i]


def test_nothing_is_ever_clicked_where_no_document_stands(model):
    empty = np.full((2000, 3), NO_DOCUMENT)
    clicks = model.sample(empty, np.random.default_rng(3))
    assert not clicks.clicked.any()
    assert (clicks.satisfied == -1).all()
    assert not model.click_prob(empty).any()


@pytest.mark.parametrize("shape", [(0, 3), (2, 0)])
def test_empty_batches_and_empty_lists_give_empty_arrays(model, shape):
    items = np.zeros(shape, dtype=int)
    clicks = model.sample(items, np.random.default_rng(0))
    assert clicks.clicked.shape == shape
    assert clicks.satisfied.tolist() == [-1] * shape[0]
    assert model.click_prob(items).shape == model.first_click_prob(items).shape == shape
    assert model.conditional_click_prob(items, clicks.clicked).shape == shape


def test_classes_above_the_table_count_as_its_last(model):
    np.testing.assert_array_equal(model.click_prob(np.array([[9, 0, 7]])), model.click_prob(np.array([[2, 0, 2]])))


def test_the_satisfying_click_is_a_click_and_in_the_cascade_family_the_last_one(model):
    items = np.random.default_rng(4).integers(0, 3, (3000, 3))
    clicked, satisfied = model.sample(items, np.random.default_rng(5))
    rows = np.flatnonzero(satisfied > 0)
    assert rows.size
    assert clicked[rows, satisfied[rows] - 1].all()
    if model.name not in {"PBM", "UBM"}:
        assert (3 - clicked[rows, ::-1].argmax(axis=1) == satisfied[rows]).all()


def test_pbm_and_ubm_are_satisfied_by_the_first_relevant_click_only():
    for model in (MODELS[0], MODELS[5]):
        items = np.random.default_rng(4).integers(0, 3, (3000, 3))
        clicked, satisfied = model.sample(items, np.random.default_rng(5))
        relevant = clicked & (items > 0)
        assert ((satisfied > 0) == relevant.any(axis=1)).all()
        assert (satisfied[relevant.any(axis=1)] == relevant.argmax(axis=1)[relevant.any(axis=1)] + 1).all()


def test_every_cascade_click_satisfies():
    clicked, satisfied = CascadeModel(ATTRACTION).sample(np.tile(LISTS, (500, 1)), np.random.default_rng(5))
    assert (clicked.sum(axis=1) <= 1).all()
    assert ((satisfied > 0) == clicked.any(axis=1)).all()


def test_cascade_first_click_over_rank_is_expected_reciprocal_rank():
    gains = tuple((2.0**grade - 1) / 2**4 for grade in range(5))
    lists = np.random.default_rng(6).integers(0, 5, (50, 10))
    first_click_over_rank = CascadeModel(gains).first_click_prob(lists) @ (1 / np.arange(1, 11))
    np.testing.assert_allclose(first_click_over_rank, expected_reciprocal_rank(lists.tolist(), max_grade=4))


def test_ubm_with_examination_by_rank_alone_is_pbm():
    ubm = UserBrowsingModel(ATTRACTION, ((1.0,), (0.6, 0.6), (0.3, 0.3, 0.3)))
    pbm = MODELS[0]
    np.testing.assert_allclose(ubm.click_prob(LISTS), pbm.click_prob(LISTS))
    draws = np.random.default_rng(2).random((4, 3, 2))
    assert (ubm.sample_with(LISTS, draws).clicked == pbm.sample_with(LISTS, draws).clicked).all()


TABLES = [
    ("perfect", 1, (0.0, 1.0), (0.0, 0.0)),
    ("navigational", 1, (0.05, 0.95), (0.2, 0.9)),
    ("informational", 1, (0.4, 0.9), (0.1, 0.5)),
    ("perfect", 2, (0.0, 0.5, 1.0), (0.0, 0.0, 0.0)),
    ("navigational", 2, (0.05, 0.5, 0.95), (0.2, 0.5, 0.9)),
    ("informational", 2, (0.4, 0.7, 0.9), (0.1, 0.3, 0.5)),
    ("navigational", 4, (0.05, 0.3, 0.5, 0.7, 0.95), (0.2, 0.3, 0.5, 0.7, 0.9)),
    ("navigational", 3, (0.05, 0.35, 0.65, 0.95), (0.2, 0.4, 0.5 + 0.4 / 3, 0.9)),
    ("informational", 0, (0.4,), (0.1,)),
]


@pytest.mark.parametrize(("behaviour", "max_grade", "click", "stop"), TABLES)
def test_behaviours_carry_the_published_numbers_or_their_interpolation(behaviour, max_grade, click, stop):
    model = click_model("sdbn", behaviour, max_grade)
    np.testing.assert_allclose(model.attractiveness, click)
    np.testing.assert_allclose(model.satisfaction, stop)


@pytest.mark.parametrize("name", CLICK_MODELS)
@pytest.mark.parametrize("behaviour", ["perfect", "navigational", "informational"])
def test_every_simulated_user_can_be_satisfied_by_a_relevant_document_on_top(name, behaviour):
    model = click_model(name.upper(), behaviour, 1)
    assert model.name == name.upper()
    satisfied = model.sample(np.tile([1, 0, 0], (500, 1)), np.random.default_rng(0)).satisfied
    assert (satisfied == 1).mean() > 0.4


def test_perfect_users_never_click_what_is_irrelevant():
    for name in CLICK_MODELS:
        assert not click_model(name, "perfect", 2).click_prob(np.zeros((1, 10), dtype=int)).any()


@pytest.mark.parametrize(
    ("arguments", "part"),
    [(("xyz", "perfect", 1), "pbm, cm"), (("cm", "lazy", 1), "navigational"), (("cm", "perfect", -1), "-1")],
)
def test_unknown_names_are_refused_with_the_choices(arguments, part):
    with pytest.raises(UntilclickError, match=part):
        click_model(*arguments)


def test_perplexity_of_a_coin_is_two_and_of_the_truth_almost_one():
    clicked = np.array([[True, False], [False, False]])
    coin = perplexity(np.full((2, 2), 0.5), clicked)
    assert coin.overall == pytest.approx(2)
    np.testing.assert_allclose(coin.by_rank, [2, 2])
    assert perplexity(clicked.astype(float), clicked).overall == pytest.approx(1, abs=1e-5)


def test_measures_by_hand():
    probs = np.array([[0.8, 0.25], [0.4, 0.5]])
    clicked = np.array([[True, False], [False, True]])
    assert log_likelihood(probs, clicked) == pytest.approx(np.log([0.8, 0.75, 0.6, 0.5]).mean())
    expected = [(0.8 * 0.6) ** -0.5, (0.75 * 0.5) ** -0.5]
    np.testing.assert_allclose(perplexity(probs, clicked).by_rank, expected)
    shown = np.array([[True, True], [True, False]])
    assert log_likelihood(probs, clicked, shown) == pytest.approx((np.log([0.8, 0.75]).mean() + np.log(0.6)) / 2)
    np.testing.assert_allclose(perplexity(probs, clicked, shown).by_rank, [expected[0], 1 / 0.75])


def test_measures_of_nothing_are_neutral():
    nothing = np.zeros((0, 3))
    assert log_likelihood(nothing, nothing.astype(bool)) == 0
    assert perplexity(nothing, nothing.astype(bool)).overall == 1
