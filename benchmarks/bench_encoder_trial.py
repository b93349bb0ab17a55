"""Tries encoders on collections: which rule tells whether an encoder speaks the language of a corpus?

    python -m benchmarks.bench_encoder_trial --data SRC ... [--encoders NAME ...] [--seed N] [--judged]
                                             [--vectors DIR] [--json FILE]

Each collection is tried in three ways. Figures are RR@10 of BM25, of the encoder, and of both half and half, each
divided by its maximum; the standard error is that of the difference that decides.

    adding   the program's rule (`search/measures/encoder_trial.py`): titles, or first sentences, are queries for the
             documents without them. Out: adding the encoder lowers BM25 by more than one standard error
    alone    queries of words that are drawn from whole documents, as topics are made from documents. Out: the encoder
             alone is worse than BM25
    judged   with --judged, nDCG@10 on the collection's own queries: whether adding the encoder helps in fact

`without titles` tries the first rule on the collection without its titles.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from untilclick.rewriter.policy.encoders.conversion import convert_encoder
from untilclick.search.analysis.analysis import Analysis
from untilclick.search.analysis.guess import analysis_for
from untilclick.search.corpora.load import corpus_of, load_collection
from untilclick.search.corpora.topics import topics_from_documents
from untilclick.search.engines.tantivy_engine import TantivyEngine
from untilclick.search.engines.vectors.encoded_documents import encode_documents, vector_folder
from untilclick.search.measures.encoder_trial import MOST_DOCUMENTS, EncoderTrial, try_encoder
from untilclick.search.measures.fusion import sum_of_scaled
from untilclick.search.measures.metrics import evaluate_rankings
from untilclick.search.records import Document, ScoredDoc, Topic, WeightedQuery
from untilclick.search.text.encoders.encoder import Encoder
from untilclick.search.text.encoders.opened import open_encoder

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Outcome:
    """A way to try, on one collection."""

    n: int
    bm25: float
    encoder: float
    both: float
    standard_error: float
    is_out: bool


@dataclass(frozen=True)
class Row:
    """An encoder on a collection."""

    data: str
    encoder: str
    analysis: str
    documents: int
    adding: Outcome
    without_titles: Outcome
    alone: Outcome
    judged: Outcome | None


def measured(data: str, encoder: Encoder, folder: Path, seed: int, *, judged: bool) -> Row:
    """Try an encoder on a collection in all ways."""
    collection = load_collection(data, seed=seed)
    documents = collection.corpus.documents
    analysis = analysis_for(documents)
    untitled = [replace(document, title="") for document in documents]
    topics = collection.all_topics if judged and collection.queries == "real" else ()
    return Row(
        data=Path(data).name,
        encoder=encoder.card.name,
        analysis=analysis.name,
        documents=len(documents),
        adding=_of_trial(try_encoder(documents, encoder, analysis, folder, seed)),
        without_titles=_of_trial(try_encoder(untitled, encoder, analysis, folder, seed)),
        alone=_alone(documents, encoder, analysis, folder, seed),
        judged=_scored(documents, topics, encoder, analysis, folder, "nDCG@10") if topics else None,
    )


def _of_trial(trial: EncoderTrial) -> Outcome:
    return Outcome(trial.n, trial.bm25, trial.encoder, trial.both, trial.standard_error, not trial.is_passed)


def _alone(documents: Sequence[Document], encoder: Encoder, analysis: Analysis, folder: Path, seed: int) -> Outcome:
    """Drawn words, and the encoder alone against BM25."""
    rows = np.sort(np.random.default_rng(seed).permutation(len(documents))[:MOST_DOCUMENTS])
    chosen = [documents[row] for row in rows]
    topics = [topic for split in topics_from_documents(chosen, seed, analysis).values() for topic in split]
    outcome = _scored(chosen, topics, encoder, analysis, folder, "RR@10")
    return replace(outcome, is_out=outcome.encoder < outcome.bm25)


def _scored(
    documents: Sequence[Document],
    topics: Sequence[Topic],
    encoder: Encoder,
    analysis: Analysis,
    folder: Path,
    measure: str,
) -> Outcome:
    """BM25, the encoder and both on topics."""
    engine = TantivyEngine.open(corpus_of("bench", documents), None, analysis)
    vectors = encode_documents(documents, encoder, folder).matrix()  # (D, d)
    queries = [topic.query for topic in topics]
    cosines = encoder.encode(queries, "query") @ vectors.T  # (Q, D)
    bm25 = np.zeros(cosines.shape)
    rows = {document.doc_id: row for row, document in enumerate(documents)}
    for i, ranking in enumerate(engine.search([WeightedQuery.of(query) for query in queries], len(documents))):
        for entry in ranking:
            bm25[i, rows[entry.doc_id]] = entry.score
    values = [
        _values(documents, topics, scores, measure)
        for scores in (bm25, cosines, sum_of_scaled((bm25, cosines), (0.5, 0.5)))
    ]
    error = float(np.std(values[2] - values[0], ddof=1) / np.sqrt(len(topics)))
    means = [float(each.mean()) for each in values]
    return Outcome(len(topics), means[0], means[1], means[2], error, means[2] < means[0] - error)


def _values(
    documents: Sequence[Document], topics: Sequence[Topic], scores: NDArray[np.floating], measure: str
) -> Floats:
    """(Q,) The measure of the rankings by the scores; documents without a score above 0 are not found."""
    best = np.argsort(-scores, axis=1, kind="stable")[:, :100]  # (Q, 100)
    rankings = [
        [ScoredDoc(documents[row].doc_id, float(of_query[row])) for row in rows if of_query[row] > 0]
        for rows, of_query in zip(best, scores, strict=True)
    ]
    return evaluate_rankings(topics, rankings, (measure,)).values[measure]


def line(name: str, row: Row, outcome: Outcome) -> str:
    """A line of the table."""
    figures = f"{outcome.bm25:8.3f}{outcome.encoder:9.3f}{outcome.both:7.3f}{outcome.standard_error:8.4f}"
    verdict = "out" if outcome.is_out else "used"
    return f"{row.data:24}{row.encoder[-20:]:22}{name:16}{outcome.n:6,}{figures}  {verdict}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print a table, and write JSON if asked to."""
    parser = argparse.ArgumentParser(description="Does an encoder speak the language of a corpus?")
    parser.add_argument("--data", nargs="+", default=["stdlib"])
    parser.add_argument("--encoders", nargs="+", default=["minilm"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--judged", action="store_true", help="encode whole collections that have judgments")
    parser.add_argument("--vectors", type=Path, default=vector_folder(None))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    print(f"{'collection':24}{'encoder':22}{'way':16}{'n':>6}{'BM25':>8}{'encoder':>9}{'both':>7}{'error':>8}")
    rows = []
    for name in options.encoders:
        encoder = open_encoder(name, convert_encoder).encoder
        assert encoder is not None, f"{name} is no encoder"
        for data in options.data:
            row = measured(data, encoder, options.vectors, options.seed, judged=options.judged)
            rows.append(row)
            ways = {
                "adding": row.adding,
                "without titles": row.without_titles,
                "alone": row.alone,
                "judged": row.judged,
            }
            for way, outcome in ways.items():
                if outcome is not None:
                    print(line(way, row, outcome), flush=True)
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
