"""A pretrained subword T5 as policy."""

from __future__ import annotations

import pytest
import torch
from transformers import T5ForConditionalGeneration

from untilclick.rewriter.language.vocabulary import EOS_ID
from untilclick.rewriter.policy.models import open_model, save_model
from untilclick.rewriter.policy.subword import load_subword, save_subword
from untilclick.search.errors import ModelError

from tests.rewriter.toy_learning import toy_policy
from tests.rewriter.toy_subword import SHAPE, TOKENS, toy_subword


def test_padding_unknown_sentinels_and_rows_without_a_token_are_banned_and_the_end_is_not():
    policy, vocabulary = toy_subword()
    banned = set(policy.banned_ids.tolist())
    assert {0, 2} <= banned
    assert EOS_ID not in banned
    assert set(vocabulary.tokenizer.convert_tokens_to_ids(["<extra_id_0>", "<extra_id_99>"])) <= banned
    assert set(range(TOKENS, SHAPE.rows)) <= banned
    assert len(banned) == 2 + 100 + SHAPE.rows - TOKENS


def test_what_is_saved_loads_with_the_same_weights_and_words(tmp_path):
    policy, vocabulary = toy_subword()
    torch.nn.init.normal_(policy.value_head.weight)
    save_subword(policy, vocabulary, tmp_path)
    loaded, words = load_subword(tmp_path)
    assert loaded.decoding == "tokens"
    assert all(torch.equal(loaded.state_dict()[name], tensor) for name, tensor in policy.state_dict().items())
    assert torch.equal(loaded.banned_ids, policy.banned_ids)
    assert words.prompt("oven dough", 24) == vocabulary.prompt("oven dough", 24)
    assert words.text(vocabulary.prompt("oven dough", 24).ids) == "oven dough"


def test_a_folder_without_value_head_starts_with_values_of_0(tmp_path):
    policy, vocabulary = toy_subword()
    policy.t5.save_pretrained(tmp_path)
    vocabulary.tokenizer.save_pretrained(tmp_path)
    loaded, _ = load_subword(tmp_path)
    assert (loaded.value_head.weight == 0).all()
    assert T5ForConditionalGeneration.from_pretrained(tmp_path, output_loading_info=True)[1]["missing_keys"] == set()


def test_a_prompt_is_cut_at_its_longest_and_still_ends():
    _, vocabulary = toy_subword()
    prompt = vocabulary.prompt("oven dough flour yeast butter sugar", 4)
    assert len(prompt.ids) == 4
    assert prompt.ids[-1] == EOS_ID


def test_a_folder_that_is_no_t5_or_has_no_tokenizer_is_refused_in_one_sentence(tmp_path):
    with pytest.raises(ModelError, match="not a T5 that can be loaded"):
        load_subword(tmp_path / "nothing")
    policy, _ = toy_subword()
    policy.t5.save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="has no tokenizer"):
        load_subword(tmp_path)


def test_a_t5_with_other_padding_is_refused(tmp_path):
    policy, vocabulary = toy_subword()
    vocabulary.tokenizer.pad_token = "<unk>"
    save_subword(policy, vocabulary, tmp_path)
    with pytest.raises(ModelError, match="for padding, end and decoder start"):
        load_subword(tmp_path)


def test_a_folder_opens_as_the_kind_of_model_that_it_holds(opened, tmp_path):
    for made, name in ((toy_subword(), "subword"), (toy_policy(opened), "terms")):
        folder = tmp_path / name
        folder.mkdir()
        save_model(*made, folder)
        policy, vocabulary = open_model(folder)
        assert policy.decoding == made[0].decoding
        assert type(vocabulary) is type(made[1])
        assert all(torch.equal(policy.state_dict()[key], tensor) for key, tensor in made[0].state_dict().items())
