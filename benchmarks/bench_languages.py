"""Compares search in several languages with search in English: BM25, the base rewriter, and the engines.

    python -m benchmarks.bench_languages --corpora DIR [--kinds NAME ...] [--languages CODE ...] [--documents N]
                                         [--steps N] [--seed N] [--out DIR] [--opensearch URL] [--json FILE]

DIR holds the collections `descriptions-LANGUAGE` and `applications-LANGUAGE` of `benchmarks.package_corpora`. All
languages of a kind are cut to the same number of documents, because a smaller collection is easier to search. Topics
are made from the documents, as for any user without judgments. The columns:

    analysis    name of the analysis that was chosen for the documents
    topics      number of topics, of all splits
    BM25        RR@10 of tantivy on the topics as they are spelt in the documents
    of English  BM25 divided by that of the English collection of the same kind
    base        RR@10 of the base rewriter minus that of BM25, on the queries that simulated users type, misspellings
                included; topics of the split `train`, which the base does not see (0 steps: not trained)
    rank-bm25   share of topics with the same ten documents in rank-bm25 (k1 1.2, b 0.75) as in tantivy, which rounds
                the lengths of documents
    OpenSearch  share of topics with the same ten documents in the same order, if there is a cluster: at the address
                --opensearch, or started by the program in the folder that UNTILCLICK_TEST_OPENSEARCH names

The exit status is 1 if a language has less than 0.9 of English, or its base loses more than 0.005.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean

import numpy as np

from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.engines.opensearch_client import Cluster
from untilclick.search.engines.opensearch_engine import OpenSearchEngine
from untilclick.search.engines.opensearch_index import IndexOptions
from untilclick.search.engines.protocol import SearchEngine
from untilclick.search.engines.rank_bm25_engine import RankBm25Engine
from untilclick.search.engines.tantivy_engine import K1, B
from untilclick.search.measures.metrics import evaluate_rankings
from untilclick.search.records import ScoredDoc, Topic, WeightedQuery

from benchmarks.command_line import untilclick

KINDS = ("descriptions", "applications")
ENGLISH = "en"
LANGUAGES = (ENGLISH, "de", "fr", "ja", "zh", "ar", "ru")
OPENSEARCH = "UNTILCLICK_TEST_OPENSEARCH"
"""Environment variable with the folder of `cluster.py`, which starts and stops a cluster."""

MEASURE = "RR@10"
K = 10
"""Number of documents that the engines are compared on."""
LEAST_RATIO = 0.9
"""BM25 of a language divided by that of English, below which the language falls short."""
MOST_LOSS = 0.005
"""RR@10 of BM25 minus that of the base, above which the language falls short."""


@dataclass(frozen=True)
class Row:
    """Figures of one collection; None for what was not measured."""

    kind: str
    language: str
    analysis: str
    """Name of the analysis that was chosen for the documents."""
    documents: int
    topics: int
    bm25: float
    ratio: float | None
    base: float | None
    rank_bm25: float
    opensearch: float | None

    @property
    def reaches(self) -> bool:
        """Whether BM25 and the base are as good as they should be."""
        ratio = 1.0 if self.ratio is None else self.ratio
        return ratio >= LEAST_RATIO and (self.base or 0.0) >= -MOST_LOSS


def cut(sources: Mapping[str, Path], folder: Path, most: int, seed: int) -> dict[str, Path]:
    """Language -> a file with a sample of its documents: as many in each language, at most `most`, in their order."""
    texts = {language: source.read_text(encoding="utf-8").splitlines(True) for language, source in sources.items()}
    n = min(most, *map(len, texts.values()))
    folder.mkdir(parents=True, exist_ok=True)
    files = {}
    for language, lines in texts.items():
        rows = np.sort(np.random.default_rng(seed).choice(len(lines), size=n, replace=False))
        files[language] = folder / f"{language}.jsonl"
        files[language].write_text("".join(lines[row] for row in rows), encoding="utf-8")
    return files


def measured(kind: str, files: Mapping[str, Path], steps: int, seed: int, cluster: Cluster | None) -> Iterator[Row]:
    """A row for each language of a kind; English first, if it is among them."""
    english = None
    for language in sorted(files, key=LANGUAGES.index):
        opened = OpenedCollection.load(str(files[language]), seed=seed)
        corpus = opened.collection.corpus
        topics = [topic for of_split in opened.collection.topics.values() for topic in of_split]
        rankings = search(opened.engine, topics)
        bm25 = evaluate_rankings(topics, rankings, (MEASURE,)).mean(MEASURE)
        english = bm25 if language == ENGLISH else english
        yield Row(
            kind=kind,
            language=language,
            analysis=opened.analysis.name,
            documents=len(corpus.documents),
            topics=len(topics),
            bm25=bm25,
            ratio=bm25 / english if english else None,
            base=gain_of_base(files[language], steps, seed) if steps else None,
            rank_bm25=agreement(
                rankings, search(RankBm25Engine(corpus, opened.analysis, k1=K1, b=B), topics), ordered=False
            ),
            opensearch=agreement_of_cluster(cluster, opened, topics, rankings) if cluster else None,
        )


def search(engine: SearchEngine, topics: Sequence[Topic]) -> list[list[ScoredDoc]]:
    """The first K documents of each topic."""
    return engine.search([WeightedQuery.of(topic.query) for topic in topics], K)


def agreement(
    rankings: Sequence[Sequence[ScoredDoc]], others: Sequence[Sequence[ScoredDoc]], *, ordered: bool
) -> float:
    """Share of topics with the same documents in two engines, and in the same order if asked; 1 without topics."""
    as_compared = list if ordered else set
    pairs = zip(rankings, others, strict=True)
    equal = [as_compared(d.doc_id for d in a) == as_compared(d.doc_id for d in b) for a, b in pairs]
    return fmean(equal) if equal else 1.0


def agreement_of_cluster(
    cluster: Cluster, opened: OpenedCollection, topics: Sequence[Topic], rankings: Sequence[Sequence[ScoredDoc]]
) -> float:
    """Share of topics on which a cluster and tantivy give the same ranking."""
    options = IndexOptions(prefix=f"bench-{uuid.uuid4().hex}", replicas=0)
    corpus = opened.collection.corpus
    with closing(OpenSearchEngine.open(corpus, cluster, options, analysis=opened.analysis)) as engine:
        return agreement(rankings, search(engine, topics), ordered=True)


def gain_of_base(data: Path, steps: int, seed: int) -> float:
    """RR@10 of a base, trained for some steps, minus that of BM25, on topics of the split `train`."""
    run = data.with_suffix("")
    common = ("--data", str(data), "--seed", str(seed))
    untilclick("train", "base", *common, "--out", str(run), f"--set=base.steps={steps}")
    quick = ("--set=evaluate.oracle=false", "--set=evaluate.sessions=0")
    out = ("--model", str(run / "base"), "--out", str(run / "evaluation"), "--split", "train")
    untilclick("evaluate", *common, *out, *quick)
    systems = json.loads((run / "evaluation" / "results.json").read_text(encoding="utf-8"))["systems"]
    return float(systems["base"][MEASURE] - systems["bm25"][MEASURE])


@contextmanager
def opensearch(url: str | None) -> Iterator[Cluster | None]:
    """The cluster at an address, or one that is started for the block; None if there is none."""
    program = Path(os.environ.get(OPENSEARCH, "")) / "cluster.py"
    if url or not program.is_file():
        yield Cluster((url,), timeout_ms=60_000) if url else None
        return
    with tempfile.TemporaryDirectory(prefix="opensearch-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        command = (sys.executable, str(program))
        subprocess.run((*command, "start", folder, "--nodes", "1"), check=True, stdout=subprocess.DEVNULL)
        try:
            facts = json.loads((Path(folder) / "cluster.json").read_text(encoding="utf-8"))
            yield Cluster(tuple(facts["urls"]), timeout_ms=60_000)
        finally:
            subprocess.run((*command, "stop", folder), check=True, stdout=subprocess.DEVNULL)


def line(row: Row) -> str:
    """A line of the table."""
    shares = (row.ratio, row.rank_bm25, row.opensearch)
    ratio, rank_bm25, cluster = ("-" if share is None else f"{share:.3f}" for share in shares)
    base = "-" if row.base is None else f"{row.base:+.4f}"
    figures = f"{row.documents:9,}{row.topics:8,}{row.bm25:8.4f}{ratio:>12}{base:>9}{rank_bm25:>11}{cluster:>12}"
    return f"{row.kind:14}{row.language:9}{row.analysis:9}{figures}{'' if row.reaches else '  falls short'}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print a table, write JSON if asked to, and return the exit status."""
    parser = argparse.ArgumentParser(description="Search in several languages")
    parser.add_argument("--corpora", type=Path, default=Path("runs/corpora"))
    parser.add_argument("--kinds", nargs="+", default=KINDS)
    parser.add_argument("--languages", nargs="+", default=LANGUAGES, choices=LANGUAGES)
    parser.add_argument("--documents", type=int, default=500)
    parser.add_argument("--steps", type=int, default=200, help="training steps of the base; 0: none is trained")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/languages"))
    parser.add_argument("--opensearch", metavar="URL")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    rows: list[Row] = []
    print(
        f"{'collection':14}{'language':9}{'analysis':9}{'documents':>9}{'topics':>8}{'BM25':>8}{'of English':>12}"
        f"{'base':>9}{'rank-bm25':>11}{'OpenSearch':>12}"
    )
    with opensearch(options.opensearch) as cluster:
        for kind in options.kinds:
            paths = {code: options.corpora / f"{kind}-{code}" / "corpus.jsonl" for code in options.languages}
            sources = {language: path for language, path in paths.items() if path.is_file()}
            if not sources:
                print(f"{kind}: no collection in {options.corpora}. Make them with benchmarks.package_corpora")
                continue
            files = cut(sources, options.out / kind, options.documents, options.seed)
            for row in measured(kind, files, options.steps, options.seed, cluster):
                rows.append(row)
                print(line(row), flush=True)
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=2))
    return int(not all(row.reaches for row in rows))


if __name__ == "__main__":
    sys.exit(main())
