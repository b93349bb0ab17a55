"""The benchmark of served subword T5s with a tiny model."""

from __future__ import annotations

import json

from untilclick.rewriter.language.subword_settings import SubwordConfig

from benchmarks import bench_subword
from benchmarks.stand_in_t5 import T5Shape
from tests.app.small_corpus import write_corpus


def test_every_system_and_quantisation_is_timed(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(bench_subword, "T5_SMALL", T5Shape(rows=420, d_model=32, d_kv=8, d_ff=32, layers=1))
    monkeypatch.setattr(bench_subword, "SUBWORDS", 400)
    monkeypatch.setattr(bench_subword, "READINGS", (SubwordConfig(length=4, beams=2),))
    data = write_corpus(tmp_path / "documents.jsonl")
    bench_subword.main(["--data", str(data), "--out", str(tmp_path / "out"), "--queries", "2"])
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    assert [(row["system"], row["quantization"]) for row in rows] == [
        (name, quantization) for name in ("corpus", "t5-small-2x4") for quantization in ("int8", "float32")
    ]
    assert all(0 < row["least_ms"] <= row["median_ms"] <= row["p95_ms"] for row in rows)
