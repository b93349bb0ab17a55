"""Scoring on held-out queries and the choice of blend and gate."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from untilclick.rewriter.data.environment import TrainingQuery
from untilclick.rewriter.data.logged_queries import JudgedQuery
from untilclick.rewriter.language.language import TermLanguage
from untilclick.rewriter.policy.logits import PolicyLogits
from untilclick.rewriter.policy.models import TermModel, model_rewriter
from untilclick.rewriter.policy.t5 import collate
from untilclick.rewriter.rewrite import RewriteRequest
from untilclick.rewriter.serving.blend import (
    COLD_START,
    BlendSettings,
    compose,
    expand,
    original_clauses,
    surface_terms,
)
from untilclick.rewriter.training.blend_grid import GRID_WEIGHTS, expansion_shapes, weighted
from untilclick.rewriter.training.blend_scores import BlendCandidate
from untilclick.rewriter.training.held_out import validation_set
from untilclick.rewriter.training.scored import standard_error
from untilclick.rewriter.training.validation import GATE_MARGIN, ValidationSet
from untilclick.search.analysis.analysis import QueryTerms
from untilclick.search.analysis.by_name import english
from untilclick.search.measures.metrics import evaluate_rankings
from untilclick.search.records import Topic

from tests.rewriter.toy_learning import prompt_of, shaken, toy_policy, toy_topics

analyse = terms = english().terms
term_of = english().term_of


@pytest.fixture
def policy(opened):
    """A policy without a memory, so that `steer` alone decides its answers."""
    return toy_policy(opened, memory=False)[0]


def validation_of(scorer, topics, **options) -> ValidationSet:

    prompts = [prompt_of(scorer.vocabulary, *terms(topic.query)) for topic in topics]
    queries = [TrainingQuery(QueryTerms(terms(t.query)), t.relevance) for t in topics]
    return ValidationSet(scorer, prompts, queries, **options)


def steer(policy, scorer, topics, term_of_topic) -> None:
    """Make one term the policy's overwhelming answer to each topic's prompt: the term's embedding becomes a large
    multiple of the decoder state of that prompt."""

    with torch.no_grad():
        prompts = [prompt_of(scorer.vocabulary, *terms(topic.query)) for topic in topics]
        states = policy.first_states(collate(prompts, len(scorer.vocabulary)))
        centred = states - states.mean(0)
        policy.t5.lm_head.weight = torch.nn.Parameter(policy.t5.lm_head.weight.clone() * 0.01)
        for state, topic in zip(centred, topics, strict=True):
            token = scorer.vocabulary.token_ids[term_of_topic(topic)]
            policy.t5.lm_head.weight[token] = state / state.norm() * 30


def decisive(topic: Topic) -> str:

    term = term_of(topic.topic_id.split("-")[1])
    assert term is not None
    return term


def test_the_score_is_the_mean_ndcg_of_what_the_engine_would_rank(policy, scorer, engine):
    topics = toy_topics()[:8]
    settings = BlendSettings(0.4, 0.2, 0.4, expansion_terms=10, sharpness=0.5, feedback_terms=20)

    rankings = []
    for topic in topics:
        analysed = terms(topic.query)
        prompt = prompt_of(scorer.vocabulary, *analysed)
        words = surface_terms(expand(PolicyLogits(policy)([prompt])[0], prompt, settings), scorer.vocabulary)
        original = original_clauses(topic.query, (), len(analysed))
        from untilclick.search.records import WeightedQuery

        feedback = engine.feedback_terms(WeightedQuery(original), 20)
        rankings.append(engine.search([compose(original, feedback, words, settings)], 10)[0])
    reported = evaluate_rankings(topics, rankings, ["nDCG@10"]).mean("nDCG@10")
    assert validation_of(scorer, topics).score(PolicyLogits(policy), settings) == pytest.approx(reported, abs=0.01)


def later_validation(opened, scorer, topics) -> ValidationSet:
    """A validation set whose queries are the first words of the topics, typed after the decisive words."""
    logged = [
        JudgedQuery(RewriteRequest(topic.query.split()[0], (decisive(topic), "tree")), topic.relevance)
        for topic in topics
    ]
    return validation_set(opened, logged, scorer, TermLanguage(scorer.vocabulary))


@pytest.mark.parametrize("full_gap", [0.0, 0.5])
@pytest.mark.parametrize("feedback", [0.0, 0.2])
def test_later_queries_are_scored_as_they_are_served(policy, opened, scorer, engine, feedback, full_gap):
    topics = toy_topics()[:8]
    settings = BlendSettings(0.4, feedback, 0.6 - feedback, expansion_terms=10, sharpness=0.5, full_gap=full_gap)
    served = model_rewriter(TermModel(policy, TermLanguage(scorer.vocabulary)), opened.spelling, engine, settings)
    requests = [RewriteRequest(topic.query.split()[0], (decisive(topic), "tree")) for topic in topics]
    rankings = engine.search([rewrite.blend for rewrite in served.rewrite(requests)], 10)
    reported = evaluate_rankings(topics, rankings, ["nDCG@10"]).mean("nDCG@10")
    validation = later_validation(opened, scorer, topics)
    assert validation.score(PolicyLogits(policy), settings) == pytest.approx(reported, abs=0.01)
    assert validation.score(PolicyLogits(policy), replace(settings, context=0.0)) < reported - 0.1


def test_the_share_of_the_context_is_chosen(policy, opened, scorer):
    """Earlier queries that hold the decisive word deserve more than those of another topic."""
    topics = toy_topics()[::4]
    others = [replace(topic, topic_id=other.topic_id) for topic, other in zip(topics, topics[::-1], strict=True)]
    matching, foreign = (
        later_validation(opened, scorer, some).choose_blend(PolicyLogits(policy)).settings
        for some in (topics, others)
    )
    assert matching.context > foreign.context


def test_the_limit_of_the_context_keeps_its_default_without_later_queries(policy, scorer):
    topics = toy_topics()[::4]
    validation = validation_of(scorer, topics)
    steer(policy, scorer, topics, decisive)
    chosen = validation.choose_blend(PolicyLogits(policy)).settings
    assert replace(chosen, context=COLD_START.context) != COLD_START
    assert chosen.context == BlendSettings().context


def test_a_planted_best_is_found(policy, scorer):
    """The policy answers the decisive word with certainty: the choice gives the rewrite a large share and reaches
    at least what any other settings of the grid do."""
    topics = toy_topics()[::4]
    validation = validation_of(scorer, topics)
    steer(policy, scorer, topics, decisive)
    choice = validation.choose_blend(PolicyLogits(policy))
    assert choice.ndcg > choice.original_ndcg + 0.2
    assert choice.settings.rewrite >= 0.2
    for weights in GRID_WEIGHTS[::7]:
        other = replace(choice.settings, original=weights[0], feedback=weights[1], rewrite=weights[2])
        assert choice.ndcg >= validation.score(PolicyLogits(policy), other) - 1e-9


def test_weights_follow_the_gap_where_that_pays(policy, scorer):
    """The policy answers the decisive word where the first document is far ahead, and nonsense elsewhere. (The gaps
    are set by hand: those of the toy corpus are all small.)"""
    topics = toy_topics()[::2]
    elsewhere = {topic.topic_id: "sail" if "harbour" not in topic.topic_id else "moon" for topic in topics[1::2]}
    steer(policy, scorer, topics, lambda topic: elsewhere.get(topic.topic_id) or decisive(topic))
    validation = validation_of(scorer, topics)
    gaps = np.where(np.arange(len(topics)) % 2 == 0, 0.6, 0.0).astype(np.float32)
    validation.blends.without_context = replace(validation.blends.without_context, gaps=gaps)
    choice = validation.choose_blend(PolicyLogits(policy))
    assert choice.settings.full_gap > 0
    always = replace(choice.settings, full_gap=0.0)
    assert choice.ndcg > validation.score(PolicyLogits(policy), always) + 0.01


def test_the_limit_on_harm_is_a_setting(policy, scorer, monkeypatch):
    """Harm is measured as the gain here, so the limit on harm bounds the gain."""
    topics = toy_topics()[::4]
    steer(policy, scorer, topics, decisive)
    monkeypatch.setattr(ValidationSet, "harmed_share", lambda self, ndcg: float(ndcg.mean()))
    cautious, bold = (
        validation_of(scorer, topics, caution=limit).choose_blend(PolicyLogits(policy)) for limit in (0.85, 1.0)
    )
    assert cautious.original_ndcg < cautious.ndcg <= 0.85 < bold.ndcg


def test_one_call_chooses_the_blend_of_every_caution(policy, scorer, monkeypatch):
    """Each is what a training with that caution chooses; the grid is ranked once for both."""
    topics = toy_topics()[::4]
    steer(policy, scorer, topics, decisive)
    monkeypatch.setattr(ValidationSet, "harmed_share", lambda self, ndcg: float(ndcg.mean()))
    monkeypatch.setattr("untilclick.rewriter.training.validation.HARM_LIMIT", 1.0)
    monkeypatch.setattr("untilclick.rewriter.training.validation.HARM_SHARES", {"balanced": 1.0, "cautious": 0.85})
    calls = Counter()
    monkeypatch.setattr(
        "untilclick.rewriter.training.validation.weighted", lambda shape: calls.update(grid=1) or weighted(shape)
    )
    needs = np.arange(len(topics))
    of = {
        caution: validation_of(scorer, topics, caution=caution, needs=needs).choose_blend(PolicyLogits(policy))
        for caution in ("balanced", "cautious", 0.9)
    }
    assert calls["grid"] == 3 * len(list(expansion_shapes("policy")))
    balanced, cautious = of["balanced"], of["cautious"]
    assert cautious.harmed <= 0.85 < balanced.harmed
    assert balanced.blends == {"balanced": balanced.settings, "cautious": cautious.settings}
    assert balanced.blends == cautious.blends == of[0.9].blends
    assert of[0.9].settings not in balanced.blends.values()


def test_a_caution_lowers_the_limits_of_grades_and_of_clicks_alike(scorer):
    topics, needs = toy_topics()[:4], np.arange(4)
    prompts = [prompt_of(scorer.vocabulary, *terms(topic.query)) for topic in topics]
    queries = [TrainingQuery(QueryTerms(terms(topic.query)), topic.relevance) for topic in topics]
    clicked = [replace(query, shown=frozenset(query.relevance)) for query in queries]
    for of, balanced, cautious in ((queries, 0.12, 0.05), (clicked, 0.2, 0.083)):
        validation = ValidationSet(scorer, prompts, of, needs=needs)
        assert validation.harm_limit("balanced") == balanced
        assert validation.harm_limit("cautious") == pytest.approx(cautious, abs=1e-3)
        assert validation.harm_limit(0.3) == 0.3


def test_a_useless_rewrite_costs_little(policy, scorer):
    """The policy answers a word of another theme: no blend of the grid leaves the original out."""
    topics = toy_topics()[::4]
    validation = validation_of(scorer, topics)
    steer(policy, scorer, topics, lambda topic: "sail" if "harbour" not in topic.topic_id else "moon")
    choice = validation.choose_blend(PolicyLogits(policy))
    assert choice.settings.original >= 0.3
    assert choice.settings.rewrite <= 0.4
    assert choice.ndcg >= choice.original_ndcg - 0.1


def test_what_is_better_by_chance_is_not_chosen(policy, scorer):
    """A blend that gains on one query and loses on another leads by less than a standard error: the default stays."""
    validation = validation_of(scorer, toy_topics()[::4])
    (default,) = validation.blends.candidates([COLD_START], validation.blends.read_by(PolicyLogits(policy)))
    lucky, sure = default.ndcg.copy(), default.ndcg + 0.1 * (1 + np.arange(len(validation)))
    lucky[0] += 0.1
    lucky[1] -= 0.05
    for ndcg, is_chosen in ((lucky, False), (sure, True)):
        other = BlendCandidate(BlendSettings(original=0.4, rewrite=0.5), ndcg, default.confidence)
        assert (validation._unless_by_chance(other, default, "balanced") is other) is is_chosen


def test_the_original_keeps_at_least_a_fifth_and_the_shares_sum_to_1():
    for original, feedback, rewrite in GRID_WEIGHTS:
        assert original >= 0.2
        assert rewrite > 0
        assert original + feedback + rewrite == pytest.approx(1)


def test_the_gate_holds_back_unsure_rewrites_where_that_pays(scorer):
    validation = validation_of(scorer, toy_topics()[:10])
    original = validation.blends.original_ndcg
    confidence = np.linspace(0, 1, 10)
    harmful = original.copy()
    harmful[2:] += 0.1
    harmful[:2] -= 0.5
    choice = validation._with_gate(BlendCandidate(BlendSettings(), harmful, confidence))
    assert confidence[1] < choice.settings.min_confidence <= confidence[2]
    assert choice.ndcg == pytest.approx(float(original.mean()) + 0.08)


def test_the_gate_stays_open_where_it_brings_nothing(scorer):
    validation = validation_of(scorer, toy_topics()[:10])
    better = validation.blends.original_ndcg + 0.1
    choice = validation._with_gate(BlendCandidate(BlendSettings(), better, np.linspace(0, 1, 10)))
    assert choice.settings.min_confidence == 0.0
    assert choice.ndcg == pytest.approx(float(better.mean()))
    barely = validation.blends.original_ndcg.copy()
    barely[0] -= GATE_MARGIN
    assert (
        validation._with_gate(BlendCandidate(BlendSettings(), barely, np.linspace(0, 1, 10))).settings.min_confidence
        == 0.0
    )


def test_without_queries_there_are_the_defaults(policy, scorer):
    validation = validation_of(scorer, [])
    assert len(validation) == 0
    assert validation.score(PolicyLogits(policy), BlendSettings()) == 0.0
    choice = validation.choose_blend(PolicyLogits(policy))
    assert (choice.settings, choice.ndcg, choice.original_ndcg) == (COLD_START, 0.0, 0.0)


def test_queries_that_leave_different_numbers_of_terms_can_be_compared(scorer, opened):
    """Forty terms are read from vocabularies with fewer; the rows then have different lengths and need padding."""
    policy = shaken(toy_policy(opened)[0])
    validation = validation_of(scorer, toy_topics()[:2])
    validation.blends.prompts = [prompt_of(scorer.vocabulary, "oven"), prompt_of(scorer.vocabulary, "moon", "star")]
    settings = BlendSettings(expansion_terms=1000)
    assert 0 <= validation.score(PolicyLogits(policy), settings) <= 1


def test_the_standard_error_counts_needs_and_not_their_queries():
    values = np.array([0.1, 0.3, -0.1, 0.2])
    alone = standard_error(values, np.arange(4))
    assert alone == pytest.approx(values.std(ddof=1) / 2)
    assert standard_error(np.repeat(values, 5), np.repeat(np.arange(4), 5)) == pytest.approx(alone)
    assert standard_error(values, np.zeros(4, dtype=np.int64)) == float("inf")
