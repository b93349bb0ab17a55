"""BM25 through the engine protocol against raw tantivy and rank-bm25, on one synthetic corpus, in one run.

    python -m benchmarks.bench_engines [--documents N] [--queries N] [--rounds N] [--json FILE]

Words follow a Zipf law, documents have about 80 of them, queries 2 to 4 from the middle of the law, as visitors'
queries have. Raw tantivy is what its own tutorial does: parse the query, search, and read each hit's stored id; the
second raw figure parses and searches but throws the hits away, a bound that no engine with results can pass.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import numpy as np
import tantivy

from untilclick.search.corpora.load import corpus_of
from untilclick.search.engines.rank_bm25_engine import RankBm25Engine
from untilclick.search.engines.tantivy_engine import TantivyEngine
from untilclick.search.records import Corpus, Document, WeightedQuery
from untilclick.search.text.analysis import ANALYZER_NAME, text_analyzer

K = 10
"""Results per query."""

SLOW_QUERIES = 20
"""Queries per round for rank-bm25, which takes up to seconds for one."""


@dataclass(frozen=True, slots=True)
class Row:
    """One system's figure."""

    system: str
    queries_per_second: float
    """Median over the rounds."""
    spread: float
    """Highest over lowest round."""


def zipf_corpus(n_documents: int, n_words: int, seed: int) -> Corpus:
    """Documents of Poisson(80) words drawn by a Zipf law of exponent 1 over `n_words` made-up words."""
    rng = np.random.default_rng(seed)
    shares = 1.0 / np.arange(1, n_words + 1)
    lengths = rng.poisson(80, size=n_documents)
    drawn = rng.choice(n_words, size=int(lengths.sum()), p=shares / shares.sum())
    parts = np.split(drawn, np.cumsum(lengths)[:-1])
    return corpus_of("zipf", (Document(f"d{i}", "", " ".join(f"w{w}q" for w in p)) for i, p in enumerate(parts)))


def zipf_queries(n_queries: int, n_words: int, seed: int) -> list[str]:
    """Two to four words each, log-uniform over ranks 20 to `n_words` / 4."""
    rng = np.random.default_rng(seed + 1)
    low, high = np.log(20), np.log(max(n_words / 4, 21))
    sizes = rng.integers(2, 5, size=n_queries)
    return [" ".join(f"w{int(w)}q" for w in np.exp(rng.uniform(low, high, size=size))) for size in sizes]


def raw_tantivy(corpus: Corpus) -> tuple[Callable[[Sequence[str]], object], Callable[[Sequence[str]], object]]:
    """Search with stored ids, and search alone, by tantivy's own interface."""
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("body", stored=False, tokenizer_name=ANALYZER_NAME, index_option="freq")
    builder.add_text_field("doc_id", stored=True, tokenizer_name="raw", index_option="basic")
    index = tantivy.Index(builder.build())
    index.register_tokenizer(ANALYZER_NAME, text_analyzer())
    writer = index.writer(heap_size=256 * 2**20, num_threads=1)
    for document in corpus.documents:
        writer.add_document(tantivy.Document(body=document.text, doc_id=document.doc_id))
    writer.commit()
    writer.wait_merging_threads()
    index.reload()
    searcher = index.searcher()

    def with_ids(texts: Sequence[str]) -> object:
        found = []
        for text in texts:
            hits = searcher.search(index.parse_query(text, ["body"]), K, count=False).hits
            found.append([(searcher.doc(address)["doc_id"][0], score) for score, address in hits])
        return found

    def alone(texts: Sequence[str]) -> object:
        return [searcher.search(index.parse_query(text, ["body"]), K, count=False) for text in texts]

    return with_ids, alone


def measure(corpus: Corpus, queries: Sequence[str], rounds: int) -> list[Row]:
    """Queries a second of each system, the systems taking turns within each round."""
    with_ids, alone = raw_tantivy(corpus)
    ours, slow = TantivyEngine.open(corpus), RankBm25Engine(corpus)
    plain = slow._bm25  # the library's object itself: our engine keeps score vectors, which is not rank-bm25's doing
    systems: dict[str, tuple[Callable[[Sequence[str]], object], Sequence[str]]] = {
        "raw tantivy, stored ids": (with_ids, queries),
        "raw tantivy, hits thrown away": (alone, queries),
        "untilclick tantivy, batch of 1": (lambda q: [ours.search([WeightedQuery.of(t)], K) for t in q], queries),
        "untilclick tantivy, one batch": (lambda q: ours.search([WeightedQuery.of(t) for t in q], K), queries),
        "untilclick rank-bm25": (
            lambda q: [slow.search([WeightedQuery.of(t)], K) for t in q],
            queries[:SLOW_QUERIES],
        ),
        "rank-bm25": (lambda q: [np.argsort(plain.get_scores(t.split()))[-K:] for t in q], queries[:SLOW_QUERIES]),
    }
    rates: dict[str, list[float]] = {name: [] for name in systems}
    for _ in range(rounds):
        for name, (run, given) in systems.items():
            start = time.perf_counter()
            run(given)
            rates[name].append(len(given) / (time.perf_counter() - start))
    return [Row(name, median(found), max(found) / min(found)) for name, found in rates.items()]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print a table, and write JSON where asked."""
    parser = argparse.ArgumentParser(description="BM25 throughput, single thread")
    parser.add_argument("--documents", type=int, default=10_000)
    parser.add_argument("--words", type=int, default=30_000)
    parser.add_argument("--queries", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args(arguments)
    corpus = zipf_corpus(given.documents, given.words, given.seed)
    rows = measure(corpus, zipf_queries(given.queries, given.words, given.seed), given.rounds)
    base, slow = rows[0].queries_per_second, rows[-1].queries_per_second
    print(f"{given.documents:,} documents, {given.queries:,} queries, k={K}, one thread, {given.rounds} rounds")
    print(f"{'system':34}{'queries/s':>12}{'of raw':>9}{'x rank-bm25':>13}{'spread':>8}")
    for row in rows:
        rate = row.queries_per_second
        print(f"{row.system:34}{rate:12,.1f}{rate / base:9.2f}{rate / slow:13,.1f}{row.spread:8.2f}")
    if given.json:
        settings = {k: v for k, v in vars(given).items() if k != "json"}
        given.json.write_text(json.dumps({"settings": settings, "rows": [asdict(row) for row in rows]}, indent=2))


if __name__ == "__main__":
    main()
