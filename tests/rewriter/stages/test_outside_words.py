"""Stages with words that no document holds: which get them, and what becomes of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from untilclick.rewriter.config import EnsembleConfig, RunConfig
from untilclick.rewriter.data.log_sides import split_by_need
from untilclick.rewriter.language.prompts import render
from untilclick.rewriter.offline_config import OfflineConfig
from untilclick.rewriter.policy.logits import PolicyLogits
from untilclick.rewriter.policy.models import open_rewriter
from untilclick.rewriter.proof.retraining import refit
from untilclick.rewriter.rewrite import RewriteRequest
from untilclick.rewriter.serving.bundle import read_manifest
from untilclick.rewriter.serving.runtime import open_bundle
from untilclick.rewriter.stages import export
from untilclick.rewriter.stages.input import load_stage
from untilclick.rewriter.stages.record import BASE
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.records import Session

from tests.rewriter.toy_lay_words import lay_sessions
from tests.rewriter.toy_learning import TOY_BASE, TOY_POLICY, TOY_WARM_START, toy_sessions, toy_topics
from tests.rewriter.toy_meaning import encoded_toys
from tests.rewriter.toy_stages import run_base, run_mean, run_offline, run_warm_start

LOG = list(toy_sessions(toy_topics()[:18]))


def _log(*words: str) -> list[Session]:
    return [*LOG, *(each for word in words for each in lay_sessions(word, "dough oven", "kitchen-0"))]


@pytest.fixture(scope="module")
def base(opened, tmp_path_factory):
    run = tmp_path_factory.mktemp("run")
    run_base(opened, run, TOY_POLICY, TOY_BASE)
    return run


def _trained(opened: OpenedCollection, base, tmp_path, *words: str):
    """A warm start on a log with these words, in a run of its own."""
    run = tmp_path / "-".join(words)
    run.mkdir()
    (run / BASE).symlink_to(base / BASE)
    return run_warm_start(opened, run, _log(*words), replace(TOY_WARM_START, epochs=1))


def test_a_base_has_common_words_if_there_is_an_encoder(opened, tmp_path):
    config = replace(TOY_POLICY, outside_words=50)
    base = open_rewriter(run_base(opened, tmp_path / "plain", config, replace(TOY_BASE, steps=1)))
    assert base.language.vocabulary.outside == ()
    encoded = encoded_toys(opened, tmp_path)
    folder = run_base(encoded, tmp_path / "encoded", config, replace(TOY_BASE, steps=1))
    vocabulary = load_stage(encoded, folder).language.vocabulary
    assert len(vocabulary.outside) == 50
    assert not any(opened.spelling.is_known(term) for term in vocabulary.outside)


def test_a_warm_start_has_the_words_of_its_training_sessions_behind_the_terms(opened, base, tmp_path):
    model = load_stage(opened, _trained(opened, base, tmp_path, "zorgel", "blimda"))
    vocabulary = model.language.vocabulary
    assert vocabulary.terms == load_stage(opened, base / BASE).language.vocabulary.terms
    # The words share a need, which may be held out.
    assert vocabulary.outside in {("blimda", "zorgel"), ()}


def test_a_refit_has_the_words_of_all_sides(opened, base, tmp_path):
    twin = _trained(opened, base, tmp_path, "zorgel")
    run = RunConfig(tmp_path / "refit")
    run.out.mkdir()
    (run.out / BASE).symlink_to(base / BASE)
    sides = split_by_need(_log("zorgel", "blimda"), opened.collection.topics, opened.analysis, run.split_key)
    folder = refit(twin, run, opened, sides.to_learn_from(sides.all))
    assert load_stage(opened, folder).language.vocabulary.outside == ("blimda", "zorgel")


def test_offline_learning_has_the_words_as_well(opened, base, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    (run / BASE).symlink_to(base / BASE)
    sides = split_by_need(_log("zorgel"), opened.collection.topics, opened.analysis, RunConfig(run).split_key)
    everything = replace(sides, training=sides.all)
    folder = run_offline(opened, run, everything, OfflineConfig(epochs=1))
    assert load_stage(opened, folder).language.vocabulary.outside == ("zorgel",)


def test_a_mean_reads_the_words_of_each_model(opened, base, tmp_path):
    folders = [_everything(opened, base, tmp_path, word) for word in ("zorgel", "blimda")]
    (tmp_path / "mean").mkdir()
    mean = run_mean(opened, tmp_path / "mean", LOG, EnsembleConfig((str(folders[0]), str(folders[1]))))
    members = [open_rewriter(mean / "members" / name) for name in "01"]
    assert [each.language.vocabulary.outside for each in members] == [("zorgel", "blimda")] * 2
    for folder, member, unread in zip(folders, members, ("blimda", "zorgel"), strict=True):
        model = load_stage(opened, folder)
        for query in ("zorgel oven", "blimda oven", "soil"):
            before, after = (
                PolicyLogits(each.policy)([render(RewriteRequest(query), each.language.vocabulary)])
                for each in (model, member)
            )
            assert np.allclose(before, after, atol=1e-4), (query, unread)


def _everything(opened: OpenedCollection, base, tmp_path, word: str):
    """A warm start that learned from all sessions of a log with a word."""
    twin = _trained(opened, base, tmp_path, word)
    run = RunConfig(tmp_path / f"all-{word}")
    run.out.mkdir()
    (run.out / BASE).symlink_to(base / BASE)
    sides = split_by_need(_log(word), opened.collection.topics, opened.analysis, run.split_key)
    return refit(twin, run, opened, sides.to_learn_from(sides.all))


def test_a_bundle_with_outside_words_has_the_format_that_reads_them(opened, base, tmp_path):
    folder = _everything(opened, base, tmp_path, "zorgel")
    bundle = export.main(export.ExportConfig(folder, tmp_path / "bundle"), opened)
    manifest = read_manifest(bundle)
    assert (manifest.format, manifest.outside_words) == (6, 1)
    rewrite, unknown = open_bundle(bundle, opened.engine).rewrite([RewriteRequest("zorgel"), RewriteRequest("frusk")])
    assert rewrite.terms
    assert "zorgel" not in {word for word, _ in rewrite.terms}
    assert not unknown.applied
