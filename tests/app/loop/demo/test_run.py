"""The demo at toy size: what it writes, going on after an interruption, and collections of all kinds."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from untilclick.app.cli.main import app
from untilclick.app.loop.demo.collections import open_collections
from untilclick.app.loop.demo.config import DemoConfig
from untilclick.app.loop.demo.run import _note_on_made_queries, run_demo
from untilclick.app.loop.demo.steps import DemoSteps
from untilclick.app.loop.simulation import SimulationConfig
from untilclick.app.loop.step_key import step_key
from untilclick.rewriter.config import BaseConfig, PolicyConfig, WarmStartConfig
from untilclick.rewriter.evaluation.evaluate import EvaluateConfig
from untilclick.rewriter.ppo_config import PPOConfig, RolloutConfig, ValidationConfig
from untilclick.search.engines.vectors.encoded_corpus import EncodedCorpus
from untilclick.search.errors import DataError
from untilclick.search.log.session_log import SessionLog
from untilclick.search.users.user import UserConfig

from tests.app.small_corpus import write_corpus
from tests.app.toy_settings import TOY
from tests.fake_encoder import FakeEncoder

STEPS = ["Documents", "Search sessions", "Base model", "Warm start", "PPO", "Proof", "Evaluation", "Bundle"]


class Recorder:
    """A view that remembers what was done, and stops the demo where it is told to."""

    def __init__(self, stop_after: str | None = None, stop_within: str | None = None) -> None:
        self.fresh: list[str] = []
        self.before: list[str] = []
        self.notes: list[str] = []
        self._stop_after, self._stop_within = stop_after, stop_within

    @contextmanager
    def progress(self, label):
        def update(result, total, part=""):
            if label == self._stop_within and result >= total / 2:
                raise KeyboardInterrupt

        yield update

    def step(self, number, total, title, record, *, fresh):
        (self.fresh if fresh else self.before).append(title)
        if title == self._stop_after:
            raise KeyboardInterrupt

    def note(self, text):
        self.notes.append(text)


@pytest.fixture(autouse=True)
def _one_thread():
    torch = pytest.importorskip("torch")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def _config(folder) -> DemoConfig:
    corpus = folder / "documents.jsonl"
    if not corpus.exists():
        write_corpus(corpus)
    return DemoConfig(
        data=str(corpus),
        out=folder / "run",
        encoder="none",
        simulation=SimulationConfig(60, user=UserConfig(misspellings="train")),
        policy=PolicyConfig(d_model=32, d_ff=32),
        base=BaseConfig(steps=4),
        warm_start=WarmStartConfig(epochs=2),
        ppo=PPOConfig(
            iterations=3,
            checkpoint_every=1,
            rollout=RolloutConfig(prompts_per_iteration=8, samples_per_prompt=4),
            validation=ValidationConfig(every=1),
        ),
        evaluate=EvaluateConfig(sessions=10, resamples=50),
    )


def _systems(folder):
    return json.loads((folder / "run" / "evaluation" / "results.json").read_text())["systems"]


@pytest.mark.slow
def test_the_command_does_everything_and_says_where_it_is(tmp_path):
    corpus = write_corpus(tmp_path / "documents.jsonl")
    (tmp_path / "toy.toml").write_text(TOY, encoding="utf-8")
    out = tmp_path / "run"
    arguments = ["demo", "--data", corpus, "--out", out, "--config", tmp_path / "toy.toml", "--no-serve", "--json"]
    result = CliRunner(env={"COLUMNS": "200"}).invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.stderr
    answer = json.loads(result.stdout)
    trained = ["base", "warm_start", "ppo", "final"]
    # A row for the engine's own order is there only if a query is a title, which is up to the users (test_evaluate).
    systems = [name for name in answer["systems"] if name != "bm25_engine_order"]
    assert systems == ["bm25", "rm3", "spelling", "oracle", *trained]
    assert "may answer" in answer["served"] or "untrained rewriter answers" in answer["served"]
    assert answer["sessions"].keys() == set(systems) - {"oracle"}
    assert "held-out topics" in answer["verdict"]
    assert {"ppo", "warm_start"} <= {comparison["a"] for comparison in answer["comparisons"]}
    assert len(answer["examples"]) == 3
    assert json.loads((out / "bundle" / "bundle.json").read_text())["data"] == str(corpus)
    assert "<html" in (out / "evaluation" / "report.html").read_text()
    with SessionLog.open(answer["log"], create=False) as log:
        assert log.stats("simulated").sessions == 60
    assert [line.split()[1] for line in result.stderr.splitlines() if line.startswith("✓")] == [
        f"{number}/8" for number in range(1, 9)
    ]


@pytest.mark.parametrize(("queries", "is_said"), [("made", True), ("real", False)])
def test_what_made_queries_cannot_teach_is_said_before_the_training(tmp_path, queries, is_said):
    collections = open_collections(_config(tmp_path).run, None)
    training = collections.training.with_topics(replace(collections.training.collection, queries=queries))
    collections = replace(collections, training=training)
    assert _note_on_made_queries(collections) == ""
    documents = training.collection.corpus.documents
    note = _note_on_made_queries(collections.with_vectors(EncodedCorpus.of(documents, FakeEncoder(), tmp_path)))
    assert ("the untrained ones stay" in note) is is_said


def test_another_encoder_repeats_the_training_and_keeps_the_log(tmp_path):
    config = _config(tmp_path)
    collections = open_collections(config.run, None)
    documents = collections.training.collection.corpus.documents
    keys = []
    for digest in (None, "a" * 64, "b" * 64):
        encoded = digest and EncodedCorpus.of(documents, FakeEncoder(digest=digest), tmp_path)
        steps = DemoSteps(config, collections.with_vectors(encoded or None)).in_order()
        keys.append({step.name: step_key("", step.name, step.settings) for step in steps})
    assert [name for name in keys[0] if keys[0][name] != keys[1][name]] == ["base"]
    assert [name for name in keys[0] if keys[1][name] != keys[2][name]] == ["base"]


@pytest.mark.slow
def test_interrupted_after_and_within_every_step_it_goes_on_and_ends_the_same(tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    for folder in (whole, broken):
        folder.mkdir()
    corpus = write_corpus(tmp_path / "documents.jsonl")
    run_demo(replace(_config(whole), data=str(corpus)), Recorder())
    config = replace(_config(broken), data=str(corpus))
    for title in STEPS[1:]:
        if title != "Bundle":
            view = Recorder(stop_within=title)
            with pytest.raises(KeyboardInterrupt):
                run_demo(config, view)
            assert title not in view.fresh + view.before
        view = Recorder(stop_after=title)
        with pytest.raises(KeyboardInterrupt):
            run_demo(config, view)
        assert view.fresh == ["Documents", title]
        assert view.before == STEPS[1 : STEPS.index(title)]
    last = Recorder()
    run_demo(config, last)
    assert (last.fresh, last.before) == (["Documents"], STEPS[1:])
    assert _systems(broken) == _systems(whole)
    assert sorted(path.name for path in config.out.iterdir()) == sorted(
        path.name for path in (whole / "run").iterdir()
    )


@pytest.mark.slow
def test_changed_settings_or_documents_start_the_affected_steps_anew(tmp_path):
    config = _config(tmp_path)
    run_demo(config, Recorder())
    other_ppo = replace(config, ppo=replace(config.ppo, iterations=2))
    view = Recorder()
    run_demo(other_ppo, view)
    assert (view.before, view.fresh[1:]) == (STEPS[1:4], STEPS[4:])
    view = Recorder(stop_after="Search sessions")
    with pytest.raises(KeyboardInterrupt):
        run_demo(replace(other_ppo, simulation=replace(config.simulation, sessions=50)), view)
    assert view.fresh == STEPS[:2]
    assert not (config.out / "ppo").exists()
    with SessionLog.open(str(config.out / "log.db"), create=False) as log:
        assert log.stats().sessions == 50
    (aside,) = config.out.glob("log-until-*.db")
    with SessionLog.open(str(aside), create=False) as log:
        assert log.stats().sessions == 60
    write_corpus(tmp_path / "documents.jsonl", documents=90)
    view = Recorder(stop_after="Search sessions")
    with pytest.raises(KeyboardInterrupt):
        run_demo(other_ppo, view)
    assert view.fresh == STEPS[:2]


def test_documents_that_are_not_there_leave_no_folder_and_no_title(tmp_path):
    """A mistyped name once left an empty folder and the title of a run that had not begun."""
    arguments = ["demo", "--data", tmp_path / "nosuch.jsonl", "--out", tmp_path / "run", "--no-serve"]
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 2
    assert result.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_too_few_documents_leave_no_folder(tmp_path):
    (tmp_path / "one.jsonl").write_text('{"_id": "1", "title": "One", "text": "Short."}\n', encoding="utf-8")
    with pytest.raises(DataError, match="too few documents"):
        run_demo(DemoConfig(str(tmp_path / "one.jsonl"), tmp_path / "run", encoder="none"), Recorder())
    assert not (tmp_path / "run").exists()


def test_few_held_out_topics_are_named_before_one_waits(tmp_path):
    view = Recorder(stop_within="Search sessions")
    with pytest.raises(KeyboardInterrupt):
        run_demo(_config(tmp_path), view)
    assert "held out to evaluate on: the figures will say little" in view.notes[0]
