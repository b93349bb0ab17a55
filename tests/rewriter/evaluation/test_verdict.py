"""The verdict in words says no more than the tests allow."""

import dataclasses

import pytest

from untilclick.rewriter.evaluation.results import Results, SystemFigures
from untilclick.rewriter.evaluation.statistics import Comparison
from untilclick.rewriter.evaluation.verdict import (
    FEW_TOPICS,
    about_encoder,
    caution,
    explanation,
    kind_of_topics,
    spelling_alone,
    strongest_baseline,
    subject_of,
    verdict,
)
from untilclick.search.measures.metrics import MEASURES
from untilclick.search.text.encoders.encoder import EncoderCard

from tests.rewriter.evaluation.toy_results import results


@pytest.mark.parametrize(
    ("p", "difference", "start"),
    [(0.01, 0.1, "Rewriting helps"), (0.01, -0.1, "Rewriting hurts"), (0.3, 0.1, "No difference could be shown")],
)
def test_the_verdict_says_no_more_than_the_test_allows(p, difference, start):
    assert verdict(results(p, difference), "ppo").startswith(start)


def test_a_stronger_baseline_than_bm25_is_named_beside_the_verdict():
    assert strongest_baseline(results(spelling=0.2), "ppo") == ""
    sentence = strongest_baseline(results(spelling=0.4), "ppo")
    assert sentence.startswith(
        "The strongest baseline is spelling correction with nDCG@10 0.400; PPO differs from it by"
    )
    assert "by +0.125" in sentence


def against(system, difference, p, a="ppo") -> Comparison:
    return Comparison(a, system, "nDCG@10", difference, (difference - 0.1, difference + 0.1), p, 2, 1, 0.0, 60)


def evaluated_beside(*comparisons: Comparison, **means: float) -> Results:
    """Results with these means of nDCG@10."""
    figures = {name: SystemFigures(dict.fromkeys(MEASURES, mean), n_empty=0) for name, mean in means.items()}
    return dataclasses.replace(results(), figures=figures, comparisons=comparisons, n_topics=60, n_needs=60)


def test_the_explanation_relates_the_strongest_rival_and_the_untrained_rewriter():
    """The closing words once said "not measurably more than spelling correction" next to "better than the untrained
    rewriter", which left open who is compared with whom."""
    comparisons = against("bm25", 0.12, 0.0001), against("spelling", 0.01, 0.4), against("base", 0.03, 0.02)
    evaluated = evaluated_beside(*comparisons, bm25=0.3, spelling=0.41, base=0.39, ppo=0.42)
    assert explanation(evaluated, "ppo") == (
        "On 60 held-out topics the trained rewriter (PPO) ranks better than the queries as typed: nDCG@10 0.420 "
        "instead of 0.300, where 1 is perfect (p < 0.001).",
        "Its strongest rival without a trained rewriter is spelling correction (0.410): the difference of 0.010 may "
        "be chance (p = 0.400), so the spelling correction inside the trained rewriter may be all that helps.",
        "The untrained rewriter, which has seen no search session, reaches 0.390: what was learned from sessions "
        "adds 0.030 (p = 0.020).",
    )


@pytest.mark.parametrize(
    ("difference", "p", "rival", "untrained"),
    [
        (0.02, 0.01, "the trained rewriter leads by 0.020 (p = 0.010)", "what was learned from sessions adds 0.020"),
        (-0.02, 0.01, "the rival leads by 0.020 (p = 0.010)", "what was learned from sessions costs 0.020"),
        (-0.02, 0.2, "the difference of 0.020 may be chance (p = 0.200)", "the difference of 0.020 may be chance"),
    ],
)
def test_every_difference_is_told_with_its_direction_unless_it_may_be_chance(difference, p, rival, untrained):
    comparisons = against("bm25", -0.1, 0.01), against("rm3", difference, p), against("base", difference, p)
    typed, *others = explanation(evaluated_beside(*comparisons, bm25=0.3, rm3=0.4, base=0.4, ppo=0.2), "ppo")
    assert "ranks worse than the queries as typed: nDCG@10 0.200 instead of 0.300" in typed
    assert [rival in others[0], untrained in others[1]] == [True, True]


def test_the_explanation_leaves_out_who_was_not_evaluated():
    alone = evaluated_beside(against("bm25", 0.01, 0.6), bm25=0.3, ppo=0.31)
    assert explanation(alone, "ppo") == (
        "On 60 held-out topics no difference between the trained rewriter (PPO) and the queries as typed could be "
        "shown: nDCG@10 0.310 and 0.300, where 1 is perfect (p = 0.600).",
        "No rival without a trained rewriter ranks better than the queries as typed.",
    )
    untested = evaluated_beside(against("bm25", 0.01, 0.6), bm25=0.3, rm3=0.4, ppo=0.31)
    assert explanation(untested, "ppo")[1] == "Its strongest rival without a trained rewriter is BM25 + RM3 (0.400)."
    assert explanation(alone, None) == (verdict(alone, None),)


