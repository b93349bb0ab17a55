"""Meaning in trlX: it trains without sentence vectors, and what it writes reads them."""

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


def test_the_trainer_draws_without_sentence_vectors(reading):
    assert reading._chunk().prompts.meaning is None
    assert reading.reference.memory.meaning == reading._policy.memory.meaning == TOY_POLICY.memory_meaning


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
        assert policy.memory.meaning == TOY_POLICY.memory_meaning
        assert policy.meant_batch([Prompt((7, 1), (), ("oven",))]).meaning.any()
