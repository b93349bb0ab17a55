"""The benchmark of encoders: its texts and its figures."""

from __future__ import annotations

import argparse
import json

import numpy as np
import pytest

from benchmarks import bench_encoders
from benchmarks.bench_encoders import TORCH, WORDS, line, row_of, texts


def test_queries_have_twelve_words_and_are_of_other_documents(tmp_path):
    documents = [{"_id": str(i), "text": " ".join(f"w{i}x{j}" for j in range(30))} for i in range(20)]
    (tmp_path / "documents.jsonl").write_text("\n".join(map(json.dumps, documents)))
    chosen, queries = texts(str(tmp_path / "documents.jsonl"), 12, 5, seed=0)
    assert (len(chosen), len(queries)) == (12, 5)
    assert {len(query.split()) for query in queries} == {WORDS}
    of_documents = {text.partition("x")[0] for text in chosen}
    assert not of_documents & {query.partition("x")[0] for query in queries}


def result(queries, documents, p50=2.0):
    vectors = {"queries": np.array(queries, dtype=float), "documents": np.array(documents, dtype=float)}
    return vectors | {"times": np.array([1.0, p50, 9.0]), "figures": np.array([0.5, 140.0, 40.0])}


def test_a_row_compares_with_torch_and_counts_the_best_round(tmp_path, monkeypatch):
    (tmp_path / "settings.json").write_text(json.dumps({"source": str(tmp_path), "max_tokens": 24}))
    (tmp_path / "model.bin").write_bytes(b"0" * 2_000_000)
    monkeypatch.setattr(bench_encoders, "opened", lambda kind, encoder, out: (None, tmp_path))
    reference = result([[1, 0], [0, 1]], [[1, 0], [0, 1], [0.6, 0.8]])
    np.savez(tmp_path / "torch-float32.npz", **reference)
    options = argparse.Namespace(out=tmp_path, encoder="minilm")
    own = result([[1, 0], [0, 1]], [[1, 0], [0.6, 0.8], [0.6, 0.8]])
    row = row_of("ctranslate2 int8", options, [result([[0, 1]] * 2, [[0, 1]] * 3, p50=5.0), own])
    assert (row.p50_ms, row.megabytes, row.start_seconds) == (2.0, 2.0, 0.5)
    assert row.mean_cosine == pytest.approx((1 + 0.8 + 1) / 3)
    assert row.lowest_cosine == pytest.approx(0.8)
    assert (row.top_ten, row.first) == (1.0, 1.0)
    assert "0.9333 0.8000" in line(row)
    other = row_of("static", options, [result([[1, 0, 0]] * 2, [[1, 0, 0]] * 3)])
    assert other.mean_cosine is None
    assert row_of(TORCH, options, [reference]).first == 1.0
