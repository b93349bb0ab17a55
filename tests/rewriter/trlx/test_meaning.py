"""Meaning in trlX: the queries travel beside the texts of prompts, which have index terms only."""

from __future__ import annotations

from importlib.util import find_spec

import pytest
import torch

from untilclick.rewriter.config import RunConfig
from untilclick.rewriter.flat_settings import changed
from untilclick.rewriter.language.prompts import Prompt
from untilclick.rewriter.offline_config import OfflineConfig
from untilclick.rewriter.policy.t5_folder import load_policy
from untilclick.rewriter.stages import ppo_trlx
from untilclick.rewriter.stages.base import new_model
from untilclick.rewriter.stages.ppo import PPOStage
from untilclick.rewriter.trlx.reward import prompt_record

from tests.rewriter.toy_learning import TOY_BASE, TOY_POLICY, TOY_PPO, TOY_WARM_START, VISITOR_SESSIONS, toy_opened
from tests.rewriter.toy_meaning import encoded_toys
from tests.rewriter.toy_stages import run_base, run_offline, run_warm_start

if find_spec("trlx") is None:
    pytest.skip("trlX is not installed; it comes from its repository", allow_module_level=True)

pytestmark = [pytest.mark.trlx, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def encoded(tiny_encoder, tmp_path_factory):
    """The toy documents as vectors of an encoder that a trainer can open again."""
    return encoded_toys(toy_opened(), tmp_path_factory.mktemp("vectors"), tiny_encoder)


@pytest.fixture
def reading(start, encoded):
    """A trainer whose policy reads meaning."""

    def prepare(policy):
        model = new_model(encoded.index, TOY_POLICY, encoded.encoded)
        policy.memory, policy.sentences = model.policy.memory, model.policy.sentences

    return start(prepare=prepare)


def test_queries_travel_with_their_prompt_and_not_to_the_reward(start, language):
    from untilclick.rewriter.trlx.prompts import RewriterPromptPipeline

    whole = Prompt((7, 8, 1), (7,), ("How do I copy a folder?", "folder"))
    pipeline = RewriterPromptPipeline([prompt_record(whole, 0, language), "oven"], 64, start().tokenizer)
    assert pipeline[0] == whole
    assert pipeline[0].texts == whole.texts
    assert pipeline[1].texts == ()
    assert pipeline.reward_arguments([0]).metadata == {"position": [0]}


def test_the_trainer_reads_the_meaning_of_its_prompts(reading):
    drawn = reading._chunk()
    assert drawn.prompts.meaning.norm(dim=1).tolist() == pytest.approx([1.0] * len(drawn))
    assert reading.reference.memory.meaning == reading._policy.memory.meaning == 0.5
    texts = [prompt.texts for prompt in reading.prompts.prompts]
    assert all(texts)


def test_training_moves_the_keys_and_keeps_the_vectors(reading, encoded, tmp_path):
    vectors = reading._policy.memory.vectors.clone()
    keys = reading._policy.memory.keys.detach().clone()
    reading.learn()
    assert torch.equal(reading._policy.memory.vectors, vectors)
    assert not torch.equal(reading._policy.memory.keys, keys)
    reading.save_pretrained(str(tmp_path / "saved"))
    policy, _ = load_policy(tmp_path / "saved", encoded.encoded.encoder)
    assert torch.equal(policy.memory.vectors, vectors)


def test_both_stages_in_trlx_write_models_that_read_meaning(encoded, tmp_path):
    run_base(encoded, tmp_path, TOY_POLICY, TOY_BASE)
    run_warm_start(encoded, tmp_path, VISITOR_SESSIONS, TOY_WARM_START)
    config = changed(TOY_PPO, iterations=2, validate_every=1, checkpoint_every=2, reward="hindsight")
    stage = ppo_trlx.PPOTrlxStage.of(PPOStage(RunConfig(tmp_path), config))
    ilql = changed(OfflineConfig(), method="ilql", epochs=1, distil_epochs=1)
    for folder in (
        ppo_trlx.main(stage, encoded, VISITOR_SESSIONS),
        run_offline(encoded, tmp_path, VISITOR_SESSIONS, ilql),
    ):
        policy, _ = load_policy(folder, encoded.encoded.encoder)
        assert policy.memory.meaning == 0.5
        assert policy.batch([Prompt((7, 1), (), ("oven",))]).meaning.any()
