"""A pretrained subword T5 through the stages at toy size: what it learns, what is written, what is served."""

from __future__ import annotations

import copy
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from untilclick.app.observe.metrics import Metrics
from untilclick.app.service.answers import SearchCommand
from untilclick.app.service.opening import open_service
from untilclick.app.settings.service import Settings
from untilclick.rewriter.data.corpus_scorer import CorpusScorer
from untilclick.rewriter.data.environment import RewardEnvironment, RolloutBlend
from untilclick.rewriter.data.generation_environment import GenerationEnvironment
from untilclick.rewriter.data.hindsight import TargetMaker, TargetSettings
from untilclick.rewriter.data.logged_queries import JudgedQuery, clicked_queries, training_query
from untilclick.rewriter.data.pseudo_queries import term_weights
from untilclick.rewriter.data.rewards import NdcgReward
from untilclick.rewriter.flat_settings import changed
from untilclick.rewriter.language.subword_settings import SubwordConfig, is_subword_stage
from untilclick.rewriter.language.vocabulary import TermVocabulary
from untilclick.rewriter.offline_config import OfflineConfig
from untilclick.rewriter.policy.models import SubwordModel, model_rewriter, open_rewriter
from untilclick.rewriter.policy.sampling import sample
from untilclick.rewriter.policy.text_loss import target_ids, text_loss
from untilclick.rewriter.rewrite import RewriteRequest
from untilclick.rewriter.serving.bundle import read_manifest
from untilclick.rewriter.serving.runtime import CTranslate2Texts, open_bundle, open_language
from untilclick.rewriter.stages import export
from untilclick.rewriter.stages.record import read_stage
from untilclick.rewriter.stages.subword_base import SubwordStart
from untilclick.rewriter.stages.warm_start import make_examples, train_warm_start
from untilclick.rewriter.training.log import TrainingLog
from untilclick.rewriter.training.ppo.trainer import PPOTrainer
from untilclick.search.errors import ModelError

from tests.rewriter.toy_learning import toy_documents, toy_sessions, toy_topics
from tests.rewriter.toy_stages import run_offline, run_ppo, run_subword_base, run_warm_start
from tests.rewriter.toy_subword_stages import BASE, PPO, SETTINGS, WARM_START, pretrained, toy_language

ROOT = Path(__file__).parents[3]
SESSIONS = tuple(toy_sessions(toy_topics(), each=1))
REQUESTS = [RewriteRequest(topic.query) for topic in toy_topics()] + [RewriteRequest("moon", ("star", "comet"))]


@pytest.fixture(scope="module")
def taught(opened, tmp_path_factory):
    """A policy after thirty passes of warm start, its language, its examples, and what they cost before and after."""
    policy, language = toy_language(opened, tmp_path_factory.mktemp("t5"))
    weights = term_weights(opened.index, language.vocabulary)
    maker = TargetMaker(CorpusScorer.of(opened, language.vocabulary), weights, TargetSettings(20, 10, 0.02))
    examples = make_examples(clicked_queries(SESSIONS), maker, language, opened.spelling, None)
    losses = [cost(policy, language, examples)]
    counted = iter(range(100))
    config = replace(WARM_START, epochs=30, patience=30)
    loss = SubwordModel(policy, language).target_loss(config.document_weight)
    train_warm_start(policy, examples, config, lambda _: float(next(counted)), loss)
    return policy, language, examples, [*losses, cost(policy, language, examples)]


def cost(policy, language, examples) -> float:
    with torch.no_grad():
        batch = policy.batch([example.prompt for example in examples])
        return float(text_loss(policy, batch, [target_ids(example.target, language) for example in examples]))


def test_warm_start_makes_the_targets_likely(taught):
    """From 6 nats a token, which is chance among 290 tokens, to less than 2."""
    before, after = taught[3]
    assert before > 5
    assert after < 2


def test_a_target_text_is_the_best_words_heaviest_first_and_no_longer_than_an_answer(taught):
    _, language, examples, _ = taught
    for example in examples:
        heaviest = example.target.ids[np.argsort(-example.target.weights, kind="stable")][: SETTINGS.target_words]
        ids = target_ids(example.target, language)
        assert ids[-1] == 1
        assert len(ids) <= SETTINGS.length
        assert set(language.terms(language.texts([ids])[0])) <= set(heaviest.tolist()) or len(ids) == SETTINGS.length


def environment(opened, language) -> tuple[GenerationEnvironment, list]:
    logged = [JudgedQuery(RewriteRequest(topic.query), topic.relevance) for topic in toy_topics()]
    queries = [training_query(query, None, opened.analysis) for query in logged]
    prompts = [language.prompt(query.request) for query in logged]
    scorer = CorpusScorer.of(opened, language.vocabulary)
    rewards = RewardEnvironment(scorer, queries, NdcgReward(), RolloutBlend(0.5))
    return GenerationEnvironment(rewards, prompts, language), prompts


