"""Checkpoints that do not fit. `test_trainer.py` shows that a resumed run continues bit for bit."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from untilclick.rewriter.data.corpus_scorer import CorpusScorer
from untilclick.rewriter.data.environment import RewardEnvironment, RolloutBlend, TrainingQuery
from untilclick.rewriter.data.rewards import NdcgReward
from untilclick.rewriter.flat_settings import changed
from untilclick.rewriter.training.ppo import checkpoint
from untilclick.rewriter.training.ppo.trainer import PPOTrainer
from untilclick.search.analysis.analysis import QueryTerms
from untilclick.search.corpora.load import corpus_of
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.errors import ModelError
from untilclick.search.records import Collection

from tests.rewriter.toy_learning import TOY_PPO, prompt_of, toy_documents, toy_policy


def trainer_of(opened, **changes) -> PPOTrainer:
    policy, vocabulary = toy_policy(opened)
    queries = [TrainingQuery(QueryTerms(("oven",)), {"kitchen-0": 1})]
    environment = RewardEnvironment(CorpusScorer.of(opened, vocabulary), queries, NdcgReward(), RolloutBlend(0.5))
    prompts = [prompt_of(vocabulary, "oven")]
    return PPOTrainer(policy, prompts, environment, changed(TOY_PPO, **changes), lambda policy: 0.0)


@pytest.fixture
def folder(opened, tmp_path):
    trainer = trainer_of(opened)
    checkpoint.save_checkpoint(trainer, tmp_path / "checkpoint")
    return tmp_path / "checkpoint"


def test_a_checkpoint_exists_once_it_is_written(folder, tmp_path):
    assert checkpoint.exists(folder)
    assert not checkpoint.exists(tmp_path / "nowhere")


def test_tied_embeddings_are_written_once(folder, opened):
    embeddings = toy_policy(opened)[0].t5.shared.weight
    written = load_file(folder / "weights.safetensors")
    assert sum(tensor.shape == embeddings.shape for tensor in written.values()) == 1


def test_a_checkpoint_with_all_names_of_tied_embeddings_is_read(folder, opened):
    """Earlier versions wrote all of them."""
    weights = trainer_of(opened).policy.state_dict()
    changed_weights = {name: tensor + 1 for name, tensor in weights.items()}
    save_file(changed_weights, folder / "weights.safetensors")
    trainer = trainer_of(opened)
    checkpoint.load_checkpoint(trainer, folder)
    read = trainer.policy.state_dict()
    assert all(torch.equal(read[name], tensor) for name, tensor in changed_weights.items())


def test_a_checkpoint_of_other_settings_is_refused_and_the_trainer_left_alone(opened, folder):
    other = trainer_of(opened, clip_range=0.3)
    before = other.policy.t5.shared.weight.clone()
    with pytest.raises(ModelError, match="other settings"):
        checkpoint.load_checkpoint(other, folder)
    assert torch.equal(other.policy.t5.shared.weight, before)
    assert other.state.round == 0


def test_a_checkpoint_without_a_setting_that_is_new_has_its_default(opened, folder):
    state = json.loads((folder / "state.json").read_text())
    del state["config"]["learn_from"]
    (folder / "state.json").write_text(json.dumps(state))
    checkpoint.load_checkpoint(trainer_of(opened), folder)
    with pytest.raises(ModelError, match="other settings"):
        checkpoint.load_checkpoint(trainer_of(opened, learn_from="clicks"), folder)


def test_a_checkpoint_on_other_queries_is_refused(opened, folder):
    """A checkpoint stores positions of queries, and the queries of a grown log have other positions."""
    other = trainer_of(opened)
    other.prompts = [*other.prompts, *other.prompts]
    with pytest.raises(ModelError, match="on other queries"):
        checkpoint.load_checkpoint(other, folder)


def test_a_checkpoint_of_another_vocabulary_is_refused(folder):
    corpus = corpus_of("other", toy_documents()[:40])
    other = trainer_of(OpenedCollection.of(Collection(corpus, {}, "made"), "tantivy"))
    with pytest.raises(ModelError, match="not a checkpoint of this model"):
        checkpoint.load_checkpoint(other, folder)


@pytest.mark.parametrize("name", ["state.json", "weights.safetensors", "optimizer.pt"])
@pytest.mark.parametrize("damage", ["missing", "cut"])
def test_a_broken_checkpoint_is_a_model_error(opened, folder, name, damage):
    path = folder / name
    content = path.read_bytes()
    path.unlink()
    if damage == "cut":
        path.write_bytes(content[: len(content) // 2])
    with pytest.raises(ModelError, match="remove it to start anew"):
        checkpoint.load_checkpoint(trainer_of(opened), folder)
