"""The benchmark of the prior on a toy corpus: its figures and its lines."""

from __future__ import annotations

import json

import pytest

from untilclick.rewriter.data.encoding import EncodedCollection
from untilclick.search.engines.vectors.encoded_corpus import EncodedCorpus
from untilclick.search.records import Document, Topic

from benchmarks import bench_document_prior
from benchmarks.bench_document_prior import main
from benchmarks.corpora.made import MadeCorpus, write_beir
from tests.fake_encoder import FakeEncoder

SUBJECTS = ("kite", "anvil", "lantern", "orchard", "saddle", "compass", "violin", "teapot")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Eight documents `make_kite`, ...; every second is named by a guide, and a topic wants each."""
    documents = [Document(f"d{i}", f"make_{each}", f"the old {each}, number {i}") for i, each in enumerate(SUBJECTS)]
    guides = [Document(f"g{i}", "", f"first make_{each}, then rest") for i, each in enumerate(SUBJECTS[::2])]
    topics = [Topic(f"q{i}", f"old {each}", {f"d{i}": 1}) for i, each in enumerate(SUBJECTS)]
    write_beir(MadeCorpus((*documents, *guides), tuple(topics)), tmp_path / "toy")

    def encode(_name, opened, _progress):
        listed = opened.collection.corpus.documents
        return EncodedCollection(EncodedCorpus.of(listed, FakeEncoder(), tmp_path / "vectors"), None)

    monkeypatch.setattr(bench_document_prior, "encode_collection", encode)
    return tmp_path


def test_each_weight_is_compared_with_none(folder, capsys):
    options = ["--weights", "0", "0.5", "--exponents", "1", "--json", str(folder / "out.json")]
    main(["--data", str(folder), "--corpora", "toy,absent", *options])
    out = capsys.readouterr().out
    assert "absent: skipped" in out
    assert "-- toy: 12 documents, 33 % named" in out
    assert "8 queries of dev, 50 % want a named document" in out
    (toy,) = json.loads((folder / "out.json").read_text())
    nothing, half = toy["rows"]
    assert (nothing["difference"], nothing["harmed"], nothing["by_prominence"]) == (0, 0, {"1.0": 0})
    assert half["ndcg"] == pytest.approx(toy["ndcg"] + half["difference"])
    # Those that want a named document count twice, and only they gain.
    assert half["by_prominence"]["1.0"] > half["difference"]
    assert 0 < half["harmed"] <= 0.5
