"""The comparison of languages: samples of equal size, agreement of rankings, rows and the exit status."""

from __future__ import annotations

import json

import pytest

from untilclick.search.records import ScoredDoc

from benchmarks import bench_languages
from benchmarks.bench_languages import Row, agreement, cut, main

NOUNS = ("lantern", "harbour", "violin", "orchard", "compass", "glacier", "saddle", "kettle", "anchor", "meadow")
PLACES = ("attic", "valley", "canal", "market", "island", "tunnel", "castle", "library", "desert", "stable")


@pytest.fixture
def collections(tmp_path):
    """Writes 40 English documents, and 30 of the same in a second language that is English, too."""
    for name, n in (("descriptions-en", 40), ("descriptions-de", 30)):
        path = tmp_path / name / "corpus.jsonl"
        path.parent.mkdir()
        with path.open("w", encoding="utf-8") as file:
            for i in range(n):
                noun, place = NOUNS[i % 10], PLACES[(i // 10 + i) % 10]
                text = f"Repairs a {noun} that stood beside the {place}, number{i} by weight. Done."
                file.write(json.dumps({"_id": str(i), "title": f"{noun} {place}", "text": text}) + "\n")
    return tmp_path


def ranking(*doc_ids: str) -> list[ScoredDoc]:
    return [ScoredDoc(doc_id, 1.0) for doc_id in doc_ids]


def row(**figures: float | None) -> Row:
    fields = {
        "documents": 9,
        "topics": 5,
        "bm25": 0.5,
        "ratio": 1.0,
        "base": 0.0,
        "rank_bm25": 1.0,
        "opensearch": None,
    }
    return Row("descriptions", "de", "2-de", **{**fields, **figures})


def test_all_languages_get_the_number_of_documents_of_the_smallest(collections, tmp_path):
    sources = {code: collections / f"descriptions-{code}" / "corpus.jsonl" for code in ("en", "de")}
    for most, n in ((50, 30), (12, 12)):
        files = cut(sources, tmp_path / "cut", most, seed=0)
        lines = {code: file.read_text(encoding="utf-8").splitlines() for code, file in files.items()}
        assert {code: len(of_language) for code, of_language in lines.items()} == {"en": n, "de": n}
    doc_ids = [int(json.loads(line)["_id"]) for line in lines["en"]]
    assert doc_ids == sorted(set(doc_ids))


def test_agreement_counts_equal_rankings():
    rankings = [ranking("a", "b"), ranking("a", "b"), ranking("a"), []]
    others = [ranking("a", "b"), ranking("b", "a"), ranking("a", "b"), []]
    assert agreement(rankings, others, ordered=True) == 2 / 4
    assert agreement(rankings, others, ordered=False) == 3 / 4
    assert agreement([], [], ordered=True) == 1.0


@pytest.mark.parametrize(
    ("figures", "reaches"),
    [
        ({}, True),
        ({"ratio": 0.89}, False),
        ({"ratio": 0.0}, False),
        ({"base": -0.006}, False),
        ({"base": None, "ratio": None}, True),
    ],
)
def test_a_row_falls_short_of_ratio_or_base(figures, reaches):
    assert row(**figures).reaches is reaches


def test_a_table_has_a_row_for_each_language_with_a_collection(collections, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv(bench_languages.OPENSEARCH, str(tmp_path / "absent"))
    monkeypatch.setattr(bench_languages, "gain_of_base", lambda data, steps, seed: -0.1 if data.stem == "de" else 0.0)
    file = tmp_path / "rows.json"
    options = ["--corpora", str(collections), "--out", str(tmp_path / "out"), "--json", str(file), "--steps", "7"]
    assert main(options) == 1
    english, german = json.loads(file.read_text(encoding="utf-8"))
    assert (english["language"], german["language"]) == ("en", "de")
    assert english["documents"] == german["documents"] == 30
    assert english["analysis"] == "2-en"
    assert english["ratio"] == 1.0
    assert german["bm25"] > 0.5
    assert german["opensearch"] is None
    output = capsys.readouterr().out
    assert "falls short" in output.splitlines()[2]
    assert "applications: no collection" in output


def test_the_base_is_trained_and_compared_on_training_topics(tmp_path, monkeypatch):
    commands = []

    def write_results(*arguments: str) -> None:
        commands.append(arguments)
        if arguments[0] == "evaluate":
            folder = tmp_path / "de" / "evaluation"
            folder.mkdir(parents=True)
            systems = {"bm25": {"RR@10": 0.75}, "base": {"RR@10": 0.8125}}
            (folder / "results.json").write_text(json.dumps({"systems": systems}))

    monkeypatch.setattr(bench_languages, "untilclick", write_results)
    assert bench_languages.gain_of_base(tmp_path / "de.jsonl", 50, 3) == 0.0625
    assert commands[0][:2] == ("train", "base")
    assert "--set=base.steps=50" in commands[0]
    assert commands[1][commands[1].index("--split") + 1] == "train"