def mean_gain(policy, surroundings, prompts) -> float:
    drawn = sample(policy, policy.batch(prompts), 8, SETTINGS.length, torch.Generator().manual_seed(5))
    rows, rng = np.arange(len(prompts)), np.random.default_rng(5)
    return float(surroundings.rewards(rows, drawn.ids.numpy(), drawn.terms.numpy(), rng).gain.mean())


def test_ppo_raises_the_reward_of_texts(opened, taught, tmp_path):
    policy, language = copy.deepcopy(taught[0]), taught[1]
    surroundings, prompts = environment(opened, language)
    before = mean_gain(policy, surroundings, prompts)
    config = changed(PPO, terms=SETTINGS.length, iterations=25, validate_every=25)
    counted = iter(range(100))
    trainer = PPOTrainer(policy, prompts, surroundings, config, lambda _: float(next(counted)))
    with TrainingLog(tmp_path) as log:
        trainer.train(log)
    assert mean_gain(policy, surroundings, prompts) > before + 0.03


def test_a_text_earns_what_its_terms_earn_each_once_and_the_querys_own_not_at_all(opened, taught):
    language = taught[1]
    surroundings, _ = environment(opened, language)
    rows, rng = np.array([0]), np.random.default_rng(0)
    texts = ["sourdough sourdough oven", "Sourdough", "", "zzzz"]
    assert toy_topics()[0].query == "oven dough"
    paid = surroundings.rewards_of_texts(rows, texts, rng)
    ids = np.array([[language.vocabulary.token_ids["sourdough"]]])
    alone = surroundings._rewards.rewards(rows, ids, np.ones((1, 1), dtype=bool), rng)
    assert paid.gain[:2] == pytest.approx([alone.gain[0]] * 2)
    assert paid.gain[2:] == pytest.approx([0.0, 0.0])
    assert paid.gain[0] > 0


# --- the stages, by what they write ---


@pytest.fixture(scope="module")
def run(opened, tmp_path_factory):
    """A run folder with all stages."""
    run = tmp_path_factory.mktemp("subword-run")
    start = SubwordStart(pretrained(run / "t5"), SETTINGS)
    run_subword_base(opened, run, start, BASE)
    run_warm_start(opened, run, SESSIONS, WARM_START)
    run_ppo(opened, run, SESSIONS, PPO)
    return run


@pytest.mark.parametrize("stage", ["base", "warm_start", "ppo"])
def test_a_stage_holds_t5_tokenizer_terms_and_how_it_is_read(run, opened, stage):
    assert is_subword_stage(run / stage)
    model = open_rewriter(run / stage)
    policy, language = model.policy, model.language
    assert policy.decoding == "tokens"
    assert language.settings == SETTINGS == SubwordConfig.load(run / stage)
    assert language.vocabulary.terms == TermVocabulary.load(run / stage).terms
    assert set(opened.index.terms) == set(language.vocabulary.terms)
    assert read_stage(run / stage).fingerprint == opened.collection.corpus.fingerprint


def test_answers_are_as_long_in_ppo_as_was_decided_with_the_base(run):
    config = read_stage(run / "ppo").config
    assert (config["terms"], config["found_weight"], config["kl_placement"]) == (SETTINGS.length, 0.0, "reward")
    rows = [json.loads(line) for line in (run / "ppo.log" / "metrics.jsonl").read_text().splitlines()]
    assert len(rows) == PPO.iterations
    assert all(row["length"] <= SETTINGS.length for row in rows)
    assert "validation" in rows[-1]


def test_an_interrupted_run_of_a_subword_t5_goes_on(run, opened, tmp_path):
    for stage in ("base", "warm_start"):
        (tmp_path / stage).symlink_to(run / stage)

    def stop(done: int, total: int, reward: float) -> None:
        if done == 3:
            raise KeyboardInterrupt

    config = changed(PPO, checkpoint_every=2)
    with pytest.raises(KeyboardInterrupt):
        run_ppo(opened, tmp_path, SESSIONS, config, stop)
    run_ppo(opened, tmp_path, SESSIONS, config)
    resumed_weights, expected_weights = (
        open_rewriter(folder / "ppo").policy.state_dict() for folder in (tmp_path, run)
    )
    assert all(torch.equal(resumed_weights[name], expected_weights[name]) for name in expected_weights)


def test_offline_learning_says_what_to_do_instead(run, opened, tmp_path):
    (tmp_path / "warm_start").symlink_to(run / "warm_start")
    with pytest.raises(ModelError, match=r"ppo\.reward=hindsight"):
        run_offline(opened, tmp_path, SESSIONS, OfflineConfig())


