"""Measures how the cost of a rewritten query grows with the number of documents: rewriting it, and searching it.

    python -m benchmarks.bench_growth --bundle DIR [--data SOURCE] [--documents N ...] [--clauses N ...] [--queries N]
                                      [--out DIR] [--json FILE]

Rewritten queries are searched with their heaviest clauses (--clauses) and with all of them, in one thread and without
HTTP. Documents and indices are shared with `bench_service` through --out, and made if they are missing. Each way of
searching runs every query once, in a random order of its own.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from untilclick.rewriter.rewrite import RewriteRequest
from untilclick.rewriter.serving.readings.ranker import rank
from untilclick.rewriter.serving.readings.searched_query import SearchedQuery
from untilclick.rewriter.serving.runtime import open_bundle
from untilclick.search.corpora.load import load_collection, load_corpus
from untilclick.search.engines import open_engine
from untilclick.search.engines.protocol import SearchEngine

from benchmarks.bench_service import write_documents, write_queries

K = 10


@dataclass(frozen=True, slots=True)
class Cost:
    """Time of one step at one number of documents."""

    documents: int
    step: str
    median_ms: float
    p99_ms: float


def costs(folder: Path, bundle: Path, clauses: Sequence[int], queries: Sequence[str]) -> list[Cost]:
    """Costs on the corpus in `folder`: searching as typed, rewriting, searching the heaviest and all clauses."""
    corpus = load_corpus(str(folder / "documents.jsonl"))
    engine = open_engine("tantivy", corpus, folder / "index")
    rewriter = open_bundle(bundle, engine)
    n_documents = len(corpus.documents)
    rewritten: dict[str, SearchedQuery] = {}

    def rewrite(query: str) -> None:
        rewritten[query] = SearchedQuery.of(rewriter.rewrite([RewriteRequest(query)])[0])

    for query in queries[-20:]:  # warm-up
        rewrite(query)

    steps: dict[str, Callable[[str], object]] = {
        "as typed": lambda query: rank(engine, [SearchedQuery.typed(query)], K),
        "rewriting": rewrite,
        **{f"{most} clauses": _searching(engine, rewritten, most) for most in clauses},
        "all clauses": _searching(engine, rewritten, None),
    }
    rng = np.random.default_rng(0)
    return [
        _cost(n_documents, step, act, (queries[i] for i in rng.permutation(len(queries))))
        for step, act in steps.items()
    ]


def _searching(
    engine: SearchEngine, rewritten: Mapping[str, SearchedQuery], most: int | None
) -> Callable[[str], object]:
    return lambda query: rank(engine, [rewritten[query]], K, clauses=most)


def _cost(n_documents: int, step: str, act: Callable[[str], object], queries: Iterable[str]) -> Cost:
    times_ms = []
    for query in queries:
        start = time.perf_counter()
        act(query)
        times_ms.append((time.perf_counter() - start) * 1000)
    return Cost(n_documents, step, float(np.median(times_ms)), float(np.quantile(times_ms, 0.99)))


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table, and write JSON if asked to."""
    parser = argparse.ArgumentParser(description="The cost of a rewritten query by the number of documents")
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--data", default="stdlib")
    parser.add_argument("--documents", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--clauses", type=int, nargs="+", default=[10, 30])
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--out", type=Path, default=Path("runs/bench-service"))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    collection = load_collection(options.data)
    write_queries(collection, options.out / "queries.json")
    queries = json.loads((options.out / "queries.json").read_text())[: options.queries]
    all_costs: list[Cost] = []
    for n_documents in options.documents:
        folder = options.out / f"{n_documents}"
        if not (folder / "documents.jsonl").exists():
            folder.mkdir(exist_ok=True)
            write_documents(collection, n_documents, folder / "documents.jsonl")
        new_costs = costs(folder, options.bundle, options.clauses, queries)
        all_costs += new_costs
        for cost in new_costs:
            print(
                f"{cost.documents:>9,}  {cost.step:12}{cost.median_ms:8.2f} ms  p99 {cost.p99_ms:8.2f} ms", flush=True
            )
    if options.json:
        options.json.write_text(json.dumps([asdict(cost) for cost in all_costs], indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
