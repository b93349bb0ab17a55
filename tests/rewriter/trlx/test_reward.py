"""The reward function for trlX; it needs no trlX."""

from __future__ import annotations

import numpy as np

from untilclick.rewriter.data.corpus_scorer import CorpusScorer
from untilclick.rewriter.data.environment import RewardEnvironment, RolloutBlend
from untilclick.rewriter.data.generation_environment import GenerationEnvironment
from untilclick.rewriter.data.logged_queries import JudgedQuery, training_query
from untilclick.rewriter.data.rewards import NdcgReward
from untilclick.rewriter.rewrite import RewriteRequest
from untilclick.rewriter.trlx.reward import RewriteReward

from tests.rewriter.toy_learning import toy_topics


def test_a_reward_keeps_the_relevant_documents_of_its_rankings_under_the_name_that_the_trainer_reads(
    opened, language
):
    """The name was changed once: the trainer, which reads it from any reward function, would have found nothing."""
    topic = toy_topics()[0]
    query = JudgedQuery(RewriteRequest(topic.query), topic.relevance)
    scorer = CorpusScorer.of(opened, language.vocabulary)
    rewards = RewardEnvironment(
        scorer, [training_query(query, None, opened.analysis)], NdcgReward(), RolloutBlend(0.5), found_depth=10
    )
    environment = GenerationEnvironment(rewards, [language.prompt(query.request)], language)
    reward = RewriteReward(environment, np.random.default_rng(0))
    assert reward.found is None
    decisive = topic.topic_id.split("-")[1]
    gains = reward([], [], [decisive, "moon"], position=[0, 0])
    assert gains[0] > gains[1]
    doc_ids = {opened.index.doc_ids[row] for row in reward.found.rows[0][reward.found.weights[0] > 0]}
    assert doc_ids
    assert doc_ids <= set(topic.relevance)
