"""Bundles: an exported model answers as the trained one, and a bundle that does not fit is refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from untilclick.rewriter.language.prompts import render
from untilclick.rewriter.policy.logits import PolicyLogits
from untilclick.rewriter.policy.models import model_rewriter, open_rewriter
from untilclick.rewriter.policy.t5_folder import load_policy
from untilclick.rewriter.rewrite import RewriteRequest
from untilclick.rewriter.serving.bundle import MANIFEST, MODEL_FOLDER, bundle_version, checksums, read_manifest
from untilclick.rewriter.serving.memory_reader import MemoryReader
from untilclick.rewriter.serving.runtime import MAX_BATCH, CTranslate2Logits, open_bundle
from untilclick.rewriter.stages import export
from untilclick.rewriter.stages.record import read_stage
from untilclick.search.errors import ModelError

from tests.rewriter.toy_learning import TOY_BASE, TOY_POLICY, TOY_WARM_START, toy_sessions, toy_topics
from tests.rewriter.toy_stages import run_base, run_warm_start

REQUESTS = [
    *(RewriteRequest(topic.query) for topic in toy_topics()),
    *(RewriteRequest(topic.query, ("moon", "soil water")) for topic in toy_topics()[:4]),
    RewriteRequest("duogh oven"),
    RewriteRequest("oven"),
]


@pytest.fixture(scope="module")
def model(opened, tmp_path_factory):
    """The folder of a short warm start."""
    run = tmp_path_factory.mktemp("run")
    run_base(opened, run, TOY_POLICY, TOY_BASE)
    return run_warm_start(opened, run, toy_sessions(toy_topics()[:18]), replace(TOY_WARM_START, epochs=1))


@pytest.fixture(scope="module", params=["float32", "int8"])
def bundled(request, model, opened, tmp_path_factory):
    """(quantization, folder) of a bundle."""
    folder = tmp_path_factory.mktemp("export") / "bundle"
    return request.param, export.main(export.ExportConfig(model, folder, request.param), opened)


@pytest.fixture
def copied(bundled, tmp_path):
    return shutil.copytree(bundled[1], tmp_path / "bundle")


def test_logits_of_the_bundle_are_those_of_the_policy(bundled, model, opened):
    quantization, folder = bundled
    policy, vocabulary = load_policy(model)
    prompts = [render(request, vocabulary, opened.spelling) for request in REQUESTS]
    assert len(prompts) < MAX_BATCH or quantization  # one batch or more alike
    policy_logits = PolicyLogits(policy)(prompts)
    bundle_logits = CTranslate2Logits.of_bundle(folder, vocabulary)(prompts)
    if quantization == "float32":
        assert np.allclose(bundle_logits, policy_logits, atol=1e-4)
    else:
        correlation = [np.corrcoef(a, b)[0, 1] for a, b in zip(bundle_logits, policy_logits, strict=True)]
        assert min(correlation) > 0.98


def test_more_prompts_than_a_batch_come_back_in_order(bundled, model, opened):
    _, folder = bundled
    _, vocabulary = load_policy(model)
    logits = CTranslate2Logits.of_bundle(folder, vocabulary)
    prompts = [render(request, vocabulary, opened.spelling) for request in REQUESTS] * 3
    assert len(prompts) > 2 * MAX_BATCH
    rows = logits(prompts)
    assert np.allclose(rows[-1], logits(prompts[-1:])[0], atol=1e-2)
    assert np.allclose(rows[: len(REQUESTS)], rows[len(REQUESTS) : 2 * len(REQUESTS)], atol=1e-2)


def test_the_bundle_rewrites_as_the_torch_policy_does(bundled, model, opened, engine):
    quantization, folder = bundled
    settings = read_stage(model).blend
    trained = model_rewriter(open_rewriter(model), opened.spelling, engine, settings).rewrite(REQUESTS)
    served = open_bundle(folder, engine).rewrite(REQUESTS)
    for rewrite, expected in zip(served, trained, strict=True):
        if quantization == "float32":
            assert [word for word, _ in rewrite.terms] == [word for word, _ in expected.terms]
            assert [w for _, w in rewrite.terms] == pytest.approx([w for _, w in expected.terms], abs=1e-4)
            assert (rewrite.applied, rewrite.reason, rewrite.text) == (
                expected.applied,
                expected.reason,
                expected.text,
            )
            assert rewrite.confidence == pytest.approx(expected.confidence, abs=1e-4)
        else:
            shared = {word for word, _ in rewrite.terms} & {word for word, _ in expected.terms}
            assert len(shared) >= 0.7 * len(expected.terms)


def test_a_bundle_says_what_it_is(bundled, model):
    quantization, folder = bundled
    manifest = read_manifest(folder)
    assert manifest.quantization == quantization
    record = read_stage(model)
    assert (manifest.blend, manifest.blends) == (record.blend, record.blends)
    assert set(manifest.blends) == {"balanced", "cautious"}
    assert manifest.version == bundle_version(checksums(folder), manifest.blend, manifest.blends)
    expected = {"spelling.json", "tokenizer.json", "vocabulary.json", f"{MODEL_FOLDER}/model.bin"}
    assert expected <= set(manifest.checksums)
    assert not list(folder.rglob("*.safetensors"))


def test_the_version_changes_with_the_weights_and_with_the_blend(bundled):
    _, folder = bundled
    manifest = read_manifest(folder)
    other_blend = replace(manifest.blend, sharpness=0.123)
    other_weights = {**manifest.checksums, f"{MODEL_FOLDER}/model.bin": "0" * 64}
    versions = {
        manifest.version,
        bundle_version(manifest.checksums, other_blend, manifest.blends),
        bundle_version(manifest.checksums, manifest.blend, {**manifest.blends, "cautious": other_blend}),
        bundle_version(other_weights, manifest.blend, manifest.blends),
    }
    assert len(versions) == 4
    backwards = dict(sorted(manifest.checksums.items())[::-1])
    assert manifest.version == bundle_version(backwards, manifest.blend, manifest.blends)


def test_exporting_twice_gives_the_same_version(bundled, model, opened, tmp_path):
    quantization, folder = bundled
    again = export.main(export.ExportConfig(model, tmp_path / "again", quantization), opened)
    assert read_manifest(again).version == read_manifest(folder).version


@pytest.mark.parametrize("name", ["vocabulary.json", "spelling.json", f"{MODEL_FOLDER}/model.bin"])
def test_a_changed_or_missing_file_is_refused(copied, engine, name):
    path = copied / name
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(ModelError, match="changed after export"):
        open_bundle(copied, engine)
    path.unlink()
    with pytest.raises(ModelError, match=path.name.replace(".", r"\.")):
        open_bundle(copied, engine)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("prompt_version", 99, "prompt version 99"),
        ("format", 7, "format 7"),
        ("blend", {"unknown": 1}, "cannot be read"),
        ("blend", None, "cannot be read"),
        ("figures", {"ndcg": "high"}, r"figures\.ndcg: Input should be a valid number, found 'high'"),
        ("kind", "tea", "kind tea; this build reads terms or subwords or mean"),
    ],
)
def test_a_bundle_of_another_build_is_refused(copied, engine, field, value, message):
    path = copied / MANIFEST
    path.write_text(json.dumps({**json.loads(path.read_text()), field: value}))
    with pytest.raises(ModelError, match=message):
        open_bundle(copied, engine)


def test_a_key_of_a_later_build_is_ignored(copied, engine):
    path = copied / MANIFEST
    path.write_text(json.dumps({**json.loads(path.read_text()), "later": {"key": 1}}))
    assert open_bundle(copied, engine).version == read_manifest(copied).version


def test_the_format_is_checked_before_what_an_older_one_lacks(copied, engine):
    (copied / MANIFEST).write_text('{"format": 1}')
    with pytest.raises(ModelError, match="format 1; this build reads 2"):
        open_bundle(copied, engine)


@pytest.mark.parametrize("content", [None, "", "[]", "{}", '{"format": 2}'])
def test_a_broken_manifest_is_refused(copied, engine, content):
    (copied / MANIFEST).unlink()
    if content is not None:
        (copied / MANIFEST).write_text(content)
    with pytest.raises(ModelError, match=r"bundle\.json"):
        open_bundle(copied, engine)


def test_an_older_bundle_gives_way_as_a_whole(model, opened, tmp_path):
    folder = tmp_path / "bundle"
    folder.mkdir()
    (folder / "left_over").touch()
    export.main(export.ExportConfig(model, folder, "int8"), opened)
    assert not (folder / "left_over").exists()


def test_what_was_never_trained_cannot_be_exported(tmp_path, opened):
    with pytest.raises(ModelError, match="no trained model"):
        export.main(export.ExportConfig(tmp_path, tmp_path / "bundle"), opened)
    assert not (tmp_path / "bundle").exists()


@pytest.mark.parametrize("content", [b"", b"no archive"])
def test_a_memory_that_cannot_be_read_is_refused(tmp_path, content):
    (tmp_path / "memory.npz").write_bytes(content)
    with pytest.raises(ModelError, match=r"memory\.npz"):
        MemoryReader.load(tmp_path / "memory.npz")


def test_a_memory_keeps_its_numbers_and_half_the_precision_where_asked(tmp_path):
    rng = np.random.default_rng(0)
    ids, weights, keys = rng.integers(5, 90, (4, 3)), rng.random((4, 3)), rng.random((4, 2))
    memory = MemoryReader(ids, weights.astype(np.float32), keys.astype(np.float32), 12.5, 0.25, 3)
    for half, tolerance in ((False, 0.0), (True, 1e-3)):
        memory.save(tmp_path / "memory.npz", half=half)
        again = MemoryReader.load(tmp_path / "memory.npz")
        assert (again.sharpness, again.share, again.neighbours) == (12.5, 0.25, 3)
        assert np.array_equal(again.ids, ids)
        assert np.allclose(again.weights, memory.weights, rtol=tolerance, atol=0)
        assert np.allclose(again.keys, memory.keys, rtol=tolerance, atol=0)
