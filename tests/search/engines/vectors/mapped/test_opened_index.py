"""Which index is opened, and what is kept of it in its folder."""

import logging
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from untilclick.search.engines.vectors.encoded_documents import EncodedDocuments, encode_documents
from untilclick.search.engines.vectors.exact_index import ExactIndex
from untilclick.search.engines.vectors.mapped import approximate_index, half_product, opened_index
from untilclick.search.engines.vectors.mapped.approximate_index import GraphCandidates
from untilclick.search.engines.vectors.mapped.half_product import HalfProduct
from untilclick.search.engines.vectors.mapped.opened_index import stored_moments, vector_index
from untilclick.search.errors import EngineError, MissingDependencyError
from untilclick.search.text.encoders.encoder import of_unit_length

from tests.fake_encoder import FakeEncoder

VECTORS = of_unit_length(np.random.default_rng(1).normal(size=(300, 16)).astype(np.float32))
IDS = [f"d{row}" for row in range(300)]
GRAPH = "graph-abc.usearch"


def encoded(digest="abc"):
    return EncodedDocuments(VECTORS.astype(np.float16), np.arange(300), 0, 0, digest)


@pytest.fixture
def many(monkeypatch):
    """All corpora are large."""
    pytest.importorskip("usearch", reason="needs the extra ann")
    monkeypatch.setattr(opened_index, "EXACT_UP_TO", 10)


@pytest.fixture
def nothing_installed(monkeypatch):
    monkeypatch.setattr(half_product, "is_installed", lambda: False)
    monkeypatch.setattr(approximate_index, "is_installed", lambda: False)


def test_few_documents_are_searched_exactly_from_the_disk(tmp_path):
    pytest.importorskip("numkong", reason="needs the extra ann")
    index = vector_index(IDS, encoded(), tmp_path)
    assert isinstance(index.candidates, HalfProduct)
    assert index.nearest(VECTORS[5], 7) == ExactIndex(IDS, encoded().matrix()).nearest(VECTORS[5], 7)
    assert not list(tmp_path.glob("*.usearch"))


def test_many_documents_are_searched_by_a_graph_that_is_made_once(tmp_path, many):
    index = vector_index(IDS, encoded(), tmp_path)
    assert isinstance(index.candidates, GraphCandidates)
    assert index.nearest(VECTORS[5], 1)[0].doc_id == "d5"
    made = (tmp_path / GRAPH).stat()
    reports = []
    again = vector_index(IDS, encoded(), tmp_path, lambda *report: reports.append(report))
    assert again.nearest(VECTORS[5], 20) == index.nearest(VECTORS[5], 20)
    assert (reports, (tmp_path / GRAPH).stat()) == ([], made)


def test_without_the_extra_the_index_is_exact_and_says_that_many_documents_are_slow(
    tmp_path, many, nothing_installed, caplog
):
    index = vector_index(IDS, encoded(), tmp_path)
    assert isinstance(index, ExactIndex)
    assert caplog.messages == [
        "Each query is compared with all 300 documents, which is slow. "
        "Install an approximate index: pip install 'untilclick[ann]'"
    ]
    with pytest.raises(MissingDependencyError, match=r"untilclick\[ann\]"):
        HalfProduct(encoded())


def test_without_the_extra_few_documents_are_searched_exactly_in_silence(tmp_path, nothing_installed, caplog):
    assert isinstance(vector_index(IDS, encoded(), tmp_path), ExactIndex)
    assert caplog.messages == []


def _cut(path):
    path.write_bytes(path.read_bytes()[:-100])


def _flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [_cut, _flip, lambda path: path.write_bytes(b""), lambda path: path.unlink()])
@pytest.mark.parametrize("name", [GRAPH, "moments-abc.npm"])
def test_a_damaged_or_missing_file_is_made_anew(tmp_path, many, caplog, name, damage):
    whole = vector_index(IDS, encoded(), tmp_path)
    nearest, spread = whole.nearest(VECTORS[3], 30), whole.spread(VECTORS[3])
    del whole  # an index may not be read while its file is cut
    content = (tmp_path / name).read_bytes()
    damage(tmp_path / name)
    was_there = (tmp_path / name).exists()
    again = vector_index(IDS, encoded(), tmp_path)
    assert (tmp_path / name).read_bytes() == content
    assert again.nearest(VECTORS[3], 30) == nearest
    assert again.spread(VECTORS[3]) == spread
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert warnings == ([f"{tmp_path / name} is damaged; it is made anew"] if was_there else [])


def test_several_that_open_at_once_make_one_graph(tmp_path, many):
    reports = []
    with ThreadPoolExecutor(4) as threads:
        opened = [
            threads.submit(vector_index, IDS, encoded(), tmp_path, lambda *report: reports.append(report))
            for _ in range(4)
        ]
        nearest = [index.result().nearest(VECTORS[9], 10) for index in opened]
    assert reports == [(300, 300)]
    assert nearest == nearest[:1] * 4


def test_a_build_that_fails_leaves_nothing_behind(tmp_path, many):
    def interrupt(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        vector_index(IDS, encoded(), tmp_path, interrupt)
    assert not [path for path in tmp_path.iterdir() if path.suffix != ".lock"]
    assert vector_index(IDS, encoded(), tmp_path).nearest(VECTORS[5], 1)[0].doc_id == "d5"


def test_graphs_of_earlier_texts_go_when_there_are_more_than_three(tmp_path, many):
    for number in range(6):
        GraphCandidates(encoded(f"{number}"), tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"graph-3.usearch", "graph-4.usearch", "graph-5.usearch", "derived.lock"}


def test_a_graph_that_cannot_be_kept_is_an_error_with_a_remedy_and_moments_are_computed(tmp_path, many, caplog):
    whole = vector_index(IDS, encoded(), tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(EngineError, match=r"graph-abc\.usearch cannot be kept .* Free space, or choose a directory"):
        vector_index(IDS, encoded(), tmp_path / "file")
    moments = stored_moments(encoded(), tmp_path / "file")
    assert moments.spread(VECTORS[0]) == whole.spread(VECTORS[0])
    assert "moments-abc.npm cannot be kept" in caplog.messages[-1]


def test_other_texts_another_order_and_another_encoder_have_another_digest(toy_corpus, tmp_path):
    documents = toy_corpus.documents
    first, same, order, fewer = (
        encode_documents(each, FakeEncoder(), tmp_path).digest
        for each in (documents, documents, documents[::-1], documents[1:])
    )
    other = encode_documents(documents, FakeEncoder(digest="e" * 64), tmp_path).digest
    assert first == same
    assert len({first, order, fewer, other}) == 4
