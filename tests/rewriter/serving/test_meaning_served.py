"""Bundles of models that read meaning: they answer as the trained model does, by the encoder that they carry."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, replace

import numpy as np
import pytest

from untilclick.rewriter.config import EnsembleConfig
from untilclick.rewriter.language.prompts import Prompt
from untilclick.rewriter.language.sentence_vectors import SentenceVectors
from untilclick.rewriter.language.vocabulary import TermVocabulary
from untilclick.rewriter.policy.t5_folder import load_policy
from untilclick.rewriter.rewrite import RewriteRequest
from untilclick.rewriter.serving.bundle import ENCODER_FOLDER, PRIOR_FILE, read_manifest
from untilclick.rewriter.serving.ensemble import MeanLogits
from untilclick.rewriter.serving.memory_reader import MemoryReader
from untilclick.rewriter.serving.readings.document_prior import DocumentPrior
from untilclick.rewriter.serving.readings.mixture import Mixture
from untilclick.rewriter.serving.readings.ranker import rank
from untilclick.rewriter.serving.readings.searched_query import SearchedQuery
from untilclick.rewriter.serving.runtime import CTranslate2Logits, open_bundle
from untilclick.rewriter.stages import export
from untilclick.rewriter.stages.reader import memory_reader, open_models, reader_of, stage_rewriter
from untilclick.rewriter.stages.record import read_stage
from untilclick.search.errors import ModelError
from untilclick.search.text.encoders.query_vectors import QueryVectors

from tests.rewriter.toy_learning import TOY_BASE, TOY_POLICY, TOY_WARM_START, toy_sessions, toy_topics
from tests.rewriter.toy_meaning import encoded_toys
from tests.rewriter.toy_stages import run_base, run_mean, run_warm_start

SESSIONS = tuple(toy_sessions(toy_topics()[:18]))
REQUESTS = [
    *(RewriteRequest(topic.query) for topic in toy_topics()[:4]),
    RewriteRequest("oven", ("moon", "soil water")),
    RewriteRequest("how do I bake a violin"),
]


@pytest.fixture(scope="module")
def encoded(opened, tiny_encoder, tmp_path_factory):
    return encoded_toys(opened, tmp_path_factory.mktemp("vectors"), tiny_encoder)


@pytest.fixture(scope="module")
def run(encoded, tmp_path_factory):
    """A run folder after a short warm start."""
    folder = tmp_path_factory.mktemp("run")
    run_base(encoded, folder, TOY_POLICY, TOY_BASE)
    run_warm_start(encoded, folder, SESSIONS, replace(TOY_WARM_START, epochs=1))
    return folder


def expected(run, encoded):
    """The trained model's log-probabilities, and its prompts."""
    read, language, _ = reader_of(open_models(run, encoded.encoded.encoder))
    prompts = [language.prompt(request, encoded.spelling) for request in REQUESTS]
    return read(prompts), prompts, language.vocabulary


def test_the_memory_scores_documents_as_the_trained_one(run, encoded, tmp_path):
    policy, _ = load_policy(run / "warm_start", encoded.encoded.encoder)
    prompts = [Prompt((7, 1), (7,), ("oven",)), Prompt((8, 1), (8,), ("soil water", "moon")), Prompt((9, 1), (9,))]
    batch = policy.requires_grad_(False).meant_batch(prompts)
    states = policy.first_states(batch)
    memory_reader(policy.memory, encoded).save(tmp_path / "memory.npz", half=False)
    reader = MemoryReader.load(tmp_path / "memory.npz")
    assert reader.meaning == policy.memory.meaning == TOY_POLICY.memory_meaning
    scores = reader.scores(states.numpy(), batch.meaning.numpy())
    assert np.allclose(scores, policy.memory.scores(states, batch.meaning).numpy(), atol=1e-5)


@pytest.mark.parametrize("quantization", ["float32", "int8"])
def test_a_bundle_answers_as_the_trained_model(run, encoded, tmp_path, quantization):
    folder = export.main(export.ExportConfig(run, tmp_path / "bundle", quantization), encoded)
    log_probs, prompts, vocabulary = expected(run / "warm_start", encoded)
    sentences = SentenceVectors(QueryVectors(encoded.encoded.encoder))
    served = CTranslate2Logits.of_bundle(folder, vocabulary, sentences)(prompts)
    if quantization == "float32":
        assert np.allclose(served, log_probs, atol=1e-4)
    else:
        assert min(np.corrcoef(a, b)[0, 1] for a, b in zip(served, log_probs, strict=True)) > 0.98
    silent = [replace(prompt, texts=()) for prompt in prompts]
    assert not np.allclose(CTranslate2Logits.of_bundle(folder, vocabulary, sentences)(silent), served, atol=1e-2)


def test_a_bundle_carries_the_encoder_that_its_model_needs(run, encoded, opened, engine, tmp_path):
    folder = export.main(export.ExportConfig(run, tmp_path / "bundle", "float32"), encoded)
    assert read_manifest(folder).encoder == encoded.encoded.encoder.card
    assert (folder / ENCODER_FOLDER / "card.json").is_file()
    assert len(open_bundle(folder, engine, encoded.vectors).rewrite(REQUESTS)) == len(REQUESTS)
    # The model names its encoder, so that the documents need not be encoded again.
    again = export.main(export.ExportConfig(run, tmp_path / "again", "float32"), opened)
    assert read_manifest(again).version == read_manifest(folder).version