# --- the bundle ---


@pytest.fixture(scope="module")
def served(taught, opened, run, tmp_path_factory):
    """A stage folder of the taught policy, which answers with words, and its bundle of plain weights."""
    folder = tmp_path_factory.mktemp("served")
    stage, bundle = folder / "stage", folder / "bundle"
    shutil.copytree(run / "ppo", stage)
    SubwordModel(taught[0], taught[1]).save(stage)
    return stage, export.main(export.ExportConfig(stage, bundle, "float32"), opened)


def test_the_bundle_reads_as_torch_does(served, opened):
    stage, bundle = served
    model = open_rewriter(stage)
    prompts = [model.language.prompt(request) for request in REQUESTS]
    bundle_log_probs = CTranslate2Texts(bundle / "model", open_language(bundle, TermVocabulary.load(bundle)))(prompts)
    stage_log_probs = model.reader()(prompts)
    assert np.isfinite(stage_log_probs).sum(1).min() >= 2  # a term besides UNK_ID
    assert np.array_equal(np.isfinite(stage_log_probs), np.isfinite(bundle_log_probs))
    assert np.allclose(np.exp(stage_log_probs), np.exp(bundle_log_probs), atol=1e-4)


def test_the_bundle_rewrites_as_the_stage_does(served, opened, engine):
    stage, bundle = served
    blend = read_manifest(bundle).blend
    trained = model_rewriter(open_rewriter(stage), opened.spelling, engine, blend).rewrite(REQUESTS)
    for of_stage, of_bundle in zip(trained, open_bundle(bundle, engine).rewrite(REQUESTS), strict=True):
        assert (of_bundle.applied, of_bundle.text, of_bundle.context) == (
            of_stage.applied,
            of_stage.text,
            of_stage.context,
        )
        assert of_bundle.confidence == pytest.approx(of_stage.confidence, abs=1e-3)
        assert dict(of_bundle.terms) == pytest.approx(dict(of_stage.terms), abs=1e-3)
    assert any(rewrite.applied and rewrite.terms for rewrite in trained)


def test_the_bundle_says_its_kind_and_older_builds_refuse_it(served, tmp_path, engine):
    manifest = read_manifest(served[1])
    assert (manifest.kind, manifest.format) == ("subwords", 3)
    assert {"subword.json", "tokenizer.json", "vocabulary.json", "spelling.json"} <= set(manifest.checksums)
    shutil.copytree(served[1], tmp_path / "bundle")
    for change, message in (({"format": 2}, "format 2; this build reads 3"), ({"kind": "tea"}, "kind tea")):
        content = json.loads((served[1] / "bundle.json").read_text()) | change
        (tmp_path / "bundle" / "bundle.json").write_text(json.dumps(content))
        with pytest.raises(ModelError, match=message):
            open_bundle(tmp_path / "bundle", engine)


def test_the_service_serves_it_and_says_that_its_budget_is_small(served, tmp_path, caplog):
    documents = [
        {"_id": document.doc_id, "title": document.title, "text": document.text} for document in toy_documents()
    ]
    (tmp_path / "documents.jsonl").write_text("\n".join(map(json.dumps, documents)))
    places = {"data": str(tmp_path / "documents.jsonl"), "log": f"{tmp_path}/log.db"}
    settings = Settings.from_environment(
        {}, bundle=served[1], rewrite_budget_ms=400, secret_keys=["k" * 32], **places
    )
    with caplog.at_level("WARNING", logger="untilclick.app"):
        service = open_service(settings, Metrics())
    try:
        answer = service.search(SearchCommand("oven dough"))
    finally:
        service.close()
    assert "UNTILCLICK_REWRITE_BUDGET_MS" in caplog.text
    assert answer.rewrite.reason in ("applied", "empty_rewrite", "gated")
    assert answer.results


def test_serving_a_subword_bundle_loads_neither_torch_nor_transformers(served):
    code = (
        "import sys; from pathlib import Path; from untilclick.rewriter.serving.runtime import *;"
        "folder = Path(sys.argv[1]);"
        "language = open_language(folder, TermVocabulary.load(folder));"
        "from untilclick.rewriter.rewrite import RewriteRequest;"
        "print(CTranslate2Texts(folder / 'model', language)([language.prompt(RewriteRequest('oven'))]).shape);"
        "print(sorted({'torch', 'transformers'} & set(sys.modules)))"
    )
    command = [sys.executable, "-W", "ignore", "-c", code, str(served[1])]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [f"(1, {len(TermVocabulary.load(served[1]))})", "[]"]
