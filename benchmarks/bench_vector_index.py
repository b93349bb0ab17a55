"""Compares indexes of documents by their vectors: exact in memory, exact in a mapped file, and a graph of neighbours.

    python -m benchmarks.bench_vector_index [--documents N ...] [--kinds KIND ...] [--spectrum SRC] [--encoder NAME]
                                            [--queries N] [--nearest N] [--seed N] [--judged SRC ...]
                                            [--padding SRC ...] [--most N] [--vectors DIR] [--out DIR] [--json FILE]

Speed and size: documents are vectors drawn from a Gaussian with mean and covariance of the encoded documents of SRC,
then divided by their length; queries are drawn likewise. Each index is measured in a process of its own with one
thread. Vectors and graphs in DIR are made once. The columns:

    build     seconds of processor time to make the graph, moments and memory of the index for the first time
    MB        size of the vectors and the graph on disk
    open      seconds until the index answers, when they are made
    own       memory that the index takes and no other process shares, MB
    p50, p99  milliseconds of processor time of a search for the nearest N (200) documents
    wall      median of the time that passes, with what else the machine does
    recall    share of the nearest N that are found: mean, and of the worst query

Quality, with --judged: the documents of a collection are searched together with those of the others and of --padding,
at most --most of all; figures are the recall of the graph's nearest N, and nDCG@10 of the encoder alone by both.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from untilclick.rewriter.policy.encoders.conversion import convert_encoder
from untilclick.search.corpora.load import load_collection, load_corpus
from untilclick.search.engines.vectors.encoded_documents import EncodedDocuments, encode_documents, vector_folder
from untilclick.search.engines.vectors.exact_index import ExactIndex
from untilclick.search.engines.vectors.mapped.approximate_index import GraphCandidates
from untilclick.search.engines.vectors.mapped.half_product import HalfProduct
from untilclick.search.engines.vectors.mapped.mapped_index import MappedIndex
from untilclick.search.engines.vectors.mapped.opened_index import stored_moments
from untilclick.search.engines.vectors.protocol import VectorIndex
from untilclick.search.errors import DataError
from untilclick.search.files.cache_folder import cache_directory
from untilclick.search.measures.metrics import evaluate_rankings
from untilclick.search.records import Document, ScoredDoc
from untilclick.search.text.encoders.encoder import Encoder, Vectors, of_unit_length
from untilclick.search.text.encoders.opened import open_encoder

MEMORY, PRODUCT, GRAPH = KINDS = ("float32 in memory", "float16 mapped", "graph")
PIECE = 50_000
"""Vectors drawn at a time."""


@dataclass(frozen=True)
class Row:
    """An index of a number of documents."""

    kind: str
    documents: int
    build_seconds: float
    megabytes: float
    open_seconds: float
    own_megabytes: float
    p50_ms: float
    p99_ms: float
    wall_ms: float
    recall: float
    worst_recall: float


@dataclass(frozen=True)
class Quality:
    """A judged collection among other documents."""

    data: str
    documents: int
    queries: int
    recall: float
    worst_recall: float
    exact: float
    """nDCG@10."""
    approximate: float
    """nDCG@10."""


@dataclass(frozen=True)
class Spectrum:
    """The distribution that vectors are drawn from."""

    mean: Vectors
    """(d,)"""
    root: Vectors
    """(d, d) whose product with its transpose is the covariance."""

    @classmethod
    def of(cls, vectors: Vectors) -> Spectrum:
        """The Gaussian of vectors (N, d)."""
        values, axes = np.linalg.eigh(np.cov(vectors.T, bias=True))
        root = axes * np.sqrt(np.maximum(values, 0))
        return cls(vectors.mean(axis=0), root.astype(np.float32))

    def draw(self, n: int, rng: np.random.Generator) -> Vectors:
        """(n, d) unit vectors."""
        normal = rng.standard_normal((n, len(self.mean)), dtype=np.float32)
        return of_unit_length(normal @ self.root.T + self.mean)


def drawn(spectrum: Spectrum, n: int, seed: int, out: Path) -> None:
    """Write n vectors in float16, if they are not there."""
    path = _vectors_path(out, n, seed)
    if path.is_file():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    part = path.with_suffix(".part")
    rows = np.lib.format.open_memmap(part, "w+", dtype=np.float16, shape=(n, len(spectrum.mean)))
    for start in range(0, n, PIECE):
        rows[start : start + PIECE] = spectrum.draw(min(PIECE, n - start), rng)
    rows.flush()
    part.replace(path)


def _vectors_path(out: Path, n: int, seed: int) -> Path:
    return out / str(n) / f"drawn-{n}-{seed}.npy"


def opened(kind: str, doc_ids: Sequence[str], encoded: EncodedDocuments, folder: Path) -> VectorIndex:
    """An index of a kind."""
    if kind == MEMORY:
        return ExactIndex(doc_ids, encoded.matrix())
    candidates = HalfProduct(encoded) if kind == PRODUCT else GraphCandidates(encoded, folder)
    return MappedIndex(doc_ids, encoded, candidates, stored_moments(encoded, folder))


def run_child(kind: str, n: int, options: argparse.Namespace) -> None:
    """Make one index or measure it in this process, and write figures and what was found."""
    rows = np.load(_vectors_path(options.out, n, options.seed), mmap_mode="r")
    encoded = EncodedDocuments(rows, np.arange(n), 0, 0, f"drawn-{n}-{options.seed}")
    doc_ids = [str(row) for row in range(n)]
    queries = np.load(options.out / "queries.npy")
    built = _built_path(options.out, kind, n)
    if not built.is_file():
        begin = time.process_time()
        opened(kind, doc_ids, encoded, options.out / str(n))
        np.save(built, time.process_time() - begin)
        return
    began, before = time.perf_counter(), _own_megabytes()
    index = opened(kind, doc_ids, encoded, options.out / str(n))
    opening = time.perf_counter() - began
    index.nearest(queries[0], options.nearest)
    times, walls, found = [], [], []
    for query in queries:
        wall, cpu = time.perf_counter(), time.process_time()
        nearest = index.nearest(query, options.nearest)
        times.append(1000 * (time.process_time() - cpu))
        walls.append(1000 * (time.perf_counter() - wall))
        found.append([int(entry.doc_id) for entry in nearest])
    figures = [float(np.load(built)), opening, _own_megabytes() - before]
    np.savez(_result(options.out, kind, n), times=times, walls=walls, found=np.array(found), figures=figures)


def _own_megabytes() -> float:
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("RssAnon")) / 1000


def _result(out: Path, kind: str, n: int) -> Path:
    return out / str(n) / f"{kind.replace(' ', '-')}.npz"


def _built_path(out: Path, kind: str, n: int) -> Path:
    return out / str(n) / f"built-{kind.replace(' ', '-')}.npy"


def recalls(found: Sequence[Sequence[object]], expected: Sequence[Sequence[object]]) -> NDArray[np.float64]:
    """(Q,) The share of the expected documents that are found."""
    return np.array([len({*a} & {*b}) / max(len(b), 1) for a, b in zip(found, expected, strict=True)])


def row_of(kind: str, n: int, options: argparse.Namespace, expected: Sequence[Sequence[int]]) -> Row:
    """The figures that a child wrote."""
    result = np.load(_result(options.out, kind, n))
    build, opening, own = result["figures"].tolist()
    own_files = [path for path in (options.out / str(n)).glob(f"*-drawn-{n}-{options.seed}.*") if kind == GRAPH]
    sizes = [path.stat().st_size for path in (_vectors_path(options.out, n, options.seed), *own_files)]
    shares = recalls(result["found"].tolist(), expected)
    return Row(
        kind=kind,
        documents=n,
        build_seconds=build,
        megabytes=sum(sizes) / 1e6,
        open_seconds=opening,
        own_megabytes=own,
        p50_ms=float(np.median(result["times"])),
        p99_ms=float(np.quantile(result["times"], 0.99)),
        wall_ms=float(np.median(result["walls"])),
        recall=float(shares.mean()),
        worst_recall=float(shares.min()),
    )


def measured(options: argparse.Namespace, encoder: Encoder) -> Iterator[Row]:
    """Draw vectors and measure each kind of index of them."""
    spectrum_of = encode_documents(load_corpus(options.spectrum).documents, encoder, options.vectors).matrix()
    spectrum = Spectrum.of(spectrum_of)
    options.out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(options.seed + 1)
    np.save(options.out / "queries.npy", spectrum.draw(options.queries, rng))
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    for n in options.documents:
        drawn(spectrum, n, options.seed, options.out)
        kinds = [PRODUCT, *(kind for kind in options.kinds if kind != PRODUCT)]
        for kind in kinds:
            command = [sys.executable, "-W", "ignore", "-m", "benchmarks.bench_vector_index", "--child", kind]
            command += ["--documents", str(n), "--out", str(options.out), "--seed", str(options.seed)]
            command += ["--nearest", str(options.nearest)]
            if not _built_path(options.out, kind, n).is_file():
                subprocess.run(command, check=True, env=environment)
            subprocess.run(command, check=True, env=environment)
        expected = np.load(_result(options.out, PRODUCT, n))["found"].tolist()
        yield from (row_of(kind, n, options, expected) for kind in kinds)


def compared(data: str, others: Sequence[Document], encoder: Encoder, options: argparse.Namespace) -> Quality:
    """Search the documents of a judged collection and others, exactly and by the graph, by the collection's queries.

    Its queries are those of the split `dev`, or all if there is none. Raises DataError if there is no collection.
    """
    collection = load_collection(data)
    topics = collection.topics.get("dev") or collection.all_topics
    documents = padded(collection.corpus.documents, others, options.most)
    encoded = encode_documents(documents, encoder, options.vectors)
    doc_ids = [document.doc_id for document in documents]
    queries = encoder.encode([topic.query for topic in topics], "query")
    rankings: dict[str, list[list[ScoredDoc]]] = {}
    for kind in (PRODUCT, GRAPH):
        index = opened(kind, doc_ids, encoded, options.out / "judged")
        rankings[kind] = [index.nearest(query, options.nearest) for query in queries]
    ids = {kind: [[entry.doc_id for entry in each] for each in found] for kind, found in rankings.items()}
    shares = recalls(ids[GRAPH], ids[PRODUCT])
    values = {
        kind: float(evaluate_rankings(topics, each, ("nDCG@10",)).values["nDCG@10"].mean())
        for kind, each in rankings.items()
    }
    return Quality(
        data=Path(data).name,
        documents=len(documents),
        queries=len(topics),
        recall=float(shares.mean()),
        worst_recall=float(shares.min()),
        exact=values[PRODUCT],
        approximate=values[GRAPH],
    )


def padded(documents: Sequence[Document], others: Sequence[Document], most: int) -> list[Document]:
    """The documents, then others until there are `most`, each text once and under other ids."""
    texts, result = {document.content for document in documents}, list(documents)
    for number, other in enumerate(others):
        if len(result) >= most:
            break
        if other.content not in texts:
            texts.add(other.content)
            result.append(replace(other, doc_id=f"other-{number}"))
    return result


def _documents_of(sources: Sequence[str]) -> list[Document]:
    """The documents of all sources; a line names those that are not there."""
    documents: list[Document] = []
    for source in sources:
        try:
            documents += load_corpus(source).documents
        except DataError as error:
            print(f"Left out: {error}")
    return documents


def line(row: Row) -> str:
    """A line of the table of speed and size."""
    sizes = f"{row.build_seconds:8.1f}{row.megabytes:8.1f}{row.open_seconds:7.2f}{row.own_megabytes:8.1f}"
    times = f"{row.p50_ms:8.2f}{row.p99_ms:8.2f}{row.wall_ms:8.2f}"
    return f"{row.documents:9,}  {row.kind:19}{sizes}{times}{row.recall:8.4f}{row.worst_recall:7.3f}"


def quality_line(row: Quality) -> str:
    """A line of the table of quality."""
    recall = f"{row.recall:9.4f}{row.worst_recall:7.3f}"
    return f"{row.data:24}{row.documents:10,}{row.queries:9,}{recall}{row.exact:9.4f}{row.approximate:9.4f}"


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(description="Indexes of documents by their vectors")
    parser.add_argument("--documents", type=int, nargs="*", default=[10_000, 100_000])
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--spectrum", default="stdlib")
    parser.add_argument("--encoder", default="minilm")
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--nearest", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--judged", nargs="*", default=[])
    parser.add_argument("--padding", nargs="*", default=[])
    parser.add_argument("--most", type=int, default=30_000, help="an hour encodes about 150,000 short documents")
    parser.add_argument("--vectors", type=Path, default=vector_folder(None))
    parser.add_argument("--out", type=Path, default=cache_directory(os.environ) / "bench-vector-index")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--child", choices=KINDS, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print tables, and write JSON if asked to."""
    options = parse(arguments)
    if options.child:
        run_child(options.child, options.documents[0], options)
        return 0
    encoder = open_encoder(options.encoder, convert_encoder).encoder
    assert encoder is not None, f"{options.encoder} is no encoder"
    rows, qualities = [], []
    if options.documents:
        sizes, times = f"{'build':>8}{'MB':>8}{'open':>7}{'own':>8}", f"{'p50':>8}{'p99':>8}{'wall':>8}"
        print(f"{'documents':9}  {'':19}{sizes}{times}{'recall':>8}{'worst':>7}")
    for row in measured(options, encoder):
        rows.append(row)
        print(line(row), flush=True)
    if options.judged:
        print(f"{'collection':24}{'documents':>10}{'queries':>9}{'recall':>9}{'worst':>7}{'exact':>9}{'graph':>9}")
    for data in options.judged:
        if not Path(data).exists():
            print(f"{data} is left out: it is not there")
            continue
        others = _documents_of([*(each for each in options.judged if each != data), *options.padding])
        qualities.append(compared(data, others, encoder, options))
        print(quality_line(qualities[-1]), flush=True)
    if options.json:
        content = {"speed": [asdict(row) for row in rows], "quality": [asdict(row) for row in qualities]}
        options.json.write_text(json.dumps(content, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
