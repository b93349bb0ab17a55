"""The benchmark of verdicts, on a small corpus."""

from __future__ import annotations

import json

import numpy as np
import pytest

from untilclick.rewriter.evaluation.baselines.simple import Bm25, SpellingCorrection
from untilclick.rewriter.evaluation.systems import TypedTopic
from untilclick.rewriter.judging.evidence import Verdict

from benchmarks import bench_verdicts
from benchmarks.bench_verdicts import NO_TOPIC, PairResult
from tests.rewriter.toy_learning import toy_documents


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "corpus.jsonl"
    lines = [{"_id": each.doc_id, "title": each.title, "text": each.text} for each in toy_documents()]
    path.write_text("\n".join(map(json.dumps, lines)))
    return str(path)


def test_a_verdict_is_wrong_if_the_judgments_do_not_bear_it_out():
    verdicts = tuple(Verdict)
    wrong = [
        PairResult("a", "b", difference, 0.01, verdicts, (0, 0), (9,), (9,)).n_wrong
        for difference in (0.03, -0.03, 0.01, 0.0)
    ]
    assert wrong == [1, 1, 2, 2]


def test_random_words_are_the_same_for_the_same_query_and_have_their_share_of_the_weight():
    typed = [TypedTopic(NO_TOPIC, query) for query in ("oven", "dough", "oven")]
    system = bench_verdicts.RandomWords(Bm25(), [f"word{i}" for i in range(1000)], 0.2, 3, 1)
    first, second, again = (searched.query.clauses for searched in system(typed))
    assert first == again
    assert {word for word, _ in first}.isdisjoint(word for word, _ in second)
    assert sum(weight for _, weight in first[1:]) / sum(weight for _, weight in first) == pytest.approx(0.2)


def test_fewer_words_are_one_less_in_half_of_the_queries():
    queries = [f"red{i} green{i} blue{i}" for i in range(100)]
    searched = bench_verdicts.FewerWords()([TypedTopic(NO_TOPIC, query) for query in queries])
    n_words = [len(each.query.clauses[0][0].split()) for each in searched]
    assert set(n_words) == {2, 3}
    assert 30 < n_words.count(2) < 70


def test_corrections_come_before_the_system():
    class Corrector:
        def correct(self, query):
            return "oven" if query == "ovne" else None

    corrected = bench_verdicts.Corrected(Bm25(), SpellingCorrection(Corrector()))
    searched = corrected([TypedTopic(NO_TOPIC, "ovne"), TypedTopic(NO_TOPIC, "dough")])
    assert [each.query.clauses for each in searched] == [(("oven", 1.0),), (("dough", 1.0),)]


def test_pairs_and_renewals_on_noise_are_counted(data, tmp_path, capsys):
    file = tmp_path / "figures.json"
    options = ["--data", data, "--sessions", "60", "--draws", "1", "--renewals", "1", "--json", str(file)]
    bench_verdicts.main(options)
    figures = json.loads(file.read_text())[data]
    assert [(each["version"], each["other"]) for each in figures["pairs"]] == list(bench_verdicts.PAIRS)
    assert all(each["verdicts"] == ["cannot say"] for each in figures["pairs"])  # few needs
    assert figures["activated"] == {"clicks": 0, "judgments": 0, "in a row": 0}
    assert "0 of 12 verdicts wrong, 12 times cannot say" in capsys.readouterr().out


def test_versions_have_their_names_in_the_pairs(data):
    ground = bench_verdicts.Ground(data)
    versions = ground.versions()
    assert {name for pair in bench_verdicts.PAIRS for name in pair} <= set(versions)
    values = ground.true_values(versions["as typed"])
    assert np.all((values >= 0) & (values <= 1))
    assert values.mean() > 0
