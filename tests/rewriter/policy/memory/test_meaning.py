"""Documents found by meaning: the sentence vectors in the score, beside states and keys that learn without them."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch

from untilclick.rewriter.language.prompts import Prompt, drop_words
from untilclick.rewriter.policy.memory.document_memory import DocumentMemory, MemorySettings
from untilclick.rewriter.policy.memory.document_terms import DocumentTerms
from untilclick.rewriter.policy.memory.memory_file import load_memory, save_memory
from untilclick.rewriter.policy.sampling import sample, score
from untilclick.rewriter.policy.t5_folder import load_policy
from untilclick.rewriter.stages.base import new_model, train_base
from untilclick.search.errors import ModelError

from tests.fake_encoder import FakeEncoder
from tests.rewriter.toy_learning import TOY_BASE, TOY_POLICY, shaken
from tests.rewriter.toy_meaning import encoded_toys, toy_encoder

VECTORS = torch.tensor([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]])


def small_memory(meaning: float, sharpness: float = 25.0) -> DocumentMemory:
    """Three documents with keys and sentence vectors of two dimensions."""
    terms = DocumentTerms(torch.tensor([0, 2, 5]), torch.tensor([[5], [6], [7]]), torch.ones(3, 1))
    keys = torch.tensor([[2.0, 0.0], [0.0, 0.5], [-1.0, 0.0]])
    settings = MemorySettings(sharpness, meaning=meaning)
    return DocumentMemory(terms, keys, settings, VECTORS if meaning else None).requires_grad_(False)


STATES, QUERIES = torch.tensor([[3.0, 0.0], [0.0, -2.0]]), torch.tensor([[0.8, 0.6], [0.0, 0.0]])


def test_with_all_the_weight_meaning_alone_finds_documents():
    log_attention = small_memory(1.0).log_attention(STATES, QUERIES)
    assert torch.equal(
        log_attention, torch.log_softmax(torch.tensor(25.0).log().exp() * (QUERIES @ VECTORS.T), dim=1)
    )


def test_the_score_is_a_mean_of_both_cosines():
    scores = small_memory(0.25).scores(STATES, QUERIES)
    assert torch.allclose(scores[0], 0.75 * torch.tensor([1.0, 0.0, -1.0]) + 0.25 * torch.tensor([0.8, 0.96, 0.6]))
    assert torch.allclose(scores[1], 0.75 * torch.tensor([0.0, -1.0, 0.0]))  # a query without a vector


def test_without_weight_the_memory_is_that_of_before():
    state = small_memory(0.0).state_dict()
    assert state.keys() == {"documents", "ids", "weights", "keys", "log_sharpness", "share_logit"}
    assert torch.equal(small_memory(0.0).scores(STATES), small_memory(0.0).scores(STATES, QUERIES))


def test_sentence_vectors_are_not_trained_and_not_part_of_the_weights():
    memory = small_memory(0.5)
    assert memory.vectors is not None
    assert not memory.vectors.requires_grad
    assert memory.state_dict().keys() == small_memory(0.0).state_dict().keys()


def test_a_saved_memory_comes_back_with_its_vectors(tmp_path):
    memory = small_memory(0.25)
    save_memory(memory, tmp_path / "memory.safetensors")
    again = load_memory(tmp_path / "memory.safetensors")
    assert again.settings == memory.settings
    assert torch.allclose(again.scores(STATES, QUERIES), memory.scores(STATES, QUERIES), atol=1e-3)  # float16


@pytest.fixture(scope="module")
def encoded(opened, tmp_path_factory):
    """The toy documents as vectors of an encoder that knows their themes."""
    return encoded_toys(opened, tmp_path_factory.mktemp("vectors"))


@pytest.fixture
def model(opened, encoded):
    """An untrained model that reads meaning."""
    return new_model(opened.index, TOY_POLICY, encoded.encoded)


def test_documents_are_found_by_texts_that_share_no_word_with_them(model, opened):
    policy = model.policy.eval().requires_grad_(False)
    unknown = [Prompt((3, 1), (), (text,)) for text in ("violins", "ovens")]  # the T5 reads <unk> alone
    batch = policy.meant_batch(unknown)
    best = policy.memory.log_attention(policy.first_states(batch), batch.meaning).argmax(1)
    themes = [opened.collection.corpus.documents[int(policy.memory.documents[row])].doc_id for row in best]
    assert [theme.split("-")[0] for theme in themes] == ["music", "kitchen"]
    recalled = policy.first_step(policy.first_states(batch), batch).recalled
    assert not torch.allclose(recalled[0], recalled[1])


@pytest.mark.parametrize("decoding", ["parallel", "autoregressive"])
def test_sequences_are_scored_as_they_were_drawn(opened, encoded, decoding):
    model = new_model(opened.index, replace(TOY_POLICY, decoding=decoding), encoded.encoded)
    policy = shaken(model.policy.eval())
    batch = policy.batch([Prompt((7, 1), (7,), ("violins",)), Prompt((8, 9, 1), (8, 9), ("oven", "soil"))])
    rollouts = sample(policy, batch, 20, 3, torch.Generator().manual_seed(0))
    scores = score(policy, batch, rollouts)
    assert torch.allclose(scores.log_probs, rollouts.log_probs, atol=1e-4)
    part = score(policy, batch.rows(torch.tensor([1])), rollouts.of_prompts(torch.tensor([1]), 20))
    assert torch.allclose(part.log_probs, scores.log_probs[20:], atol=1e-4)


def test_left_out_words_are_left_in_the_texts():
    whole = Prompt((7, 8, 9, 1), (7,), ("how do I copy a folder",))
    assert drop_words(whole, 0.9, np.random.default_rng(0)).texts == whole.texts


def test_without_sentence_vectors_states_and_keys_decide_alone():
    memory = small_memory(0.25)
    assert torch.equal(memory.scores(STATES), small_memory(0.0).scores(STATES))


def test_the_base_learns_the_same_weights_with_and_without_an_encoder(opened, encoded):
    def trained(vectors):
        model = new_model(opened.index, TOY_POLICY, vectors)
        train_base(model, opened.collection.corpus, opened.index, replace(TOY_BASE, steps=3))
        return model.policy

    alone, meant = trained(None), trained(encoded.encoded)
    assert (alone.memory.meaning, meant.memory.meaning) == (0.0, TOY_POLICY.memory_meaning)
    weights = meant.state_dict()
    assert all(torch.equal(weight, weights[name]) for name, weight in alone.state_dict().items())
    untrained = new_model(opened.index, TOY_POLICY, encoded.encoded).policy
    assert torch.equal(meant.memory.vectors, untrained.memory.vectors)


def test_without_an_encoder_the_policy_is_that_of_before(opened):
    memory = new_model(opened.index, TOY_POLICY).policy.memory
    assert memory.settings == MemorySettings(12.0, 0.5, memory.neighbours, 0.0)
    assert memory.vectors is None


def test_a_policy_may_be_told_to_read_no_meaning(opened, encoded):
    policy = new_model(opened.index, replace(TOY_POLICY, memory_meaning=0.0), encoded.encoded).policy
    assert policy.sentences is None
    assert policy.meant_batch([Prompt((7, 1), (), ("oven",))]).meaning is None


def test_copies_of_a_policy_share_its_encoder(model):
    assert deepcopy(model.policy).sentences is model.policy.sentences


def test_a_saved_policy_answers_as_before(model, tmp_path):
    model.save(tmp_path)
    again, _ = load_policy(tmp_path, toy_encoder())
    assert again.memory.settings == model.policy.memory.settings
    prompts = [Prompt((7, 1), (7,), ("violins",)), Prompt((8, 9, 1), (8, 9), ("oven", "soil"))]
    policy = model.policy.eval()
    with torch.no_grad():
        assert torch.allclose(
            again.first_step_log_probs(again.meant_batch(prompts)),
            policy.first_step_log_probs(policy.meant_batch(prompts)),
            atol=1e-6,
        )


def test_a_saved_policy_names_its_encoder(model, tmp_path):
    model.save(tmp_path)
    record = json.loads((tmp_path / "encoder.json").read_text())
    assert (record["name"], record["digest"]) == ("fake", "f" * 64)


def test_another_encoder_is_refused(model, tmp_path):
    model.save(tmp_path)
    with pytest.raises(ModelError, match=r"with the sentence encoder fake \(ffffffffffff\), and the documents"):
        load_policy(tmp_path, FakeEncoder(digest="e" * 64))


def test_an_encoder_that_is_gone_is_named(model, tmp_path, monkeypatch):
    monkeypatch.setenv("UNTILCLICK_CACHE", str(tmp_path / "cache"))
    model.save(tmp_path)
    with pytest.raises(ModelError, match=r"the sentence encoder fake .* is not on this machine; convert it again"):
        load_policy(tmp_path)


def test_a_policy_opens_its_encoder_again(opened, tiny_encoder, tmp_path, monkeypatch):
    tiny = encoded_toys(opened, tmp_path, tiny_encoder)
    model = new_model(opened.index, TOY_POLICY, tiny.encoded)
    (tmp_path / "model").mkdir()
    model.save(tmp_path / "model")
    policy, _ = load_policy(tmp_path / "model")
    assert policy.sentences.encoder.card == tiny_encoder.card
    assert load_policy(tmp_path / "model")[0].sentences.encoder is policy.sentences.encoder  # loaded once
    record = json.loads((tmp_path / "model" / "encoder.json").read_text())
    gone = {**record, "folder": str(tmp_path / "moved")}
    (tmp_path / "model" / "encoder.json").write_text(json.dumps(gone))
    monkeypatch.setenv("UNTILCLICK_CACHE", str(tiny_encoder.folder.parents[1]))
    assert load_policy(tmp_path / "model")[0].sentences.encoder.card == tiny_encoder.card
