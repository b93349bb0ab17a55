"""Model folders: what others can read of them, and what happens to broken ones."""

from __future__ import annotations

import json

import pytest
import torch
from tokenizers import Tokenizer
from transformers import AutoTokenizer, T5ForConditionalGeneration
from transformers.utils import logging

from untilclick.rewriter.language.vocabulary import SPECIAL_TOKENS
from untilclick.rewriter.policy.t5 import collate
from untilclick.rewriter.policy.t5_folder import load_policy, save_policy
from untilclick.search.errors import ModelError

from tests.rewriter.toy_learning import prompt_of, shaken, toy_policy


@pytest.fixture(scope="module")
def saved(opened, tmp_path_factory):
    """A shaken policy, its vocabulary and the folder it was saved to."""
    policy, vocabulary = toy_policy(opened, "autoregressive")
    shaken(policy)
    folder = tmp_path_factory.mktemp("model")
    save_policy(policy, vocabulary, folder)
    return policy, vocabulary, folder


def test_the_library_loads_the_folder_with_no_key_missing_and_none_left_over(saved):
    """Models that another implementation saved loaded with 54 missing keys, that is, as random models."""
    policy, vocabulary, folder = saved
    t5, report = T5ForConditionalGeneration.from_pretrained(folder, output_loading_info=True)
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    assert not report["mismatched_keys"]
    batch = collate([prompt_of(vocabulary, "oven"), prompt_of(vocabulary, "soil", "seed")], len(vocabulary))
    decoder_ids = torch.zeros(2, 1, dtype=torch.long)
    with torch.no_grad():
        logits, wanted = (
            model(
                input_ids=batch.input_ids, attention_mask=batch.attention_mask, decoder_input_ids=decoder_ids
            ).logits
            for model in (t5.eval(), policy.t5)
        )
    assert float((logits - wanted).abs().max()) == 0.0


def test_a_loaded_policy_equals_the_saved_one(saved):
    policy, vocabulary, folder = saved
    loaded, terms = load_policy(folder)
    assert all(torch.equal(tensor, policy.state_dict()[name]) for name, tensor in loaded.state_dict().items())
    assert loaded.state_dict().keys() == policy.state_dict().keys()
    assert (loaded.decoding, loaded.candidates) == (policy.decoding, policy.candidates)
    assert terms.terms == vocabulary.terms
    assert not loaded.training
    assert loaded.t5.lm_head.weight is loaded.t5.shared.weight


def test_the_tokenizer_file_gives_the_ids_of_the_vocabulary(saved):
    """In another implementation a separator outside the vocabulary made the saved tokenizer larger than the model."""
    policy, vocabulary, folder = saved
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    text = " ".join([*vocabulary.terms, *SPECIAL_TOKENS, "neverseen"])
    wanted = [*range(5, len(vocabulary)), *range(5), 3]
    assert tokenizer.encode(text, add_special_tokens=False).ids == wanted
    assert tokenizer.get_vocab_size() == len(vocabulary) == policy.vocabulary_size
    auto = AutoTokenizer.from_pretrained(folder)
    assert auto(text)["input_ids"] == wanted
    assert (auto.pad_token_id, auto.eos_token_id) == (0, 1)


def copy_of(folder, target):
    target.mkdir()
    for path in folder.iterdir():
        (target / path.name).write_bytes(path.read_bytes())
    return target


@pytest.mark.parametrize(
    "name", ["model.safetensors", "config.json", "policy.json", "value_head.safetensors", "vocabulary.json"]
)
@pytest.mark.parametrize("damage", ["missing", "cut", "empty"])
def test_a_broken_folder_is_a_model_error(saved, tmp_path, name, damage):
    folder = copy_of(saved[2], tmp_path / "broken")
    path = folder / name
    content = path.read_bytes()
    path.unlink()
    if damage != "missing":
        path.write_bytes(content[: len(content) // 2] if damage == "cut" else b"")
    with pytest.raises(ModelError, match="broken"):
        load_policy(folder)


def test_weights_of_another_shape_are_a_model_error(saved, tmp_path):
    folder = copy_of(saved[2], tmp_path / "broken")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "vocab_size": config["vocab_size"] + 3}))
    with pytest.raises(ModelError, match="broken"):
        load_policy(folder)


def test_weights_that_lack_a_layer_are_a_model_error_not_a_random_layer(saved, tmp_path):
    folder = copy_of(saved[2], tmp_path / "broken")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "num_layers": config["num_layers"] + 1}))
    with pytest.raises(ModelError, match="broken"):
        load_policy(folder)


def test_a_vocabulary_of_another_size_than_the_model_is_a_model_error(saved, tmp_path):
    folder = copy_of(saved[2], tmp_path / "broken")
    content = json.loads((folder / "vocabulary.json").read_text())
    (folder / "vocabulary.json").write_text(
        json.dumps({name: part[:-1] if isinstance(part, list) else part for name, part in content.items()})
    )
    with pytest.raises(ModelError, match="broken"):
        load_policy(folder)


def test_a_missing_folder_is_a_model_error(tmp_path):
    with pytest.raises(ModelError, match="nowhere"):
        load_policy(tmp_path / "nowhere")


@pytest.mark.parametrize("enabled", [True, False])
def test_loading_shows_no_progress_bar_and_leaves_the_setting_as_it_was(saved, capfd, enabled):
    """The library draws "Loading weights" for a model that loads in milliseconds."""
    before = logging.is_progress_bar_enabled()
    (logging.enable_progress_bar if enabled else logging.disable_progress_bar)()
    try:
        load_policy(saved[2])
        assert logging.is_progress_bar_enabled() is enabled
    finally:
        (logging.enable_progress_bar if before else logging.disable_progress_bar)()
    assert capfd.readouterr().err == ""


def test_a_model_over_terms_that_claims_to_generate_subwords_is_refused(opened, tmp_path):
    """A policy over terms bans the end token and the terms of the query by other rules than a subword T5."""
    policy, vocabulary = toy_policy(opened)
    policy.decoding = "tokens"
    save_policy(policy, vocabulary, tmp_path)
    with pytest.raises(ModelError, match="decoding: Input should be 'parallel' or 'autoregressive', found 'tokens'"):
        load_policy(tmp_path)
