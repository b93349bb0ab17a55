"""Encoders by name."""

from __future__ import annotations

import hashlib
import logging
import shutil

import pytest

from untilclick.search.errors import MissingDependencyError, ModelError
from untilclick.search.text.encoders import minilm, opened, static_vectors
from untilclick.search.text.encoders.hub import hub_folder
from untilclick.search.text.encoders.opened import WITHOUT_ENCODER, open_encoder


@pytest.fixture
def package(tiny_model, tmp_path, monkeypatch):
    """The folder of a stand-in for the package of all-MiniLM-L6-v2, whose weights are the published ones."""
    folder = tmp_path / minilm.PACKAGE
    shutil.copytree(tiny_model, folder / "model")
    (folder / "__init__.py").write_text("raise AssertionError('imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    digest = hashlib.sha256((folder / "model" / minilm.WEIGHTS_FILE).read_bytes()).hexdigest()
    monkeypatch.setattr(minilm, "WEIGHTS_SHA256", digest)
    return folder


@pytest.fixture
def convert(tiny_encoder):
    """A converter that copies the tiny encoder, and counts."""

    def copy(source, folder, quantization):
        copy.sources.append(source)
        shutil.copytree(tiny_encoder.folder, folder, dirs_exist_ok=True)

    copy.sources = []
    return copy


def test_none_is_no_encoder_and_no_loss(tmp_path):
    assert open_encoder("none", cache=tmp_path) == (None, None)


@pytest.mark.parametrize("name", ["auto", "minilm"])
def test_the_package_is_read_without_being_imported_and_converted_once(package, convert, tmp_path, name):
    first = open_encoder(name, convert, cache=tmp_path / "cache")
    assert first.note is None
    assert first.encoder.card.dimension == 32
    assert [(source.name, source.licence) for source in convert.sources] == [(minilm.NAME, "apache-2.0")]
    shutil.rmtree(package)  # what was converted needs neither the package nor the converter
    assert open_encoder(name, cache=tmp_path / "cache").encoder.card == first.encoder.card


def test_auto_without_the_package_says_what_is_lost(monkeypatch, convert, tmp_path):
    monkeypatch.setattr(minilm, "PACKAGE", "no_such_package")
    assert open_encoder("auto", convert, cache=tmp_path) == (None, WITHOUT_ENCODER)
    assert "pip install 'untilclick[minilm]'" in WITHOUT_ENCODER


def test_auto_without_a_converter_says_what_is_lost(package, tmp_path):
    assert open_encoder("auto", cache=tmp_path / "cache") == (None, WITHOUT_ENCODER)


def test_minilm_without_the_package_is_an_error(monkeypatch, convert, tmp_path):
    monkeypatch.setattr(minilm, "PACKAGE", "no_such_package")
    with pytest.raises(MissingDependencyError, match=r"no-such-package is not installed.*untilclick\[minilm\]"):
        open_encoder("minilm", convert, cache=tmp_path)


@pytest.mark.parametrize("name", ["auto", "minilm"])
def test_other_weights_are_refused(package, convert, tmp_path, name):
    weights = package / "model" / minilm.WEIGHTS_FILE
    weights.write_bytes(weights.read_bytes() + b" ")
    with pytest.raises(ModelError, match="has the SHA-256"):
        open_encoder(name, convert, cache=tmp_path / "cache")
    assert convert.sources == []


def test_a_package_without_weights_is_refused(package, convert, tmp_path):
    (package / "model" / minilm.WEIGHTS_FILE).unlink()
    with pytest.raises(ModelError, match=r"lacks model\.safetensors"):
        open_encoder("minilm", convert, cache=tmp_path / "cache")


def test_the_published_checksum_is_that_of_the_notes():
    assert minilm.WEIGHTS_SHA256.startswith("53aa51172d142c89")
    assert len(minilm.WEIGHTS_SHA256) == 64
    assert len(minilm.REVISION) == 40


def test_a_converted_folder_is_read_as_it_is(tiny_encoder, tmp_path):
    assert open_encoder(str(tiny_encoder.folder), cache=tmp_path).encoder.card == tiny_encoder.card
    assert list(tmp_path.iterdir()) == []


def test_a_changed_model_is_converted_again(tiny_model, convert, tmp_path):
    copy = shutil.copytree(tiny_model, tmp_path / "model")
    for _ in range(2):
        open_encoder(str(copy), convert, cache=tmp_path / "cache")
    (copy / "1_Pooling" / "config.json").write_text("{}")
    open_encoder(str(copy), convert, cache=tmp_path / "cache")
    assert len(convert.sources) == 2


def test_a_folder_that_is_no_model_is_refused(convert, tmp_path):
    with pytest.raises(ModelError, match=r"is not a sentence encoder: it has no modules\.json"):
        open_encoder(str(tmp_path), convert, cache=tmp_path)


@pytest.mark.parametrize("name", ["no-such-name", "no/such/folder"])
def test_another_name_is_refused(convert, tmp_path, name, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match="is not an encoder; use auto, minilm, static, none, a folder, or a hub id"):
        open_encoder(name, convert, cache=tmp_path)


def test_a_model_of_the_hub_that_cannot_be_had_is_named(convert, tmp_path):
    with pytest.raises(ModelError, match="some/model is not in the local cache of the hub, and cannot be had"):
        open_encoder("some/model", convert, cache=tmp_path)


def test_a_model_in_the_local_cache_of_the_hub_is_used(tiny_model, convert, tmp_path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    snapshots = tmp_path / "hub" / "models--some--model"
    shutil.copytree(tiny_model, snapshots / "snapshots" / ("a" * 40))
    (snapshots / "refs").mkdir()
    (snapshots / "refs" / "main").write_text("a" * 40)
    assert hub_folder("some/model").name == "a" * 40
    assert open_encoder("some/model", convert, cache=tmp_path / "cache").encoder is not None
    assert [source.name for source in convert.sources] == ["some/model"]


def test_a_cache_that_cannot_be_written_is_named(tiny_model, convert, tmp_path):
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(ModelError, match=r"cannot be written to .* set UNTILCLICK_CACHE"):
        open_encoder(str(tiny_model), convert, cache=tmp_path / "cache")


def test_a_conversion_that_fails_leaves_no_folder(tiny_model, tmp_path):
    def fails(source, folder, quantization):
        (folder / "card.json").write_text("{}")
        raise ModelError("cannot be served")

    with pytest.raises(ModelError, match="cannot be served"):
        open_encoder(str(tiny_model), fails, cache=tmp_path)
    assert [path for path in (tmp_path / "encoders").iterdir() if path.is_dir()] == []


def test_a_conversion_is_needed_without_a_converter(tiny_model, tmp_path):
    with pytest.raises(MissingDependencyError, match=r"untilclick\[encoders\]"):
        open_encoder(str(tiny_model), cache=tmp_path)


def test_a_model_card_without_a_head_states_nothing(tiny_model, convert, tmp_path):
    copy = shutil.copytree(tiny_model, tmp_path / "model")
    (copy / "README.md").write_text("---\nlicense: [\n---\n")
    open_encoder(str(copy), convert, cache=tmp_path / "cache")
    (copy / "README.md").unlink()
    open_encoder(str(copy), convert, cache=tmp_path / "other")
    assert [(source.licence, source.trained_on) for source in convert.sources] == [("not stated", ())] * 2


def test_static_vectors_need_their_package(monkeypatch, tmp_path):
    monkeypatch.setattr(static_vectors, "PACKAGE", "no_such_package")
    with pytest.raises(MissingDependencyError, match=r"untilclick\[static\]"):
        open_encoder("static", cache=tmp_path)


def test_static_opens_the_package(monkeypatch, tmp_path):
    encoder = object()
    monkeypatch.setattr(opened.StaticEncoder, "open", lambda: encoder)
    handlers = list(logging.getLogger().handlers)
    assert open_encoder("static", cache=tmp_path) == (encoder, None)
    assert logging.getLogger().handlers == handlers
