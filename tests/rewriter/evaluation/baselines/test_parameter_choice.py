"""The choice of parameters on the toy corpus."""

from untilclick.rewriter.evaluation.baselines.feedback import Rm3, Rm3Settings
from untilclick.rewriter.evaluation.baselines.parameter_choice import ParameterChoice
from untilclick.rewriter.evaluation.baselines.simple import Bm25
from untilclick.rewriter.evaluation.systems import TypedTopic
from untilclick.search.measures.metrics import evaluate_rankings

from tests.rewriter.toy_engine import TOPICS, ToyEngine

ENGINE = ToyEngine()
TYPED = [TypedTopic(topic, topic.query) for topic in TOPICS]
GRID = tuple(Rm3Settings(n, weight) for n in (2, 5) for weight in (0.1, 0.9))


def mean_ndcg(settings):
    rankings = ENGINE.search([answer.query for answer in Rm3(ENGINE, settings)(TYPED)], 10)
    return evaluate_rankings(TOPICS, rankings).mean("nDCG@10")


def test_the_parameters_with_the_best_mean_are_chosen():
    chosen = ParameterChoice(ENGINE, TYPED).best(GRID, lambda settings: Rm3(ENGINE, settings), Rm3Settings())
    assert mean_ndcg(chosen) == max(map(mean_ndcg, GRID))
    assert mean_ndcg(chosen) > min(map(mean_ndcg, GRID))


def test_the_first_of_equals_is_chosen():
    assert ParameterChoice(ENGINE, TYPED).best(("a", "b"), lambda _: Bm25(), "default") == "a"


def test_without_topics_the_default_is_chosen():
    assert (
        ParameterChoice(ENGINE, []).best(GRID, lambda settings: Rm3(ENGINE, settings), Rm3Settings()) == Rm3Settings()
    )
