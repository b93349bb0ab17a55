"""Queries of a log that are held back for early stopping and for the choice of a blend."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from untilclick.rewriter.data.click_rates import rated_queries
from untilclick.rewriter.data.log_sides import LogSides
from untilclick.rewriter.data.logged_queries import JudgedQuery, clicked_queries
from untilclick.rewriter.policy.logits import PolicyLogits
from untilclick.rewriter.rewrite import RewriteRequest
from untilclick.rewriter.serving.blend import BlendSettings
from untilclick.rewriter.training.blend_grid import GRID_SHARPNESS
from untilclick.rewriter.training.held_out import (
    LATER_SHARE,
    held_out_queries,
    never_worse,
    open_validation,
    queries_to_learn_from,
    sharpened_score,
    untyped,
    validation_set,
    wanted_queries,
    with_later_needs,
)
from untilclick.search.analysis.by_name import FIRST_NAME, analysis_by_name
from untilclick.search.errors import DataError
from untilclick.search.records import Session

from tests.rewriter.toy_learning import shaken, toy_policy, toy_sessions, toy_topics

TOPICS = toy_topics()[:6]
NAMED = tuple(toy_sessions(TOPICS, each=1))
LIVE = tuple(toy_sessions(TOPICS, each=1, name_topics=False))
KEPT = LogSides((), NAMED, (), {}, analysis_by_name(FIRST_NAME), None)


@pytest.fixture
def policy(opened):
    return shaken(toy_policy(opened)[0])


def test_simulated_sessions_are_judged_by_their_topics_and_live_ones_by_their_clicks(opened):
    judged = {query.request.query: query.relevance for query in wanted_queries(opened, NAMED)}
    clicked = {query.request.query: query.relevance for query in wanted_queries(opened, LIVE)}
    for topic in TOPICS:
        assert judged[topic.query] == topic.relevance
        assert clicked[topic.query] == {next(iter(topic.relevance)): 1.0}


def test_clicks_are_read_whether_sessions_name_topics_or_not(opened):
    for sessions in (NAMED, LIVE):
        assert queries_to_learn_from(opened, sessions, "clicks") == clicked_queries(sessions)
        assert queries_to_learn_from(opened, sessions, "clicks", rated_queries) == rated_queries(sessions)
        assert queries_to_learn_from(opened, sessions, "judgments") == wanted_queries(opened, sessions)
    clicked = held_out_queries(opened, KEPT, "clicks")
    assert clicked == untyped(rated_queries(NAMED, KEPT.need_of), KEPT)
    assert clicked != held_out_queries(opened, KEPT) == held_out_queries(opened, KEPT, "judgments")


def test_a_log_that_keeps_nothing_back_is_a_data_error(opened, scorer, language):
    with pytest.raises(DataError, match="validate"):
        open_validation(opened, (), scorer, language)


def test_validation_holds_the_queries_of_the_sessions_kept_back(opened, scorer, language):
    queries = wanted_queries(opened, NAMED)
    first = [query for query in queries if not query.request.history]
    assert len(first) < len(queries) < language.validation_limit
    assert len(open_validation(opened, held_out_queries(opened, KEPT), scorer, language)) == len(first) + math.ceil(
        LATER_SHARE * len(first)
    )


def test_the_score_is_that_of_the_better_sharpness(opened, scorer, language, policy):
    validation, blend = open_validation(opened, held_out_queries(opened, KEPT), scorer, language), BlendSettings()
    scores = [
        validation.score(PolicyLogits(policy), replace(blend, sharpness=sharpness)) for sharpness in GRID_SHARPNESS
    ]
    assert sharpened_score(validation, PolicyLogits(policy), blend).mean == max(scores)


def test_a_blend_beyond_the_grid_is_kept_where_the_grid_has_no_better_one(opened, scorer, language, policy):
    """The earlier blend loses its gate, which was chosen for the confidences of another model."""
    validation = open_validation(opened, held_out_queries(opened, KEPT), scorer, language)
    grid = validation.choose_blend(PolicyLogits(policy))
    poor = BlendSettings(original=0.0, feedback=0.0, rewrite=1.0, min_confidence=0.9)
    assert never_worse(validation, PolicyLogits(policy), poor) == grid
    worse = replace(grid, ndcg=-1.0, harmed=1.0)
    validation.choices = lambda read, units: dict.fromkeys(("balanced", "cautious"), worse)
    choice = never_worse(validation, PolicyLogits(policy), poor)
    assert choice.settings == replace(poor, min_confidence=0.0)
    assert choice.ndcg == validation.score(PolicyLogits(policy), choice.settings)


def test_a_blend_beyond_the_grid_is_not_kept_where_it_harms_too_many(opened, scorer, language, policy, monkeypatch):
    """Each caution has its own limit and its own earlier blend."""
    validation = open_validation(opened, held_out_queries(opened, KEPT), scorer, language)
    worse = replace(validation.choose_blend(PolicyLogits(policy)), ndcg=-1.0, harmed=0.0)
    validation.choices = lambda read, units: dict.fromkeys(("balanced", "cautious"), worse)
    bold, mild = BlendSettings(original=0.0, feedback=0.0, rewrite=1.0), BlendSettings()
    monkeypatch.setattr(validation, "harmed_share", lambda ndcg: 0.05)
    choice = never_worse(validation, PolicyLogits(policy), bold, {"balanced": mild, "cautious": bold})
    assert choice.settings == mild
    assert choice.blends == {"balanced": mild, "cautious": worse.settings}
    assert never_worse(validation, PolicyLogits(policy), bold).blends == {
        "balanced": bold,
        "cautious": worse.settings,
    }


def test_validation_takes_first_queries_before_later_ones_and_none_without_judgments(opened, scorer, language):
    later = JudgedQuery(RewriteRequest("oven", ("dough",)), {"kitchen-0": 1})
    first = JudgedQuery(RewriteRequest("moon"), {"sky-0": 1})
    unjudged = JudgedQuery(RewriteRequest("sail"), {})
    assert len(validation_set(opened, [later, unjudged, first], scorer, language, limit=10)) == 2
    chosen = validation_set(opened, [later, unjudged, first], scorer, language, limit=1)
    assert chosen.blends.prompts[0].ids[0] == scorer.vocabulary.token_ids["moon"]
    assert len(validation_set(opened, [], scorer, language, limit=10)) == 0


def test_unknown_words_are_corrected_only_where_that_helps_the_original_queries(opened, scorer, language):
    misspelt = JudgedQuery(RewriteRequest("doughh"), {"kitchen-0": 1})
    name = JudgedQuery(RewriteRequest("moon doughh"), {"sky-0": 1})
    helped, harmed = (
        validation_set(opened, [misspelt], scorer, language, limit=10),
        validation_set(opened, [name] * 3, scorer, language, limit=10),
    )
    assert helped.corrections
    assert not harmed.corrections


def test_queries_that_were_typed_in_training_validate_only_if_there_are_no_others():
    queries = [JudgedQuery(RewriteRequest(text), {"d": 1}) for text in ("oven", "Ovens", "moon")]
    trained = toy_sessions(toy_topics()[:1], each=1)
    turn = replace(next(trained).turns[0], query="oven")
    session = Session("s", "live", (turn,))
    sides = LogSides((session,), (), (), {"s": 0}, analysis_by_name(FIRST_NAME), None)
    assert [query.request.query for query in untyped(queries, sides)] == ["moon"]
    assert untyped(queries[:2], sides) == queries[:2]


def test_needs_without_a_first_query_are_stated_by_a_later_one():
    def query(text, need, *history):
        return JudgedQuery(RewriteRequest(text, history), {"d": 1.0}, need=need)

    first, *later = (
        query("oven", 1),
        query("bread oven", 1, "oven"),
        query("moon", 2, "star"),
        query("moon orbit", 2, "star", "moon"),
        query("seed", 3, "soil"),
        query("tune", None, "song"),
    )
    queries = [first, *later]
    assert with_later_needs([first], queries, 250) == [first, later[1], later[3]]
    assert with_later_needs([first], queries, 2) == [first, later[1]]
    assert with_later_needs(queries, queries, 250) == queries
