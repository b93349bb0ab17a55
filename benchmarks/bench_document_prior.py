"""The prominence of documents as a part of the ranking: what each weight helps and harms, nothing trained.

    python -m benchmarks.bench_document_prior [--data FOLDER ...] [--corpora NAME,...] [--encoder NAME]
                                              [--weights W ...] [--exponents G ...] [--max-topics N] [--json FILE]

`benchmarks.package_corpora` makes most of the collections. The rewriter is the untrained one that reads meaning
(`serving.blend.MEANT`); weight 0 is that rewriter as it is. Lines give, for each collection and weight:

    nDCG@10              on the first of the splits dev, train and test
    difference           to weight 0, with a 95 % interval by need
    helped, harmed       shares of the queries whose nDCG@10 changes by more than .05
    needs by prominence  the difference if needs were drawn by (1 + n)^G, n being the number of documents that name a
                         wanted one: topics are weighed so. 0 is the difference above

Before them stand the share of the documents that another document names, the same of the wanted documents, and the
seconds of the processor that counting took.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from untilclick.app.loop.torch_setup import set_up_torch
from untilclick.rewriter.data.encoding import encode_collection
from untilclick.rewriter.data.show import silently
from untilclick.rewriter.evaluation.statistics import TIE_TOLERANCE, TopicValues, compare
from untilclick.rewriter.evaluation.system_runs import run_system
from untilclick.rewriter.evaluation.systems import RewriterSystem, TypedTopic
from untilclick.rewriter.evaluation.typed_topics import typed_queries
from untilclick.rewriter.judging.needs import needs_of_topics
from untilclick.rewriter.serving.blend import MEANT
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.measures.metrics import HARM_MARGIN
from untilclick.search.records import Corpus
from untilclick.search.text.prominence import prominence

from benchmarks.bench_cold_start import reported_split, source_of
from benchmarks.untrained_systems import untrained_rewriter

NDCG = "nDCG@10"
CORPORA = ("manual-pages", "postgresql-index", "perl-faq", "cosqa-dev")
WEIGHTS = (0.02, 0.05, 0.1)
EXPONENTS = (0.5, 1.0)


@dataclass(frozen=True)
class Row:
    """One weight on one collection."""

    weight: float
    ndcg: float
    difference: float
    ci95: tuple[float, float]
    p: float
    helped: float
    harmed: float
    """Shares of the queries, 0..1."""
    by_prominence: dict[str, float]
    """Exponent -> the difference if needs were drawn by prominence to this power."""


@dataclass(frozen=True)
class Measured:
    """One collection."""

    corpus: str
    split: str
    n_documents: int
    n_queries: int
    named: float
    """Share of the documents that another document names, 0..1."""
    wanted_named: float
    """The same of the queries that want such a document."""
    seconds: float
    """Of the processor, to count."""
    ndcg: float
    """Without a prior."""
    rows: tuple[Row, ...]


def measured(name: str, opened: OpenedCollection, options: argparse.Namespace) -> Measured:
    """Measure every weight on one collection, whose documents are encoded."""
    corpus, split = opened.collection.corpus, reported_split(opened.collection)
    counts, seconds = _counted(corpus)
    topics = typed_queries(opened.collection, split, 0, opened.index)[: options.max_topics]
    topics = [replace(typed, history=()) for typed in topics]
    of_doc = dict(zip((document.doc_id for document in corpus.documents), counts.tolist(), strict=True))
    wanted = np.array(
        [
            max((of_doc.get(doc_id, 0.0) for doc_id, g in each.topic.relevance.items() if g > 0), default=0.0)
            for each in topics
        ]
    )
    needs = needs_of_topics([typed.topic for typed in topics], opened.analysis).groups
    base, *values = (_values(opened, topics, weight) for weight in (0.0, *options.weights))
    rows = [
        _row(weight, each, base, wanted, needs, options.exponents)
        for weight, each in zip(options.weights, values, strict=True)
    ]
    return Measured(
        name,
        split,
        len(corpus.documents),
        len(topics),
        float((counts > 0).mean()),
        float((wanted > 0).mean()),
        seconds,
        float(base.mean()),
        tuple(rows),
    )


def _counted(corpus: Corpus) -> tuple[NDArray[np.float64], float]:
    """The prominence of the documents (D,), and the seconds that it takes."""
    started = time.process_time()
    counts = prominence(corpus)
    return counts, time.process_time() - started


def _values(opened: OpenedCollection, topics: Sequence[TypedTopic], weight: float) -> NDArray[np.float64]:
    """(n,) nDCG@10 with a weight of the prior."""
    assert MEANT.mixture is not None
    blend = replace(MEANT, mixture=replace(MEANT.mixture, prior=weight))
    system = RewriterSystem(untrained_rewriter(opened, blend))
    titled = [opened.engine.with_title(typed.query) for typed in topics]
    return run_system(opened.engine, topics, f"prior {weight}", system, titled).scores.values[NDCG]


def _row(
    weight: float,
    values: NDArray[np.float64],
    base: NDArray[np.float64],
    wanted: NDArray[np.float64],
    needs: NDArray[np.int64],
    exponents: Sequence[float],
) -> Row:
    """The row of a weight, from nDCG@10 (n,) with and without it."""
    rng, lead = np.random.default_rng(0), values - base
    comparison = compare(TopicValues("prior", values), TopicValues("none", base), NDCG, rng, needs=needs)
    drawn = {str(power): (1.0 + wanted) ** power for power in exponents}
    return Row(
        weight,
        float(values.mean()),
        comparison.difference,
        comparison.ci95,
        comparison.p,
        float((lead > HARM_MARGIN + TIE_TOLERANCE).mean()),
        comparison.harmed_share,
        {power: float((shares @ lead) / shares.sum()) for power, shares in drawn.items()},
    )


def print_measured(each: Measured) -> None:
    """Print the lines of a collection."""
    print(
        f"-- {each.corpus}: {each.n_documents:,} documents, {100 * each.named:.0f} % named, counted in "
        f"{each.seconds:.2f} s; {each.n_queries} queries of {each.split}, {100 * each.wanted_named:.0f} % want a "
        f"named document; weight 0: {each.ndcg:.3f}"
    )
    for row in each.rows:
        drawn = ", ".join(f"^{power} {value:+.4f}" for power, value in row.by_prominence.items())
        print(
            f"   {row.weight:.2f}  {row.ndcg:.3f}  {row.difference:+.4f} [{row.ci95[0]:+.4f}, {row.ci95[1]:+.4f}] "
            f"p {row.p:.3f}  helped {100 * row.helped:.1f} %, harmed {100 * row.harmed:.1f} %  "
            f"needs by prominence {drawn}",
            flush=True,
        )


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="The prominence of documents as a part of the ranking")
    parser.add_argument("--data", type=Path, nargs="+", default=[Path("runs/corpora")])
    parser.add_argument("--corpora", default=",".join(CORPORA))
    parser.add_argument("--encoder", default="auto", help="as for untilclick evaluate")
    parser.add_argument("--weights", type=float, nargs="+", default=WEIGHTS)
    parser.add_argument("--exponents", type=float, nargs="+", default=EXPONENTS)
    parser.add_argument("--max-topics", type=int)
    parser.add_argument("--json", type=Path)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure every collection, print its lines, and write JSON if asked to."""
    options = _options(arguments)
    set_up_torch()
    results = []
    for name in options.corpora.split(","):
        source = source_of(name, options.data)
        if source is None:
            print(f"{name}: skipped, it is in none of {', '.join(map(str, options.data))}", flush=True)
            continue
        opened = OpenedCollection.load(source)
        encoded, note = encode_collection(options.encoder, opened, silently)
        if encoded is None:
            sys.exit(f"{name}: the prior is summed with the likeness of documents, and there is no encoder. {note}")
        results.append(measured(name, opened.with_vectors(encoded), options))
        print_measured(results[-1])
    if options.json:
        options.json.write_text(json.dumps([asdict(each) for each in results], indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
