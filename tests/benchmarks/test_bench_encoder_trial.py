"""The benchmark of the rules for encoders, on a toy collection."""

from __future__ import annotations

import json

import pytest

from untilclick.search.text.encoders.opened import OpenedEncoder

from benchmarks import bench_encoder_trial
from benchmarks.bench_encoder_trial import main, measured
from tests.fake_encoder import FakeEncoder

THINGS = ("apple", "bread", "candle", "drum", "engine", "feather", "garden", "hammer", "island", "jacket")


@pytest.fixture
def data(tmp_path):
    """A judged collection of 40 documents in BEIR layout."""
    folder = tmp_path / "things"
    (folder / "qrels").mkdir(parents=True)
    documents = [
        {
            "_id": f"{thing}{i}",
            "title": f"Number {i} of the kind {thing}",
            "text": f"A {thing} is made, sold and kept by {other}. Nothing in the shop has the mark {i} but this.",
        }
        for thing, other in zip(THINGS, (*THINGS[1:], "people"), strict=True)
        for i in range(4)
    ]
    queries = [{"_id": f"q{thing}", "text": f"{thing} 2"} for thing in THINGS]
    qrels = ["query-id\tcorpus-id\tscore", *(f"q{thing}\t{thing}2\t1" for thing in THINGS)]
    (folder / "corpus.jsonl").write_text("\n".join(map(json.dumps, documents)))
    (folder / "queries.jsonl").write_text("\n".join(map(json.dumps, queries)))
    (folder / "qrels" / "dev.tsv").write_text("\n".join(qrels))
    return str(folder)


def test_each_way_has_an_outcome(data, tmp_path):
    row = measured(data, FakeEncoder(), tmp_path / "vectors", 0, judged=True)
    assert (row.data, row.documents, row.judged.n, row.adding.n) == ("things", 40, 10, 40)
    assert row.judged.bm25 > row.judged.both > row.judged.encoder  # the vectors mean nothing
    assert row.judged.is_out
    assert row.alone.is_out
    assert measured(data, FakeEncoder(), tmp_path / "vectors", 0, judged=False).judged is None


def test_the_table_has_a_line_for_each_way(data, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(bench_encoder_trial, "open_encoder", lambda name, convert: OpenedEncoder(FakeEncoder()))
    arguments = ["--data", data, "--vectors", str(tmp_path / "vectors"), "--json", str(tmp_path / "rows.json")]
    assert main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [" ".join(line.split()[2:-6]) for line in lines[1:]] == ["adding", "without titles", "alone"]
    assert json.loads((tmp_path / "rows.json").read_text())[0]["encoder"] == "fake"
