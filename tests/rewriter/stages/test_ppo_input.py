"""The queries that PPO learns from and those that a trainer evaluates on."""

from __future__ import annotations

import pytest

from untilclick.rewriter.data.log_sides import LogSides
from untilclick.rewriter.judging.sides import SplitKey
from untilclick.rewriter.stages.input import Sources
from untilclick.rewriter.stages.ppo_input import PPOInput

from tests.rewriter.toy_learning import TOY_BASE, TOY_POLICY, TOY_PPO, TOY_WARM_START, toy_sessions, toy_topics
from tests.rewriter.toy_stages import run_base, run_warm_start


@pytest.mark.parametrize("named", [True, False])
def test_held_out_queries_have_needs_and_were_not_typed_in_training(opened, tmp_path, named):
    """From topics and from clicks alike."""
    sessions = tuple(toy_sessions(toy_topics(), each=1, name_topics=named))
    needs = {session.session_id: number for number, session in enumerate(sessions)}
    sides = LogSides(sessions[:18], sessions[17:], (), needs, opened.analysis, None)
    run_base(opened, tmp_path, TOY_POLICY, TOY_BASE)
    run_warm_start(opened, tmp_path, sides, TOY_WARM_START)
    ppo_input = PPOInput.read(Sources(opened, sides, SplitKey.of_seed(1)), tmp_path, TOY_PPO)
    judged = {query.query.request.query: query.query.need for query in ppo_input.held_out}
    assert judged
    assert sessions[17].turns[0].query not in judged
    first = {session.turns[0].query: needs[session.session_id] for session in sessions[18:]}
    assert judged == {query: need for query, need in first.items() if query in judged}
