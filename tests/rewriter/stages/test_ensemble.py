"""Several models that answer as one: their mean, its blend, its bundle."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest

from untilclick.app.loop.trained_systems import TrainedSystems
from untilclick.rewriter.config import EnsembleConfig, RunConfig
from untilclick.rewriter.evaluation.systems import TypedTopic
from untilclick.rewriter.language.prompts import Prompt
from untilclick.rewriter.proof import final
from untilclick.rewriter.proof.final import FinalStage
from untilclick.rewriter.rewrite import RewriteRequest
from untilclick.rewriter.serving.bundle import read_manifest
from untilclick.rewriter.serving.ensemble import MeanLogits
from untilclick.rewriter.serving.runtime import open_bundle
from untilclick.rewriter.stages import export
from untilclick.rewriter.stages.reader import open_reader, stage_rewriter
from untilclick.rewriter.stages.record import latest_stage, read_stage
from untilclick.search.errors import ModelError, UntilclickError

from tests.rewriter.toy_learning import TOY_BASE, TOY_POLICY, TOY_WARM_START, toy_sessions, toy_topics
from tests.rewriter.toy_stages import run_base, run_mean, run_warm_start

SESSIONS = tuple(toy_sessions(toy_topics()[:18], each=2))
REQUESTS = [RewriteRequest(query) for query in ("oven dough", "moon", "train track")]


@pytest.fixture(scope="module")
def runs(opened, tmp_path_factory):
    """Two runs after their warm starts, of different seeds."""
    made = []
    for seed in (0, 1):
        run = tmp_path_factory.mktemp(f"run-{seed}")
        run_base(opened, run, replace(TOY_POLICY, seed=seed), replace(TOY_BASE, seed=seed))
        run_warm_start(opened, run, SESSIONS, replace(TOY_WARM_START, seed=seed))
        made.append(run)
    return made


@pytest.fixture(scope="module")
def mean(opened, runs, tmp_path_factory):
    """The folder of their mean."""
    out = tmp_path_factory.mktemp("mean")
    return run_mean(opened, out, SESSIONS, EnsembleConfig(tuple(map(str, runs))))


def test_probabilities_are_averaged_whatever_the_logits_are_scaled_by():
    members = [np.log([[0.5, 0.25, 0.25]]) + 3, np.log([[0.1, 0.1, 0.8]]) - 5]
    mean = MeanLogits([lambda _, logits=logits: logits for logits in members])([Prompt((1,), ())])
    assert np.exp(mean) == pytest.approx(np.array([[0.3, 0.175, 0.525]]), abs=1e-6)


def test_the_stage_answers_with_the_mean_of_its_models(mean, runs, opened):
    read, language, _ = open_reader(mean)
    prompts = [language.prompt(request, opened.spelling) for request in REQUESTS]
    members = [np.exp(open_reader(latest_stage(run))[0](prompts)) for run in runs]
    assert np.exp(read(prompts)) == pytest.approx(np.mean(members, axis=0), abs=1e-5)
    assert not np.allclose(members[0], members[1], atol=1e-3)


def test_its_blend_is_chosen_for_the_mean(mean, runs):
    record = read_stage(mean)
    assert (record.stage, record.figures["members"]) == ("mean", 2)
    assert record.config == {"members": [str(run) for run in runs], "caution": "balanced"}
    assert record.figures["validation_ndcg"] > record.figures["validation_ndcg_original"]
    best = max(read_stage(run / "warm_start").figures["validation_ndcg"] for run in runs)
    assert record.figures["validation_ndcg"] > best - 0.05


def test_its_bundle_rewrites_as_it_does(mean, opened, engine, tmp_path):
    export.main(export.ExportConfig(mean.parent, tmp_path / "bundle", "float32"), opened)
    assert read_manifest(tmp_path / "bundle").kind == "mean"
    served = open_bundle(tmp_path / "bundle", engine).rewrite(REQUESTS)
    trained = stage_rewriter(mean, opened).rewrite(REQUESTS)
    for rewrite, expected in zip(served, trained, strict=True):
        assert [word for word, _ in rewrite.terms] == [word for word, _ in expected.terms]
        assert [weight for _, weight in rewrite.terms] == pytest.approx(
            [weight for _, weight in expected.terms], abs=1e-4
        )


def test_an_evaluation_takes_it_as_a_system(mean, opened):
    (system,) = TrainedSystems.of(mean.parent)(opened).values()
    topic = toy_topics()[0]
    (answer,) = system([TypedTopic(topic, topic.query)])
    assert answer.rewrite is not None
    assert answer.rewrite.applied


def test_in_a_folder_of_its_own_it_is_judged_against_the_base_of_its_first_model(mean, runs, opened, tmp_path):
    run = shutil.copytree(mean.parent, tmp_path / "run")
    assert read_stage(run / "base") == read_stage(runs[0] / "base")
    proof = read_stage(final.main(FinalStage(RunConfig(run)), opened, SESSIONS)).proof
    assert proof.twin == "mean"
    assert proof.evidence.start.n_queries == proof.evidence.typed.n_queries > 0
    assert "cannot be repeated in folds" in proof.evidence.untrained.reason


def test_models_that_do_not_fit_together_are_refused(runs, opened, tmp_path):
    with pytest.raises(UntilclickError, match="two models or more"):
        run_mean(opened, tmp_path, SESSIONS, EnsembleConfig((str(runs[0]),)))
    other = tmp_path / "other"
    run_base(opened, other, replace(TOY_POLICY, min_document_frequency=4), replace(TOY_BASE, steps=1))
    with pytest.raises(ModelError, match="other terms"):
        run_mean(opened, tmp_path, SESSIONS, EnsembleConfig((str(runs[0]), str(other))))


def test_a_stage_trained_anew_in_its_run_takes_it_away(opened, runs, tmp_path):
    run_base(opened, tmp_path, TOY_POLICY, TOY_BASE)
    run_mean(opened, tmp_path, SESSIONS, EnsembleConfig((str(runs[0]), str(runs[1]))))
    assert latest_stage(tmp_path).name == "mean"
    run_warm_start(opened, tmp_path, SESSIONS, TOY_WARM_START)
    assert latest_stage(tmp_path).name == "warm_start"
