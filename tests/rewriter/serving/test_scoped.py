"""Versions that serve what they have learned for some queries alone."""

import json
import shutil
from dataclasses import replace

import pytest

from untilclick.rewriter.judging.gate import Use
from untilclick.rewriter.rewrite import Reason, Rewrite, RewriteRequest
from untilclick.rewriter.serving import runtime
from untilclick.rewriter.serving.bundle import (
    MANIFEST,
    TWIN_FOLDER,
    UNTRAINED_FOLDER,
    checksums,
    read_manifest,
    write_manifest,
)
from untilclick.rewriter.serving.composing import Parts, compose_bundle
from untilclick.rewriter.serving.runtime import open_bundle
from untilclick.rewriter.serving.scope import SCOPE_FILE, Scope
from untilclick.rewriter.serving.scoped import ScopedRewriter
from untilclick.rewriter.stages import export
from untilclick.search.analysis.by_name import english
from untilclick.search.errors import ModelError
from untilclick.search.text.spelling import SpellingCorrector

from tests.rewriter.toy_learning import TOY_BASE, TOY_POLICY, TOY_WARM_START, toy_sessions, toy_topics
from tests.rewriter.toy_stages import run_base, run_warm_start

SALT = bytes(16)
RETURNING = toy_topics()[0].query
OTHER = toy_topics()[1].query


class Echo:
    """A rewriter that keeps every query and notes what it was asked."""

    def __init__(self, version):
        self.version = version
        self.asked = []

    def rewrite(self, requests):
        self.asked.append([request.query for request in requests])
        return [Rewrite.keep(f"{request.query} by {self.version}", Reason.GATED) for request in requests]


@pytest.fixture
def scoped():
    """A rewriter with `tea` in its scope, and its two parts."""
    scope = Scope.of(["tea"], english(), SpellingCorrector({"tea": 1}), SALT)
    learned, untrained = Echo("learned"), Echo("untrained")
    return ScopedRewriter(learned, untrained, scope), learned, untrained


def test_each_request_is_answered_by_its_rewriter_in_order(scoped):
    rewriter, learned, untrained = scoped
    rewrites = rewriter.rewrite([RewriteRequest(query) for query in ("milk", "tea", "bread", "teas", "milk tea")])
    assert [rewrite.query for rewrite in rewrites] == [
        "milk by untrained", "tea by learned", "bread by untrained", "teas by learned", "milk tea by untrained",
    ]  # fmt: skip
    assert [rewrite.learned for rewrite in rewrites] == [False, True, False, True, False]
    assert learned.asked == [["tea", "teas"]]
    assert untrained.asked == [["milk", "bread", "milk tea"]]
    assert rewriter.version == "learned"


def test_a_rewriter_without_a_request_is_not_called(scoped):
    rewriter, learned, untrained = scoped
    assert rewriter.rewrite([]) == []
    rewriter.rewrite([RewriteRequest("tea", ("milk",))])
    assert (learned.asked, untrained.asked) == ([["tea"]], [])
    rewriter.rewrite([RewriteRequest("milk", ("tea",))])
    assert (learned.asked, untrained.asked) == ([["tea"]], [["milk"]])


@pytest.fixture(scope="module")
def bundles(opened, tmp_path_factory):
    """The bundles of a base and of its warm start."""
    run, folder = tmp_path_factory.mktemp("run"), tmp_path_factory.mktemp("bundles")
    base = run_base(opened, run, TOY_POLICY, TOY_BASE)
    untrained = export.main(export.ExportConfig(base, folder / "untrained"), opened)
    sessions = toy_sessions(toy_topics()[:18])
    model = run_warm_start(opened, run, sessions, replace(TOY_WARM_START, epochs=1))
    return export.main(export.ExportConfig(model, folder / "learned"), opened), untrained


@pytest.fixture(scope="module")
def composed(bundles, opened, tmp_path_factory):
    """A bundle that serves one query that returns, with a twin."""
    learned, untrained = bundles
    scope = Scope.of([RETURNING], opened.engine.analysis, opened.spelling, SALT)
    folder = tmp_path_factory.mktemp("composed") / "bundle"
    compose_bundle(learned, Parts(Use.RETURNING, twin=learned, untrained=untrained, scope=scope), folder)
    return folder


@pytest.fixture
def copied(composed, tmp_path):
    return shutil.copytree(composed, tmp_path / "bundle")


