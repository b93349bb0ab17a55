"""Compares BM25 through the engine protocol with raw tantivy and rank-bm25, on one synthetic corpus in one run.

    python -m benchmarks.bench_engines [--documents N] [--queries N] [--rounds N] [--json FILE]

Words follow a Zipf law. Documents have about 80 words; queries have 2 to 4 words from the middle of the distribution,
like the queries of visitors. Raw tantivy follows tantivy's tutorial: it parses the query, searches, and reads the
stored id of each hit. The second raw figure parses and searches but discards the hits, which is an upper bound for
any engine that returns results. Beside the searches, given documents are scored for each query.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np
import tantivy

from untilclick.search.analysis.english_v1 import TANTIVY_NAME, text_analyzer
from untilclick.search.corpora.load import corpus_of
from untilclick.search.engines.rank_bm25_engine import RankBm25Engine
from untilclick.search.engines.tantivy_engine import TantivyEngine
from untilclick.search.records import Corpus, Document, WeightedQuery

K = 10
"""Number of results per query."""

GIVEN = 200
"""Number of documents that are scored for a query."""

SLOW_QUERIES = 20
"""Queries per round for rank-bm25, which may need seconds for a single query."""


@dataclass(frozen=True, slots=True)
class Row:
    """Throughput of one system."""

    system: str
    queries_per_second: float
    """Median over the rounds."""
    spread: float
    """Rate of the fastest round divided by that of the slowest."""


SearchAll = Callable[[Sequence[str]], object]
"""Searches every query of a list."""


class RawTantivy(NamedTuple):
    """Two ways to search by tantivy's own interface."""

    with_ids: SearchAll
    """Reads the stored id of each hit."""
    without_ids: SearchAll
    """Discards the hits."""


class System(NamedTuple):
    """A search and the queries it is timed on."""

    search: SearchAll
    queries: Sequence[str]


def zipf_corpus(n_documents: int, n_words: int, seed: int) -> Corpus:
    """Documents of Poisson(80) words drawn by a Zipf law of exponent 1 over `n_words` made-up words."""
    rng = np.random.default_rng(seed)
    shares = 1.0 / np.arange(1, n_words + 1)
    lengths = rng.poisson(80, size=n_documents)
    all_words = rng.choice(n_words, size=int(lengths.sum()), p=shares / shares.sum())
    parts = np.split(all_words, np.cumsum(lengths)[:-1])  # one array of words for each document
    return corpus_of("zipf", (Document(f"d{i}", "", " ".join(f"w{w}q" for w in p)) for i, p in enumerate(parts)))


def zipf_queries(n_queries: int, n_words: int, seed: int) -> list[str]:
    """Queries of two to four words, drawn log-uniformly from the words of ranks 20 to `n_words` / 4."""
    rng = np.random.default_rng(seed + 1)
    low, high = np.log(20), np.log(max(n_words / 4, 21))
    sizes = rng.integers(2, 5, size=n_queries)
    return [" ".join(f"w{int(w)}q" for w in np.exp(rng.uniform(low, high, size=size))) for size in sizes]


def raw_tantivy(corpus: Corpus) -> RawTantivy:
    """Index a corpus with tantivy's own interface."""
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("body", stored=False, tokenizer_name=TANTIVY_NAME, index_option="freq")
    builder.add_text_field("doc_id", stored=True, tokenizer_name="raw", index_option="basic")
    index = tantivy.Index(builder.build())
    index.register_tokenizer(TANTIVY_NAME, text_analyzer())
    writer = index.writer(heap_size=256 * 2**20, num_threads=1)
    for document in corpus.documents:
        writer.add_document(tantivy.Document(body=document.text, doc_id=document.doc_id))
    writer.commit()
    writer.wait_merging_threads()
    index.reload()
    searcher = index.searcher()

    def with_ids(texts: Sequence[str]) -> object:
        results = []
        for text in texts:
            hits = searcher.search(index.parse_query(text, ["body"]), K, count=False).hits
            results.append([(searcher.doc(address)["doc_id"][0], score) for score, address in hits])
        return results

    def without_ids(texts: Sequence[str]) -> object:
        return [searcher.search(index.parse_query(text, ["body"]), K, count=False) for text in texts]

    return RawTantivy(with_ids, without_ids)


def measure(corpus: Corpus, queries: Sequence[str], rounds: int) -> list[Row]:
    """Queries per second of each system; the systems take turns within each round."""
    raw = raw_tantivy(corpus)
    ours, slow = TantivyEngine.open(corpus), RankBm25Engine(corpus)
    plain = slow._body  # the library's own object: our engine caches score vectors, which rank-bm25 does not
    given = [document.doc_id for document in corpus.documents[:: max(1, len(corpus.documents) // GIVEN)]][:GIVEN]
    systems = {
        "raw tantivy, stored ids": System(raw.with_ids, queries),
        "raw tantivy, hits discarded": System(raw.without_ids, queries),
        "untilclick tantivy, batch of 1": System(
            lambda q: [ours.search([WeightedQuery.of(t)], K) for t in q], queries
        ),
        "untilclick tantivy, one batch": System(lambda q: ours.search([WeightedQuery.of(t) for t in q], K), queries),
        f"untilclick tantivy, {len(given)} scored": System(
            lambda q: [ours.scores([WeightedQuery.of(t)], [given]) for t in q], queries
        ),
        "untilclick rank-bm25": System(
            lambda q: [slow.search([WeightedQuery.of(t)], K) for t in q],
            queries[:SLOW_QUERIES],
        ),
        "rank-bm25": System(
            lambda q: [np.argsort(plain.get_scores(t.split()))[-K:] for t in q], queries[:SLOW_QUERIES]
        ),
    }
    rates: dict[str, list[float]] = {name: [] for name in systems}
    for _ in range(rounds):
        for name, system in systems.items():
            start = time.perf_counter()
            system.search(system.queries)
            rates[name].append(len(system.queries) / (time.perf_counter() - start))
    return [Row(name, median(rounds), max(rounds) / min(rounds)) for name, rounds in rates.items()]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print a table, and write JSON if asked to."""
    parser = argparse.ArgumentParser(description="BM25 throughput, single thread")
    parser.add_argument("--documents", type=int, default=10_000)
    parser.add_argument("--words", type=int, default=30_000)
    parser.add_argument("--queries", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    corpus = zipf_corpus(options.documents, options.words, options.seed)
    rows = measure(corpus, zipf_queries(options.queries, options.words, options.seed), options.rounds)
    base, slow = rows[0].queries_per_second, rows[-1].queries_per_second
    print(f"{options.documents:,} documents, {options.queries:,} queries, k={K}, one thread, {options.rounds} rounds")
    print(f"{'system':34}{'queries/s':>12}{'of raw':>9}{'x rank-bm25':>13}{'spread':>8}")
    for row in rows:
        rate = row.queries_per_second
        print(f"{row.system:34}{rate:12,.1f}{rate / base:9.2f}{rate / slow:13,.1f}{row.spread:8.2f}")
    if options.json:
        settings = {k: v for k, v in vars(options).items() if k != "json"}
        options.json.write_text(json.dumps({"settings": settings, "rows": [asdict(row) for row in rows]}, indent=2))


if __name__ == "__main__":
    main()
