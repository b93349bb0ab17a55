"""The benchmark of indexes by vectors: what it draws, and its figures."""

from __future__ import annotations

import argparse
import json

import numpy as np
import pytest

from untilclick.search.engines.vectors.encoded_documents import EncodedDocuments
from untilclick.search.engines.vectors.exact_index import ExactIndex
from untilclick.search.records import Document

from benchmarks import bench_vector_index
from benchmarks.bench_vector_index import (
    GRAPH,
    MEMORY,
    PRODUCT,
    Spectrum,
    compared,
    drawn,
    padded,
    parse,
    quality_line,
    recalls,
    run_child,
)
from tests.fake_encoder import FakeEncoder


def test_vectors_are_drawn_with_the_mean_and_covariance_of_others(tmp_path):
    rng = np.random.default_rng(0)
    given = (rng.normal(size=(5000, 3)) @ np.diag([0.01, 0.02, 0.04]) + [1, 0, 0]).astype(np.float32)
    spectrum = Spectrum.of(given)
    assert np.allclose(spectrum.root @ spectrum.root.T, np.cov(given.T), atol=1e-4)
    drawn(spectrum, 5000, 1, tmp_path)
    rows = np.load(tmp_path / "5000" / "drawn-5000-1.npy").astype(np.float64)
    assert np.linalg.norm(rows, axis=1) == pytest.approx(1, abs=1e-3)
    assert rows[:, 1:].std(axis=0) == pytest.approx([0.02, 0.04], rel=0.05)  # lengths are near 1


def test_recall_counts_what_is_found():
    assert recalls([[1, 2], [5]], [[2, 3], [5]]).tolist() == [0.5, 1.0]


def test_padding_adds_new_texts_under_other_ids():
    documents = [Document("a", "", "one"), Document("b", "", "one")]
    others = [Document(name, "", text) for name, text in (("a", "two"), ("x", "one"), ("y", "two"), ("z", "six"))]
    assert padded(documents, others, 9) == [
        *documents,
        Document("other-0", "", "two"),
        Document("other-3", "", "six"),
    ]
    assert padded(documents, others, 3) == [*documents, Document("other-0", "", "two")]
    assert padded(documents, others, 0) == documents


@pytest.mark.parametrize("kind", [MEMORY, PRODUCT, GRAPH])
def test_an_index_is_made_first_and_then_measured(tmp_path, kind):
    pytest.importorskip("usearch", reason="needs the extra ann")
    vectors = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
    drawn(Spectrum.of(vectors), 40, 0, tmp_path)
    queries = Spectrum.of(vectors).draw(3, np.random.default_rng(1))
    np.save(tmp_path / "queries.npy", queries)
    options = argparse.Namespace(out=tmp_path, seed=0, nearest=5)
    run_child(kind, 40, options)
    assert not list(tmp_path.glob("**/*.npz"))
    run_child(kind, 40, options)
    rows = np.load(tmp_path / "40" / "drawn-40-0.npy")
    encoded = EncodedDocuments(rows, np.arange(40), 0, 0, "")
    exact = ExactIndex([str(row) for row in range(40)], encoded.matrix())
    expected = [[int(entry.doc_id) for entry in exact.nearest(query, 5)] for query in queries]
    row = bench_vector_index.row_of(kind, 40, options, expected)
    assert (row.kind, row.documents, row.recall, row.worst_recall) == (kind, 40, 1, 1)
    assert 0 < row.p50_ms <= row.p99_ms
    assert row.megabytes >= 40 * 4 * 2 / 1e6


def test_a_judged_collection_is_searched_among_others_by_both(tmp_path):
    pytest.importorskip("usearch", reason="needs the extra ann")
    folder = tmp_path / "set"
    (folder / "qrels").mkdir(parents=True)
    texts = ["copy a folder", "sort a list", "read a file"]
    documents = [{"_id": f"d{i}", "title": "", "text": text} for i, text in enumerate(texts)]
    (folder / "corpus.jsonl").write_text("\n".join(map(json.dumps, documents)))
    (folder / "queries.jsonl").write_text(json.dumps({"_id": "q", "text": texts[1]}))
    (folder / "qrels" / "dev.tsv").write_text("query-id\tcorpus-id\tscore\nq\td1\t1\n")
    options = parse(["--vectors", str(tmp_path), "--out", str(tmp_path), "--most", "20"])
    others = [Document(str(number), "", f"text {number}") for number in range(30)]
    quality = compared(str(folder), others, FakeEncoder(), options)
    assert (quality.data, quality.documents, quality.queries) == ("set", 20, 1)
    assert (quality.recall, quality.exact, quality.approximate) == (1, 1, 1)
    assert "1.0000" in quality_line(quality)