def test_a_model_without_its_encoder_is_refused(run, encoded, tmp_path):
    folder = export.main(export.ExportConfig(run, tmp_path / "bundle", "float32"), encoded)
    with pytest.raises(ModelError, match="needs a sentence encoder"):
        CTranslate2Logits.of_bundle(folder, TermVocabulary.load(folder))


def test_a_mean_reads_meaning(run, encoded, engine, tmp_path):
    run_mean(encoded, tmp_path, SESSIONS, EnsembleConfig((str(run / "base"), str(run / "warm_start"))))
    folder = export.main(export.ExportConfig(tmp_path / "mean", tmp_path / "bundle", "float32"), encoded)
    log_probs, prompts, vocabulary = expected(tmp_path / "mean", encoded)
    sentences = SentenceVectors(QueryVectors(encoded.encoded.encoder))
    members = [CTranslate2Logits.of_bundle(folder / "members" / name, vocabulary, sentences) for name in "01"]
    assert np.allclose(MeanLogits(members)(prompts), log_probs, atol=1e-4)
    assert len(open_bundle(folder, engine, encoded.vectors).rewrite(REQUESTS)) == len(REQUESTS)


def test_a_bundle_carries_the_prominence_of_documents_if_its_blend_weighs_it(
    run, encoded, engine, tmp_path, monkeypatch
):
    prominent = [document.doc_id for document in encoded.collection.corpus.documents[::7]]
    prior = DocumentPrior(dict.fromkeys(prominent, 1.0), {})
    monkeypatch.setattr("untilclick.rewriter.stages.export.prior_of", lambda _: prior)
    monkeypatch.setattr("untilclick.rewriter.stages.reader.prior_of", lambda _: prior)
    rankings = {}
    for weight in (0.0, 0.1):
        mixture = replace(read_stage(run / "warm_start").blend.mixture, prior=weight)
        stage = with_blend(run / "warm_start", tmp_path / f"run {weight}" / "warm_start", mixture=mixture)
        folder = export.main(export.ExportConfig(stage, tmp_path / f"bundle {weight}", "float32"), encoded)
        assert (folder / PRIOR_FILE).is_file() == (weight > 0)
        served, trained = (
            rank(engine, list(map(SearchedQuery.of, rewriter.rewrite(REQUESTS))), 10)
            for rewriter in (open_bundle(folder, engine, encoded.vectors), stage_rewriter(stage, encoded))
        )
        rankings[weight] = [[entry.doc_id for entry in ranking.retrieved] for ranking in served]
        assert rankings[weight] == [[entry.doc_id for entry in ranking.retrieved] for ranking in trained]
    assert rankings[0.1] != rankings[0.0]


def with_blend(stage, target, **changes):
    """A copy of a stage with another blend."""
    shutil.copytree(stage, target)
    record = read_stage(target)
    changed = replace(record, blend=replace(record.blend, **changes), blends={})
    (target / "stage.json").write_text(json.dumps(asdict(changed)), encoding="utf-8")
    return target


@pytest.mark.parametrize("name", ["warm_start", "mean"])
def test_the_policys_documents_beside_the_encoders_words_are_served_as_judged(run, encoded, engine, tmp_path, name):
    stage, rankings = run / name, {}
    if name == "mean":
        run_mean(encoded, tmp_path, SESSIONS, EnsembleConfig((str(run / "base"), str(run / "warm_start"))))
        stage = tmp_path / name
    for documents in (None, "meaning", "policy"):
        weights = {"mixture": Mixture(0.1, 0.1, "fixed"), "recall": "meaning", "documents": documents}
        copied = with_blend(stage, tmp_path / f"run {documents}" / name, **weights)
        bundle = export.main(export.ExportConfig(copied, tmp_path / f"bundle {documents}", "float32"), encoded)
        assert read_manifest(bundle).blend.documents == documents
        served, trained = (
            rank(engine, list(map(SearchedQuery.of, rewriter.rewrite(REQUESTS))), 10)
            for rewriter in (open_bundle(bundle, engine, encoded.vectors), stage_rewriter(copied, encoded))
        )
        rankings[documents] = [[entry.doc_id for entry in ranking.retrieved] for ranking in served]
        assert rankings[documents] == [[entry.doc_id for entry in ranking.retrieved] for ranking in trained]
    assert rankings["policy"] != rankings[None] == rankings["meaning"]


def test_a_memory_without_meaning_is_the_file_of_before(opened, tmp_path):
    run_base(opened, tmp_path, TOY_POLICY, replace(TOY_BASE, steps=1))
    policy, _ = load_policy(tmp_path / "base")
    memory_reader(policy.memory).save(tmp_path / "memory.npz", half=True)
    with np.load(tmp_path / "memory.npz") as parts:
        assert sorted(parts) == ["ids", "keys", "numbers", "weights"]
        assert parts["numbers"].shape == (3,)
