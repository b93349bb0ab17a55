"""The lists of first titles, on a toy collection."""

from __future__ import annotations

import pytest

from untilclick.rewriter.data.encoding import EncodedCollection
from untilclick.search.engines.vectors.encoded_corpus import EncodedCorpus
from untilclick.search.records import Document, Topic

from benchmarks import bench_first_titles
from benchmarks.bench_first_titles import main, print_lists
from benchmarks.corpora.made import MadeCorpus, write_beir
from tests.fake_encoder import FakeEncoder

SUBJECTS = ("kite", "anvil", "lantern", "orchard", "saddle", "compass", "violin", "teapot")


@pytest.fixture
def data(tmp_path, monkeypatch):
    """Folder of a collection of eight documents, each wanted by one query; a stand-in encodes them."""
    documents = [Document(f"d{i}", subject, f"made of {subject} parts {i}") for i, subject in enumerate(SUBJECTS)]
    topics = [Topic(f"q{i}", f"old {subject}", {f"d{i}": 1}) for i, subject in enumerate(SUBJECTS)]
    write_beir(MadeCorpus(tuple(documents), tuple(topics)), tmp_path / "toy")

    def encode(name, opened, _progress):
        if name == "none":
            return EncodedCollection(None, None)
        encoded = EncodedCorpus.of(opened.collection.corpus.documents, FakeEncoder(), tmp_path / "vectors")
        return EncodedCollection(encoded, None)

    monkeypatch.setattr(bench_first_titles, "encode_collection", encode)
    return str(tmp_path / "toy")


def test_a_query_has_a_list_of_each_system(data, capsys):
    main(["--data", data, "--ask", "old kite", "teapot parts", "--first", "3"])
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith("==")] == ["== old kite", "== teapot parts"]
    assert lines[1].split() == ["as", "typed", "untrained,", "balanced"]
    assert lines[2].split()[:2] == ["1", "kite"]
    assert len([line for line in lines if line.startswith(" 3")]) == 2  # a list of meaning is never short
    assert "*" not in "".join(lines)


def test_relevant_documents_of_drawn_queries_have_a_star(data, capsys):
    main(["--data", data, "--topics", "2", "--first", "1"])
    blocks = capsys.readouterr().out.split("== ")[1:]
    assert len(blocks) == 2
    assert all(f"*{block.split()[1]}" in block for block in blocks)


def test_without_an_encoder_there_is_one_sentence(data):
    with pytest.raises(SystemExit, match="another encoder"):
        main(["--data", data, "--encoder", "none"])


def test_lists_of_different_length_stand_side_by_side(capsys):
    print_lists(["a"], {"x": [["one", "two"]], "y": [["three"]]})
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines == [["==", "a"], ["x", "y"], ["1", "one", "three"], ["2", "two"]]
