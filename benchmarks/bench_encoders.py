"""Compares encoders that serve a query: CTranslate2 and ONNX Runtime at int8 and float32, torch, static vectors.

    python -m benchmarks.bench_encoders [--data SRC] [--encoder NAME] [--documents N] [--queries N] [--rounds N]
                                        [--seed N] [--out DIR] [--json FILE]

Each runs in processes of its own, with one thread; the rounds of all take turns, and the best round counts, because
other programs can only slow one down. The columns:

    MB        size of the model on disk
    start     seconds to import the library, load the model and encode the first query
    RSS       resident memory of the process at the end, MB
    p50, p99  milliseconds of processor time for one query of 12 words
    docs/s    documents encoded in a second of processor time
    cosine    mean and lowest cosine between a document's vector and that of torch
    top 10    share of torch's first ten documents of a query that are among the first ten here
    first     share of queries with the same first document
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from untilclick.search.corpora.load import load_corpus
from untilclick.search.files.cache_folder import cache_directory
from untilclick.search.text.encoders.encoder import Vectors
from untilclick.search.text.encoders.encoder_folder import Quantization

WORDS = 12
"""Words of a query."""

TORCH = "torch float32"
KINDS = ("ctranslate2 int8", "ctranslate2 float32", "onnx int8", "onnx float32", TORCH, "static")

Encode = Callable[[Sequence[str]], Vectors]


@dataclass(frozen=True)
class Row:
    """The figures of one way to encode."""

    kind: str
    megabytes: float
    start_seconds: float
    resident_megabytes: float
    p50_ms: float
    p99_ms: float
    documents_per_second: float
    mean_cosine: float | None
    """None: the vectors are of another model."""
    lowest_cosine: float | None
    top_ten: float
    first: float


def opened(kind: str, encoder: str, out: Path) -> tuple[Encode, Path | None]:
    """The function that encodes, and the folder of its model."""
    library, _, precision = kind.partition(" ")
    quantization: Quantization = "int8" if precision == "int8" else "float32"
    if kind == "static":
        from untilclick.search.text.encoders.static_vectors import StaticEncoder

        return StaticEncoder.open().encode, Path(str(find_spec("wordllama").origin)).parent / "weights"
    if library == "ctranslate2":
        from untilclick.search.text.encoders.opened import open_encoder

        served = open_encoder(encoder, quantization=quantization).encoder
        return served.encode, served.folder / "model"
    if library == "onnx":
        from benchmarks.onnx_encoder import OnnxEncoder

        folder = out / f"onnx-{quantization}"
        return OnnxEncoder(folder, json.loads((out / "settings.json").read_text())["max_tokens"]).encode, folder
    return _of_torch(out)


def _of_torch(out: Path) -> tuple[Encode, None]:
    import torch

    from untilclick.rewriter.policy.encoders.sentence_model import load_sentence_model

    torch.set_num_threads(1)
    model = load_sentence_model(Path(json.loads((out / "settings.json").read_text())["source"])).model
    return lambda texts: model.encode(texts, prompt="", normalize_embeddings=True, show_progress_bar=False), None


def usable_kinds() -> list[str]:
    """The ways whose packages are installed; a line names the others."""
    needed = {"onnx": "onnxscript", "static": "wordllama"}
    missing = [library for library, package in needed.items() if find_spec(package) is None]
    if missing:
        print(f"Not measured: {', '.join(missing)}. Install them with: pip install 'untilclick[bench,static]'")
    return [kind for kind in KINDS if kind.partition(" ")[0] not in missing]


def prepare(encoder: str, out: Path, kinds: Sequence[str]) -> None:
    """Convert and export the model, if that was not done before."""
    from untilclick.rewriter.policy.encoders.conversion import convert_encoder
    from untilclick.search.text.encoders import minilm
    from untilclick.search.text.encoders.opened import open_encoder
    from untilclick.search.text.encoders.sources import source_in

    from benchmarks.onnx_encoder import MODEL_FILE, export

    source = minilm.find_minilm() if encoder == "minilm" else source_in(Path(encoder), Path(encoder).name)
    out.mkdir(parents=True, exist_ok=True)
    for quantization in ("int8", "float32"):
        opened = open_encoder(encoder, convert_encoder, quantization=quantization).encoder
        exported = out / f"onnx-{quantization}" / MODEL_FILE
        if f"onnx {quantization}" in kinds and not exported.is_file():
            export(source, exported.parent, quantization)
        settings = {"source": str(source.folder), "max_tokens": opened.card.max_tokens}
        (out / "settings.json").write_text(json.dumps(settings))


def texts(data: str, n_documents: int, n_queries: int, seed: int) -> tuple[list[str], list[str]]:
    """Documents, and queries of 12 words from the middle of others."""
    rng = np.random.default_rng(seed)
    contents = [document.content for document in load_corpus(data).documents]
    chosen = [contents[row] for row in rng.permutation(len(contents))]
    long = [words for words in (content.split() for content in chosen[n_documents:]) if len(words) >= 2 * WORDS]
    queries = [" ".join(words[len(words) // 3 :][:WORDS]) for words in long[:n_queries]]
    return chosen[:n_documents], queries


def run_child(options: argparse.Namespace) -> None:
    """Encode in this process and write times and vectors."""
    documents, queries = texts(options.data, options.documents, options.queries, options.seed)
    began = time.perf_counter()
    encode, _ = opened(options.child, options.encoder, options.out)
    encode(queries[:1])
    start = time.perf_counter() - began
    times, of_queries = [], []
    for query in queries:
        begin = time.process_time()
        of_queries.append(encode([query])[0])
        times.append(1000 * (time.process_time() - begin))
    begin = time.process_time()
    of_documents = encode(documents)
    seconds = time.process_time() - begin
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    np.savez(
        _result(options.out, options.child),
        times=times,
        queries=np.stack(of_queries),
        documents=of_documents,
        figures=[start, pages * os.sysconf("SC_PAGE_SIZE") / 1e6, len(documents) / seconds],
    )


def _result(out: Path, kind: str) -> Path:
    return out / f"{kind.replace(' ', '-')}.npz"


def row_of(kind: str, options: argparse.Namespace, rounds: Sequence[dict[str, NDArray[np.float64]]]) -> Row:
    """The figures of a way, from its rounds."""
    _, folder = opened(kind, options.encoder, options.out) if kind != TORCH else (None, None)
    reference = np.load(_result(options.out, TORCH))
    best = min(rounds, key=lambda each: float(np.median(each["times"])))
    own, expected = (_first_ten(each["queries"], each["documents"]) for each in (best, reference))
    same_model = best["documents"].shape == reference["documents"].shape
    cosines = np.sum(best["documents"] * reference["documents"], axis=1) if same_model else None
    return Row(
        kind=kind,
        megabytes=_megabytes(folder or Path(json.loads((options.out / "settings.json").read_text())["source"])),
        start_seconds=min(float(each["figures"][0]) for each in rounds),
        resident_megabytes=min(float(each["figures"][1]) for each in rounds),
        p50_ms=float(np.median(best["times"])),
        p99_ms=float(np.quantile(best["times"], 0.99)),
        documents_per_second=max(float(each["figures"][2]) for each in rounds),
        mean_cosine=None if cosines is None else float(cosines.mean()),
        lowest_cosine=None if cosines is None else float(cosines.min()),
        top_ten=float(np.mean([len(set(a) & set(b)) / len(b) for a, b in zip(own, expected, strict=True)])),
        first=float(np.mean([a[0] == b[0] for a, b in zip(own, expected, strict=True)])),
    )


def _first_ten(queries: Vectors, documents: Vectors) -> list[list[int]]:
    return np.argsort(-(queries @ documents.T), axis=1, kind="stable")[:, :10].tolist()


def _megabytes(folder: Path) -> float:
    weights = (path for path in folder.rglob("*") if path.suffix in (".bin", ".onnx", ".safetensors"))
    return sum(path.stat().st_size for path in weights) / 1e6


def line(row: Row) -> str:
    """A line of the table."""
    cosine = "-" if row.mean_cosine is None else f"{row.mean_cosine:.4f} {row.lowest_cosine:.4f}"
    sizes = f"{row.megabytes:7.1f}{row.start_seconds:8.2f}{row.resident_megabytes:6.0f}"
    times = f"{row.p50_ms:8.2f}{row.p99_ms:8.2f}{row.documents_per_second:9.1f}"
    return f"{row.kind:21}{sizes}{times}{cosine:>16}{row.top_ten:8.3f}{row.first:7.3f}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print a table, and write JSON if asked to."""
    parser = argparse.ArgumentParser(description="Encoders that serve a query")
    parser.add_argument("--data", default="stdlib")
    parser.add_argument("--encoder", default="minilm")
    parser.add_argument("--documents", type=int, default=300)
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=cache_directory(os.environ) / "bench-encoders")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--child", choices=KINDS, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child:
        run_child(options)
        return 0
    kinds = usable_kinds()
    prepare(options.encoder, options.out, kinds)
    rounds: dict[str, list[dict[str, NDArray[np.float64]]]] = {kind: [] for kind in kinds}
    again = list(sys.argv[1:] if arguments is None else arguments)
    environment = os.environ | {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    for _ in range(options.rounds):
        for kind in kinds:
            command = [sys.executable, "-W", "ignore", "-m", "benchmarks.bench_encoders", *again, "--child", kind]
            subprocess.run(command, check=True, env=environment)
            rounds[kind].append(dict(np.load(_result(options.out, kind))))
    rows = [row_of(kind, options, rounds[kind]) for kind in kinds]
    sizes, times = f"{'MB':>7}{'start':>8}{'RSS':>6}", f"{'p50':>8}{'p99':>8}{'docs/s':>9}"
    print(f"{'':21}{sizes}{times}{'cosine':>16}{'top 10':>8}{'first':>7}")
    print("\n".join(map(line, rows)))
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
