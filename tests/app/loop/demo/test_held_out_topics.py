"""What is trained does not depend on the queries and judgments that evaluate it."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from untilclick.app.loop.demo.run import run_demo
from untilclick.rewriter.language import outside_words
from untilclick.rewriter.language.vocabulary import TermVocabulary
from untilclick.search.log.session_log import SessionLog
from untilclick.search.users.simulate import SimulateConfig
from untilclick.search.users.user import UserConfig

from tests.app.loop.demo.test_run import Recorder, _config, _one_thread  # noqa: F401  one thread, as there
from tests.app.small_corpus import write_corpus

LEARNED = (".safetensors", ".bin", ".npz", ".txt", "vocabulary.json", "tokenizer.json")
"""Ends of the names of weights and vocabularies."""
STAGES = ("base", "warm_start", "ppo", "final")


def _write_collection(folder: Path, dev: dict[str, tuple[str, str]], *, trains: bool) -> None:
    """A collection with held-out topics: id -> query and wanted document."""
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    documents = [json.loads(line) for line in write_corpus(folder / "documents.jsonl").read_text().splitlines()]
    (folder / "documents.jsonl").rename(folder / "corpus.jsonl")
    titles = [document["title"] for document in documents]
    wanted = enumerate(titles[:30] if trains else [])
    train = {f"t{i}": (f"{title.lower()} frobnicator", documents[i]["_id"]) for i, title in wanted}
    queries = [{"_id": name, "text": text} for name, (text, _) in {**train, **dev}.items()]
    (folder / "queries.jsonl").write_text("".join(json.dumps(each) + "\n" for each in queries), encoding="utf-8")
    for split, topics in (("train", train), ("dev", dev)):
        lines = [f"{name}\t{doc_id}\t{1 + (split == 'dev')}" for name, (_, doc_id) in topics.items()]
        if lines:
            (folder / "qrels" / f"{split}.tsv").write_text("query-id\tcorpus-id\tscore\n" + "\n".join(lines))


def _digests(run: Path) -> dict[str, str]:
    """Path of each learned file of a run, and its SHA-256."""
    files = [path for stage in STAGES for path in (run / stage).rglob("*") if path.name.endswith(LEARNED)]
    return {str(path.relative_to(run)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.slow
@pytest.mark.parametrize("trains", [True, False], ids=["training topics", "made topics"])
def test_other_held_out_topics_leave_log_and_weights_as_they_are(tmp_path, trains, monkeypatch):
    """Held-out topics once decided which training topics share a need, and which made ones were left out. Words that
    no document holds come from the log alone, whether held-out topics use them or not."""
    monkeypatch.setattr(outside_words, "LEAST_VISITORS", 1)  # few of so few visitors type the same such word
    data, out = tmp_path / "data", tmp_path / "run"
    config = _config(tmp_path)
    user = UserConfig(misspellings="train", misspell_share=0.5)
    simulation = replace(config.simulation, user=user, simulate=SimulateConfig(visitors=20))
    config = replace(config, data=str(data), simulation=simulation)
    made = []
    for dev in (
        {"q1": ("anchor storm", "d003"), "q2": ("harbour light", "d004")},
        {"q8": ("zorgel boil", "d001"), "q9": ("hoover rope", "d002"), "q10": ("storm", "d007")},
    ):
        _write_collection(data, dev, trains=trains)
        run_demo(config, Recorder())
        with SessionLog.open(f"sqlite:///{out / 'log.db'}", create=False) as log:
            made.append((list(log.sessions()), _digests(out)))
        words = TermVocabulary.load(out / "warm_start").outside
        assert words
        assert not {"zorgel", "hoover"} & {*words}
        shutil.rmtree(out)
    (sessions, weights), (other_sessions, other_weights) = made
    assert sessions == other_sessions
    assert {name.split("/")[0] for name in weights} >= {"base", "warm_start", "ppo"}
    assert weights == other_weights
