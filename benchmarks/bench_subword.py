"""Compares the time of a served rewrite by a subword T5 of t5-small's size with that of the corpus policy.

The T5 is a stand-in with random weights in the shapes of google-t5/t5-small (60 million parameters, six blocks in
encoder and decoder, 32,100 subwords). A model with random weights hardly ever ends its output, so each output has the
maximum length; the times are an upper bound for a trained model. As in the service, one thread rewrites one query at
a time.

    python -m benchmarks.bench_subword [--data SRC] [--out DIR] [--queries N]
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from untilclick.rewriter.config import BaseConfig, PolicyConfig
from untilclick.rewriter.language.subword_settings import SubwordConfig
from untilclick.rewriter.policy.models import RewriterModel, SubwordModel
from untilclick.rewriter.policy.subword import SubwordVocabulary
from untilclick.rewriter.policy.t5 import T5Policy
from untilclick.rewriter.rewrite import RewriteRequest
from untilclick.rewriter.serving.blend import BlendSettings
from untilclick.rewriter.serving.runtime import open_bundle
from untilclick.rewriter.stages import export
from untilclick.rewriter.stages.base import new_model
from untilclick.rewriter.stages.record import BASE, StageOutcome, write_stage
from untilclick.rewriter.training.validation import BlendChoice
from untilclick.search.analysis.by_name import english
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.engines import open_engine
from untilclick.search.engines.protocol import SearchEngine

from benchmarks.stand_in_t5 import T5Shape, stand_in_t5, unigram_tokenizer

words = english().words

T5_SMALL = T5Shape(rows=32_128, d_model=512, d_kv=64, d_ff=2048, layers=6)
SUBWORDS = 32_100
READINGS = tuple(SubwordConfig(length=length, beams=beams) for length, beams in ((24, 8), (24, 4), (24, 1), (12, 4)))


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print one JSON object per line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="stdlib")
    parser.add_argument("--out", type=Path, default=Path("runs/bench-subword"))
    parser.add_argument("--queries", type=int, default=50)
    options = parser.parse_args(arguments)
    opened = OpenedCollection.load(options.data, "tantivy")
    engine = open_engine("tantivy", opened.collection.corpus)
    topics = next(iter(opened.collection.topics.values()))
    requests = [RewriteRequest(topic.query) for topic in topics[: options.queries]]
    for name, model in systems(opened):
        stage = write_stage(opened, options.out / name / BASE, model, StageOutcome(BaseConfig(), CHOICE, {}))
        for quantization in ("int8", "float32"):
            bundle = options.out / name / quantization
            export.main(export.ExportConfig(stage, bundle, quantization), opened)
            size = sum(path.stat().st_size for path in bundle.rglob("*") if path.is_file())
            figures = {"system": name, "quantization": quantization, "mib": round(size / 2**20)}
            print(json.dumps({**figures, **timed(bundle, engine, requests)}), flush=True)


CHOICE = BlendChoice(BlendSettings(feedback=0.0, original=0.8), 0.0, 0.0)
"""Blend of both systems, so that only the time of the models differs."""


def systems(opened: OpenedCollection) -> Iterator[tuple[str, RewriterModel]]:
    """Name and model of each system: the corpus policy, then the T5 with several settings of beam search."""
    corpus_model = new_model(opened.index, PolicyConfig())
    corpus_model.policy.eval()
    yield "corpus", corpus_model
    vocabulary = corpus_model.language.vocabulary
    subwords = SubwordVocabulary(unigram_tokenizer(_words(opened), SUBWORDS))
    t5 = T5Policy(stand_in_t5(T5_SMALL, 0), "tokens", 0, subwords.banned_ids(T5_SMALL.rows)).eval()
    for reading in READINGS:
        yield f"t5-small-{reading.beams}x{reading.length}", SubwordModel(t5, subwords.language(vocabulary, reading))


def timed(bundle: Path, engine: SearchEngine, requests: Sequence[RewriteRequest]) -> dict[str, float]:
    """Milliseconds of single rewrites, after a first one that loads the model.

    `least_ms` is the time that other work on the machine disturbed least.
    """
    rewriter = open_bundle(bundle, engine)
    rewriter.rewrite(requests[:1])
    times_ms = []
    for request in requests:
        start = time.perf_counter()
        rewriter.rewrite([request])
        times_ms.append(1000 * (time.perf_counter() - start))
    figures = {"least_ms": np.min(times_ms), "median_ms": np.median(times_ms), "p95_ms": np.quantile(times_ms, 0.95)}
    return {name: round(float(value), 1) for name, value in figures.items()}


def _words(opened: OpenedCollection) -> list[str]:
    documents = opened.collection.corpus.documents
    return [word for document in documents for word in words(f"{document.title} {document.text}".lower())]


if __name__ == "__main__":
    main()
