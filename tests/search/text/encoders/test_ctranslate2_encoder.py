"""The encoder that serves: vectors of unit length that depend on one text each."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from untilclick.search.errors import ModelError
from untilclick.search.text.encoders.ctranslate2_encoder import CTranslate2Encoder, _batches
from untilclick.search.text.encoders.encoder_folder import file_digest

from tests.conftest import TOY_TEXTS

TEXTS = [f"{title}. {text}" for title, text in TOY_TEXTS.values()] + ["tea", "Cats", "the moon", "warm garden soil"]


@pytest.fixture
def folder(tiny_encoder, tmp_path):
    """A copy of the tiny encoder's folder, to be damaged."""
    return shutil.copytree(tiny_encoder.folder, tmp_path / "encoder")


def test_vectors_have_unit_length_and_tell_texts_apart(tiny_encoder):
    vectors = tiny_encoder.encode(TEXTS)
    assert vectors.shape == (len(TEXTS), 32)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-6)
    assert len({row.tobytes() for row in vectors}) == len(TEXTS)


def test_a_vector_depends_on_its_text_alone(tiny_encoder):
    """CTranslate2 rounds int8 activations by the whole of a padded batch, so that texts of different lengths must not
    share one."""
    alone = np.concatenate([tiny_encoder.encode([text]) for text in TEXTS])
    order = np.random.default_rng(0).permutation(len(TEXTS))
    together = tiny_encoder.encode([TEXTS[i] for i in order])
    assert np.abs(together - alone[order]).max() < 1e-6


@pytest.mark.parametrize("blank", ["", " ", "\n\t", "\x00"])
def test_a_text_without_a_token_has_the_zero_vector(tiny_encoder, blank):
    vectors = tiny_encoder.encode([blank, "tea"])
    assert not vectors[0].any()
    assert np.linalg.norm(vectors[1]) == pytest.approx(1, abs=1e-6)


def test_no_texts_have_no_vectors(tiny_encoder):
    assert tiny_encoder.encode([]).shape == (0, 32)


def test_half_of_a_surrogate_pair_is_read_as_a_question_mark(tiny_encoder):
    assert np.array_equal(tiny_encoder.encode(["tea \ud800"]), tiny_encoder.encode(["tea ?"]))


def test_a_long_text_is_cut_and_counted(tiny_encoder):
    words = ["tea"] * 24  # two of the 24 tokens mark beginning and end
    long, short = " ".join(words), " ".join(words[:22])
    assert np.array_equal(tiny_encoder.encode([long]), tiny_encoder.encode([short]))
    assert tiny_encoder.n_cut([long, short, "tea"]) == 1
    assert tiny_encoder.card.max_tokens == 24


def test_texts_of_equally_many_tokens_are_encoded_together():
    ids = [[1] * length for length in (4, 100, 4, 2, 100, 100, 300, 4)]
    assert list(_batches(ids, blank=[1, 1])) == [[0, 2, 7], [1, 4], [5], [6]]


def test_the_card_says_what_the_encoder_is(tiny_encoder):
    card = tiny_encoder.card
    assert (card.name, card.dimension, card.licence, card.trained_on) == (
        "tiny",
        32,
        "apache-2.0",
        ("toys", "more_toys"),
    )
    assert card.changes.startswith("converted to int8 by CTranslate2 ")
    notice = (tiny_encoder.folder / "LICENSE.txt").read_text()
    assert card.changes in notice
    assert "Apache License" in notice


def test_an_equal_folder_has_an_equal_digest(tiny_encoder, folder):
    assert CTranslate2Encoder(folder).card == tiny_encoder.card


@pytest.mark.parametrize("name", ["tokenizer.json", "encoder.json", "model/model.bin"])
def test_a_changed_file_is_refused(folder, name):
    before = file_digest(folder / name)
    (folder / name).write_bytes((folder / name).read_bytes() + b" ")
    assert file_digest(folder / name) != before
    with pytest.raises(ModelError, match="have the checksum"):
        CTranslate2Encoder(folder)


def test_a_folder_that_is_no_encoder_is_refused(tmp_path):
    with pytest.raises(ModelError, match="is not a converted encoder"):
        CTranslate2Encoder(tmp_path)


def test_a_model_that_cannot_be_read_is_named(folder):
    from untilclick.search.text.encoders.encoder_folder import folder_digest

    (folder / "model" / "model.bin").write_bytes(b"no model")
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps(card | {"digest": folder_digest(folder)}))
    with pytest.raises(ModelError, match="is not a model that CTranslate2 can read"):
        CTranslate2Encoder(folder)