def test_the_learned_model_answers_the_query_that_returns_and_the_untrained_one_all_others(composed, bundles, engine):
    rewriter, learned, untrained = (open_bundle(bundle, engine) for bundle in (composed, *bundles))
    for query, expected in ((OTHER, untrained), (RETURNING, learned), ("oven", untrained)):
        [rewrite], [of_part] = (each.rewrite([RewriteRequest(query)]) for each in (rewriter, expected))
        assert rewrite == replace(of_part, learned=expected is learned)
    assert learned.rewrite([RewriteRequest(RETURNING)]) != untrained.rewrite([RewriteRequest(RETURNING)])


def test_a_twin_is_a_bundle_of_its_own_that_the_service_does_not_open(composed, bundles, engine, monkeypatch):
    twin = open_bundle(composed / TWIN_FOLDER, engine)
    assert twin.version == read_manifest(bundles[0]).version
    folders = []
    model = runtime._translator
    monkeypatch.setattr(runtime, "_translator", lambda folder: folders.append(folder) or model(folder))
    open_bundle(composed, engine)
    assert [folder.relative_to(composed).parts[0] for folder in folders] == ["model", UNTRAINED_FOLDER]


def test_equal_texts_of_both_models_are_read_once(composed, engine, monkeypatch):
    """The corrector's dictionary is the largest part of a small version in memory."""
    read = []
    load = SpellingCorrector.load
    monkeypatch.setattr(SpellingCorrector, "load", lambda path: read.append(path) or load(path))
    open_bundle(composed, engine)
    assert len(read) == 1


def test_a_build_without_uses_refuses_the_bundle(composed):
    """Such a build takes only format 2 for the kind `terms`; it would serve the learned model for all queries."""
    content = json.loads((composed / MANIFEST).read_text())
    assert (content["kind"], content["format"], content["use"]) == ("terms", 5, "returning")


def test_the_version_is_another_than_that_of_the_model_alone(composed, bundles):
    manifest = read_manifest(composed)
    assert manifest.version != read_manifest(bundles[0]).version
    assert f"{TWIN_FOLDER}/{MANIFEST}" in manifest.checksums
    assert {f"{UNTRAINED_FOLDER}/{MANIFEST}", SCOPE_FILE} <= manifest.checksums.keys()


@pytest.mark.parametrize(
    "name", [SCOPE_FILE, f"{UNTRAINED_FOLDER}/{MANIFEST}", f"{UNTRAINED_FOLDER}/vocabulary.json"]
)
def test_a_changed_part_is_refused(copied, engine, name):
    (copied / name).write_text((copied / name).read_text() + " ")
    with pytest.raises(ModelError, match="changed after export"):
        open_bundle(copied, engine)


@pytest.mark.parametrize("name", [SCOPE_FILE, UNTRAINED_FOLDER])
def test_a_bundle_without_a_part_is_refused(copied, engine, name):
    path = copied / name
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    write_manifest(replace(read_manifest(copied, verify=False), checksums=checksums(copied)), copied)
    with pytest.raises(ModelError, match=name):
        open_bundle(copied, engine)


def test_another_use_drops_what_only_the_scope_needs(copied, bundles):
    manifest = compose_bundle(copied, Parts(Use.LEARNED), copied)
    assert (manifest.use, manifest.format, manifest.version) == (Use.LEARNED, 2, read_manifest(bundles[0]).version)
    assert not any((copied / name).exists() for name in (SCOPE_FILE, UNTRAINED_FOLDER, TWIN_FOLDER))


def test_a_returning_bundle_needs_the_untrained_rewriter_of_the_same_documents(bundles, opened, tmp_path):
    learned, untrained = bundles
    scope = Scope.of([RETURNING], opened.engine.analysis, opened.spelling, SALT)
    for parts in (Parts(Use.RETURNING, scope=scope), Parts(Use.RETURNING, untrained=untrained)):
        with pytest.raises(ModelError, match="needs the untrained rewriter and a scope"):
            compose_bundle(learned, parts, tmp_path / "bundle")
    other = shutil.copytree(untrained, tmp_path / "other")
    write_manifest(replace(read_manifest(other), fingerprint="another"), other)
    with pytest.raises(ModelError, match=r"has other documents \(another\)"):
        compose_bundle(learned, Parts(Use.RETURNING, untrained=other, scope=scope), tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()
