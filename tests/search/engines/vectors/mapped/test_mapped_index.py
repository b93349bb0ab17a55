"""Search among mapped vectors, exact and approximate, against the exact index in memory."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from untilclick.search.engines.vectors.encoded_documents import EncodedDocuments
from untilclick.search.engines.vectors.exact_index import ExactIndex
from untilclick.search.engines.vectors.mapped import approximate_index
from untilclick.search.engines.vectors.mapped.approximate_index import GraphCandidates, as_int8
from untilclick.search.engines.vectors.mapped.half_product import HalfProduct
from untilclick.search.engines.vectors.mapped.mapped_index import MappedIndex, moments_of
from untilclick.search.errors import UnknownDocumentError
from untilclick.search.text.encoders.encoder import of_unit_length

pytest.importorskip("usearch", reason="needs the extra ann")
pytest.importorskip("numkong", reason="needs the extra ann")

D = 32


def drawn(n, seed):
    return of_unit_length(np.random.default_rng(seed).normal(size=(n, D)).astype(np.float32))


def stored(vectors, rows, digest="d"):
    return EncodedDocuments(vectors.astype(np.float16), np.asarray(rows), 0, 0, digest)


VECTORS = drawn(1500, 3)
VECTORS[700:800] = of_unit_length(VECTORS[700] + 1e-4 * drawn(100, 4))  # closer to each other than float16 can tell
VECTORS[900] = 0
ORDER = np.random.default_rng(5).permutation(1500)
ROWS = np.concatenate([ORDER[:1000], ORDER[:200]])  # two hundred texts are in the corpus twice
ENCODED = stored(VECTORS, ROWS)
IDS = [f"d{place}" for place in np.random.default_rng(6).permutation(len(ROWS))]
EXACT = ExactIndex(IDS, ENCODED.matrix())
QUERIES = [*drawn(30, 7), VECTORS[750], VECTORS[900], VECTORS[ORDER[0]]]


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    return GraphCandidates(ENCODED, tmp_path_factory.mktemp("graph"))


@pytest.fixture(params=["product", "graph"])
def index(request, graph):
    candidates = HalfProduct(ENCODED) if request.param == "product" else graph
    return MappedIndex(IDS, ENCODED, candidates, moments_of(ENCODED))


@pytest.mark.parametrize("n", [0, 1, 10, 150, 1200, 3000])
@pytest.mark.parametrize("rows", [ROWS, np.arange(1500), [1499, 0, 3], [4]], ids=["mixed", "all", "scattered", "one"])
def test_the_product_finds_what_the_exact_index_finds_to_the_bit(n, rows):
    encoded = stored(VECTORS, rows)
    ids = [f"d{row}" for row in range(len(rows))]
    exact = ExactIndex(ids, encoded.matrix())
    index = MappedIndex(ids, encoded, HalfProduct(encoded), moments_of(encoded))
    for vector in QUERIES:
        assert index.nearest(vector, n) == exact.nearest(vector, n)


@pytest.mark.parametrize("n", [1, 10, 150])
def test_the_graph_finds_nearly_all_of_the_nearest_with_their_exact_cosines(graph, n):
    index = MappedIndex(IDS, ENCODED, graph, moments_of(ENCODED))
    recalls = []
    for vector in QUERIES[:30]:
        nearest, expected = index.nearest(vector, n), EXACT.nearest(vector, n)
        assert len(nearest) == n
        assert [entry.score for entry in nearest] == EXACT.cosines(vector, [entry.doc_id for entry in nearest])
        assert nearest == sorted(nearest, key=lambda entry: (-entry.score, IDS.index(entry.doc_id)))
        recalls.append(len({*nearest} & {*expected}) / n)
    assert np.mean(recalls) >= 0.95


def test_the_graph_gives_all_documents_of_a_text_and_no_more_documents_than_there_are(graph):
    index = MappedIndex(IDS, ENCODED, graph, moments_of(ENCODED))
    assert [entry.doc_id for entry in index.nearest(VECTORS[ORDER[0]], 2)] == [IDS[0], IDS[1000]]
    assert {entry.doc_id for entry in index.nearest(QUERIES[0], 5000)} == set(IDS)
    assert index.nearest(QUERIES[0], 0) == []


def test_both_say_of_given_documents_what_the_exact_index_says(index):
    some = IDS[::7]
    for vector in QUERIES:
        assert index.cosines(vector, some) == EXACT.cosines(vector, some)
        assert index.spread(vector) == pytest.approx(EXACT.spread(vector), abs=1e-9)
    assert index.in_corpus_order(set(some)) == some
    assert len(index) == len(EXACT)
    with pytest.raises(UnknownDocumentError, match="No document 'other' has a vector"):
        index.cosines(QUERIES[0], ["other"])


def test_threads_share_an_index(index):
    alone = [index.nearest(vector, 20) for vector in QUERIES]
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(lambda vector: index.nearest(vector, 20), QUERIES * 20))
    assert together == alone * 20


def test_no_documents_are_found_in_an_empty_corpus(tmp_path):
    empty = stored(VECTORS, np.empty(0, dtype=np.int64))
    for candidates in (HalfProduct(empty), GraphCandidates(empty, tmp_path)):
        index = MappedIndex([], empty, candidates, moments_of(empty))
        assert (index.nearest(QUERIES[0], 5), index.spread(QUERIES[0]), len(index)) == ([], (0, 0), 0)
    with pytest.raises(ValueError, match="1 documents have 0 vectors"):
        MappedIndex(["a"], empty, HalfProduct(empty), moments_of(empty))


def test_the_numbers_of_a_unit_vector_fill_the_range_of_int8():
    integers = as_int8(drawn(1000, 8))
    assert integers.dtype == np.int8
    assert 64 < np.abs(integers.astype(int)).max() < 127
    assert as_int8(np.eye(64, dtype=np.float32)[0]).max() == 127  # cut


def test_equal_vectors_give_equal_graphs_and_progress_counts_them(tmp_path, monkeypatch):
    monkeypatch.setattr(approximate_index, "PIECE", 400)
    reports = []
    for name in "ab":
        GraphCandidates(ENCODED, tmp_path / name, lambda done, total: reports.append((done, total)))
    assert reports == [(400, 1000), (800, 1000), (1000, 1000)] * 2
    a, b = (next((tmp_path / name).glob("*.usearch")).read_bytes() for name in "ab")
    assert a == b