def comparisons_besides_spelling(evaluated: Results) -> tuple[Comparison, ...]:
    """All comparisons but those with spelling correction on the headline measure."""
    headline = ("spelling", "nDCG@10")
    return tuple(comparison for comparison in evaluated.comparisons if (comparison.b, comparison.measure) != headline)


@pytest.mark.parametrize(
    ("p", "difference", "start"),
    [
        (0.01, 0.125, "Rewriting helps: "),
        (0.3, 0.002, "Rewriting helps, but not measurably more than spelling correction alone: "),
        (0.01, -0.05, "Rewriting helps less than spelling correction alone: "),
    ],
)
def test_a_gain_that_plain_spelling_correction_also_brings_is_not_called_the_rewriters_own(p, difference, start):
    """The headline once said only that rewriting helps, although spelling correction alone helped as much."""
    evaluated = results(spelling=0.4)
    against = Comparison(
        "ppo", "spelling", "nDCG@10", difference, (difference - 0.1, difference + 0.1), p, 2, 1, 0.0, 4
    )
    others = comparisons_besides_spelling(evaluated)
    assert verdict(dataclasses.replace(evaluated, comparisons=(*others, against)), "ppo").startswith(start)


@pytest.mark.parametrize(
    ("spelling", "p_beyond", "sentence"), [(0.4, 0.3, True), (0.4, 0.01, False), (0.2, 0.3, False)]
)
def test_the_spelling_correction_gets_the_credit_where_nothing_else_earned_it(spelling, p_beyond, sentence):
    evaluated = results(spelling=spelling)
    beyond = Comparison("ppo", "spelling", "nDCG@10", 0.0, (-0.1, 0.1), p_beyond, 2, 2, 0.0, 4)
    others = comparisons_besides_spelling(evaluated)
    evaluated = dataclasses.replace(evaluated, comparisons=(*others, beyond))
    explained = "spelling correction inside the rewriter explains the gain"
    assert (explained in spelling_alone(evaluated, "ppo")) is sentence


def test_a_few_topics_bring_a_warning():
    few = dataclasses.replace(results(), n_topics=1)
    assert caution(few) == "Figures of 1 held-out topic say little: a fair test takes at least 50."
    assert caution(dataclasses.replace(few, n_topics=FEW_TOPICS)) == ""
    assert kind_of_topics(dataclasses.replace(few, n_topics=2, split="train")) == "training topics"


def test_a_baseline_learned_by_counting_is_a_rival_too():
    evaluated = results()
    means = {"association": SystemFigures({**evaluated.figures["ppo"].means, "nDCG@10": 0.45}, n_empty=0)}
    counted = dataclasses.replace(evaluated, figures={**evaluated.figures, **means})
    assert strongest_baseline(counted, "ppo") == "The strongest baseline is word associations with nDCG@10 0.450."


def test_a_rival_whose_title_says_alone_is_not_said_to_be_alone_twice():
    evaluated = results()
    better = SystemFigures({**evaluated.figures["ppo"].means, "nDCG@10": 0.45}, n_empty=0)
    rival = dataclasses.replace(evaluated, figures={**evaluated.figures, "encoder": better})
    assert "not measurably more than sentence encoder alone: " in verdict(rival, "ppo")


def test_what_the_encoder_was_trained_on_is_said_wherever_there_is_one():
    card = EncoderCard("tiny", 8, "f" * 64, "MIT", trained_on=("questions", "answers"))
    assert about_encoder(results()) == ""
    assert about_encoder(dataclasses.replace(results(), encoder=card)) == (
        "tiny was trained on questions, answers. Its figures on data of these kinds flatter it."
    )
    shortly = about_encoder(dataclasses.replace(results(), encoder=card), 1)
    assert shortly == "tiny was trained on questions and 1 more. Its figures on data of these kinds flatter it."
    unknown = dataclasses.replace(results(), encoder=dataclasses.replace(card, trained_on=()))
    assert about_encoder(unknown) == "What tiny was trained on is not stated, so its figures may flatter it."


def test_without_a_trained_system_or_a_baseline_the_verdict_says_so():
    figures = {"bm25": SystemFigures(dict.fromkeys(MEASURES, 0.3), n_empty=0)}
    baselines = Results("toy", "dev", "toy", 7, 4, "0.1.0", figures, ())
    assert subject_of(baselines) is None
    assert verdict(baselines, None) == "Baselines on 4 held-out topics; no trained rewriter was evaluated."
    alone = dataclasses.replace(baselines, figures={"ppo": figures["bm25"]})
    assert verdict(alone, subject_of(alone)) == "PPO on 4 held-out topics; BM25 as typed was not evaluated."
