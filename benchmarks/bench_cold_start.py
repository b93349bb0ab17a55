"""Compares a base rewriter, trained on documents alone, with BM25 and RM3 on corpora without a search log.

    python -m benchmarks.bench_cold_start --data DIR [DIR ...] [--corpora NAME,...] [--seeds N] [--engine NAME]
                                          [--steps N] [--max-topics N] [--context] [--out DIR] [--json FILE]

A corpus is `stdlib`, or a folder NAME in BEIR layout inside one of the folders of --data, for instance what `python
-m benchmarks.package_corpora all --out DIR` writes. A message names each corpus that is absent and skipped.

No setting is chosen on the topics: the rewriter uses the default blend, RM3 its default parameters. The default blend
itself was chosen on some collections; the table lists them in a separate group. Topics come from the first of the
splits `dev`, `train` and `test` that a corpus has, because no system is trained on topics. Systems do not see the
earlier queries of a session unless --context is set; BM25 and RM3 never use them. The base also corrects words that
occur in no document, so the table has BM25 with that correction alone (`spelled`).

Differences, intervals and p-values compare each topic's mean over the seeds; the harmed share is the mean of the
harmed shares of the seeds. Finished trials are not repeated, so an interrupted run can be continued.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean

import numpy as np

from untilclick.app.loop.torch_setup import set_up_torch
from untilclick.rewriter.config import BaseConfig, PolicyConfig
from untilclick.rewriter.evaluation.baselines.feedback import Rm3
from untilclick.rewriter.evaluation.baselines.simple import Bm25, SpellingCorrection
from untilclick.rewriter.evaluation.evaluate import EvaluateConfig, evaluate_systems
from untilclick.rewriter.evaluation.results import Results
from untilclick.rewriter.evaluation.statistics import Comparison, TopicValues, compare
from untilclick.rewriter.evaluation.systems import RewriterSystem, System, TypedTopic
from untilclick.rewriter.evaluation.typed_topics import typed_queries
from untilclick.rewriter.policy.models import model_rewriter
from untilclick.rewriter.serving.blend import COLD_START
from untilclick.rewriter.stages.base import new_model, train_base
from untilclick.search.corpora.load import STDLIB
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.engines import ENGINE_NAMES, open_engine
from untilclick.search.engines.protocol import SearchEngine
from untilclick.search.errors import DataError
from untilclick.search.records import Collection

from benchmarks.package_corpora import SOURCES

CORPORA = (*SOURCES, STDLIB, "cranfield", "cast-2021-22-mini", "trec-session-2013", "nfcorpus-prep")
BLEND_CHOSEN_ON = CORPORA
"""Collections on which the default blend was chosen. docs/experiments.md reports, for each of them, the result of a
blend chosen on all the others."""
SPLITS = ("dev", "train", "test")
MEASURE = "nDCG@10"
SYSTEMS = ("bm25", "rm3", "spelling", "base")


@dataclass(frozen=True)
class Trial:
    """One corpus with one seed."""

    corpus: str
    origin: dict[str, str | int | bool | None]
    """Settings of the trial; a trial with other settings is refused."""
    split: str
    n_documents: int
    training_seconds: float
    values: dict[str, tuple[float, ...]]
    """System -> nDCG@10 of each topic; all systems list the topics in the same order."""


@dataclass(frozen=True)
class Row:
    """One corpus over all seeds."""

    corpus: str
    blend_chosen_here: bool
    split: str
    n_documents: int
    n_topics: int
    bm25: float
    rm3: float
    spelling: float
    """BM25 with unknown words corrected as the base corrects them; the base gains the rest by its rewrites."""
    base: tuple[float, ...]
    """Mean over topics, for each seed."""
    against_bm25: Comparison
    """Base (mean over seeds) - BM25."""
    against_rm3: Comparison
    """Base (mean over seeds) - RM3."""
    harmed: float
    """Share of topics that lose more than .05 against BM25, mean over seeds."""
    rm3_against_bm25: Comparison
    training_seconds: float
    """Mean over seeds."""


def source_of(name: str, folders: Sequence[Path]) -> str | None:
    """Source that loads the corpus; None if none of the folders has it."""
    if name == STDLIB:
        return name
    return next((str(folder / name) for folder in folders if (folder / name).is_dir()), None)


def reported_split(collection: Collection) -> str:
    """The first of SPLITS that has a topic. Raises DataError if none has."""
    split = next((name for name in SPLITS if collection.topics.get(name)), None)
    if split is None:
        raise DataError(f"{collection.corpus.source} has no topic in {', '.join(SPLITS)}; add judged queries to one")
    return split


def run_trial(name: str, source: str, seed: int, options: argparse.Namespace) -> Trial:
    """Train and evaluate one corpus with one seed, or read the trial if it is finished."""
    path = options.out / f"{name}-{seed}" / "trial.json"
    opened = OpenedCollection.load(source, options.engine)
    origin = {
        "fingerprint": opened.collection.corpus.fingerprint,
        "engine": options.engine,
        "steps": options.steps,
        "max_topics": options.max_topics,
        "context": options.context,
        "blend": str(COLD_START),
    }
    if path.is_file():
        return read_trial(path, origin)
    engine = open_engine(options.engine, opened.collection.corpus)
    started = time.perf_counter()
    base = base_system(opened, engine, options.steps, seed)
    seconds = time.perf_counter() - started
    split = reported_split(opened.collection)
    config = EvaluateConfig(data=source, split=split, engine=options.engine, out=path.parent)
    topics = _topics(opened, split, options)
    systems: dict[str, System] = {"bm25": Bm25(), "rm3": Rm3(engine), "base": base}
    systems["spelling"] = SpellingCorrection(opened.spelling)
    values = per_topic(evaluate_systems(engine, topics, systems, config))
    trial = Trial(name, origin, split, len(opened.collection.corpus.documents), seconds, values)
    path.write_text(json.dumps(asdict(trial)), encoding="utf-8")
    return trial


def base_system(opened: OpenedCollection, engine: SearchEngine, steps: int, seed: int) -> RewriterSystem:
    """Train a base and use it in the default blend."""
    model = new_model(opened.index, PolicyConfig(seed=seed))
    train_base(model, opened.collection.corpus, opened.index, BaseConfig(steps=steps, seed=seed))
    return RewriterSystem(model_rewriter(model, opened.spelling, engine, COLD_START))


def _topics(opened: OpenedCollection, split: str, options: argparse.Namespace) -> list[TypedTopic]:
    """Topics with their queries as typed; the same for all seeds of training."""
    topics = typed_queries(opened.collection, split, 0, opened.index)[: options.max_topics]
    return topics if options.context else [replace(topic, history=()) for topic in topics]


def per_topic(results: Results) -> dict[str, tuple[float, ...]]:
    """System -> the measure on each topic."""
    return {name: tuple(row.outcomes[name].values[MEASURE] for row in results.topics) for name in SYSTEMS}


def read_trial(path: Path, origin: dict[str, str | int | bool | None]) -> Trial:
    """Read a finished trial. Exits this program if the trial has another origin than `origin`."""
    record = json.loads(path.read_text(encoding="utf-8"))
    before = record["origin"]
    differences = [
        f"{name} {before.get(name)!r}, not {value!r}" for name, value in origin.items() if before.get(name) != value
    ]
    if differences:
        sys.exit(f"{path} was made with {differences[0]}; choose another --out, or remove the file")
    return Trial(**{**record, "values": {name: tuple(values) for name, values in record["values"].items()}})


def row_of(trials: Sequence[Trial]) -> Row:
    """Summarise the trials of one corpus, one for each seed."""
    first = trials[0]
    bm25, rm3, spelling = (np.array(first.values[name]) for name in ("bm25", "rm3", "spelling"))  # (n,)
    base = np.array([trial.values["base"] for trial in trials])  # (S, n)
    # Each comparison draws from a stream of its own, in the order of the calls below.
    streams = iter(np.random.default_rng([0, 1]).spawn(3 + len(trials)))
    mean = base.mean(axis=0)  # (n,) over seeds
    plain, feedback, mean_base = TopicValues("bm25", bm25), TopicValues("rm3", rm3), TopicValues("base", mean)
    by_seed = [compare(TopicValues("base", values), plain, MEASURE, next(streams)) for values in base]
    return Row(
        corpus=first.corpus,
        blend_chosen_here=first.corpus in BLEND_CHOSEN_ON,
        split=first.split,
        n_documents=first.n_documents,
        n_topics=bm25.size,
        bm25=float(bm25.mean()),
        rm3=float(rm3.mean()),
        spelling=float(spelling.mean()),
        base=tuple(float(value) for value in base.mean(axis=1)),
        against_bm25=compare(mean_base, plain, MEASURE, next(streams)),
        against_rm3=compare(mean_base, feedback, MEASURE, next(streams)),
        harmed=fmean(comparison.harmed_share for comparison in by_seed),
        rm3_against_bm25=compare(feedback, plain, MEASURE, next(streams)),
        training_seconds=fmean(trial.training_seconds for trial in trials),
    )


def print_table(rows: Sequence[Row]) -> None:
    """Print one line for each corpus and the mean of each group; corpora that the blend was chosen on are a group."""
    columns = f"{'documents':>10}{'topics':>7}{'BM25':>7}{'RM3':>7}{'spelled':>8}{'base':>7}{'seeds':>13}"
    print(f"{MEASURE:21}{columns}  {'base - BM25':27}{'harmed':>7}  {'base - RM3':17}{'RM3 - BM25':>11}{'harmed':>7}")
    groups = (("unseen until now", False), ("default blend chosen on", True))
    for title, chosen in groups:
        group = [row for row in rows if row.blend_chosen_here == chosen]
        if not group:
            continue
        print(f"-- {title}")
        print("\n".join(map(_line, group)))
        bm25, rm3, spelling = (fmean(getattr(row, name) for row in group) for name in ("bm25", "rm3", "spelling"))
        gains = [fmean(getattr(row, name).difference for row in group) for name in ("against_bm25", "against_rm3")]
        base = fmean(fmean(row.base) for row in group)
        means = f"{bm25:7.3f}{rm3:7.3f}{spelling:8.3f}{base:7.3f}"
        print(f"{'mean':38}{means}{'':13}  {gains[0]:+.3f}{'':28}  {gains[1]:+.3f}")


def _line(row: Row) -> str:
    bm25, rm3, feedback = row.against_bm25, row.against_rm3, row.rm3_against_bm25
    spread = f"{min(row.base):.3f}-{max(row.base):.3f}"
    sizes = f"{row.n_documents:10,}{row.n_topics:7}{row.bm25:7.3f}{row.rm3:7.3f}{row.spelling:8.3f}"
    base = f"{fmean(row.base):7.3f}{spread:>13}"
    gain = f"{bm25.difference:+.3f} [{bm25.ci95[0]:+.3f}, {bm25.ci95[1]:+.3f}] p={bm25.p:.4f}"
    return (
        f"{row.corpus:21}{sizes}{base}  {gain:27}{row.harmed:6.1%}  {rm3.difference:+.3f} p={rm3.p:.4f}  "
        f"{feedback.difference:+11.3f}{feedback.harmed_share:7.1%}"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the missing trials, print a table, and write JSON if asked to."""
    parser = argparse.ArgumentParser(description="A base rewriter on corpora without a search log")
    parser.add_argument("--data", type=Path, nargs="+", default=[Path("runs/corpora")])
    parser.add_argument("--corpora", default=",".join(CORPORA))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--engine", choices=ENGINE_NAMES, default="tantivy")
    parser.add_argument("--steps", type=int, default=BaseConfig.steps, help="training steps of the base")
    parser.add_argument("--max-topics", type=int)
    parser.add_argument("--context", action="store_true", help="show the base a session's earlier queries")
    parser.add_argument("--out", type=Path, default=Path("runs/cold-start"))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    set_up_torch()
    rows = []
    for name in options.corpora.split(","):
        source = source_of(name, options.data)
        if source is None:
            remedy = f"; make it: python -m benchmarks.package_corpora {name}" if name in SOURCES else ""
            print(f"{name}: skipped, it is in none of {', '.join(map(str, options.data))}{remedy}", flush=True)
            continue
        rows.append(row_of([run_trial(name, source, seed, options) for seed in range(options.seeds)]))
        print(f"{name}: base {fmean(rows[-1].base):.4f}, BM25 {rows[-1].bm25:.4f}", file=sys.stderr, flush=True)
    if rows:
        print_table(rows)
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
