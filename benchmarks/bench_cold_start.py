"""Compares what serves before there is a search log with BM25, RM3 and a sentence encoder, on many corpora.

    python -m benchmarks.bench_cold_start --data DIR [DIR ...] [--corpora NAME,...] [--encoder NAME]
                                          [--caution NAME [NAME]] [--context] [--base-steps N [--seeds N]]
                                          [--engine NAME] [--max-topics N] [--limit SHARE] [--out DIR] [--json FILE]

A corpus is `stdlib`, or a folder NAME in BEIR layout inside one of the folders of --data, for instance what `python
-m benchmarks.package_corpora all --out DIR` writes. A message names each corpus that is absent and skipped.

With an encoder, an untrained rewriter is measured in the blend of each caution: with its words alone, with its
documents alone, and with both. Nothing is trained for it. With --base-steps, a base is also trained from the
documents alone, for each seed, and measured in the blend that serves without an encoder (`base`).

No setting is chosen on the queries, and RM3 has its default parameters. The blends themselves were found on some
corpora, which the tables mark with a star. Queries come from the first of the splits `dev`, `train` and `test` that a
corpus has, because no system is trained on queries. Systems do not see the earlier queries of a session unless
--context is set; then the rewriters do, and so do further rivals: session concatenation, and the encoder with the
vector of the session. The collections are those that `benchmarks.session_topics` can read. The rule of the second
table is in `benchmarks.cold_start_table`.

Finished trials are not repeated, so an interrupted run can be continued.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from untilclick.app.loop.torch_setup import set_up_torch
from untilclick.rewriter.caution import CAUTIONS
from untilclick.rewriter.config import BaseConfig, PolicyConfig
from untilclick.rewriter.data.encoding import encode_collection
from untilclick.rewriter.data.show import silently
from untilclick.rewriter.evaluation.system_runs import run_system
from untilclick.rewriter.evaluation.systems import RewriterSystem, System, TypedTopic
from untilclick.rewriter.evaluation.typed_topics import typed_queries
from untilclick.rewriter.judging.needs import needs_of_topics
from untilclick.rewriter.policy.models import model_rewriter
from untilclick.rewriter.serving.blend import COLD_START, MEANT_STARTS
from untilclick.rewriter.stages.base import new_model, train_base
from untilclick.search.corpora.load import STDLIB
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.engines import ENGINE_NAMES
from untilclick.search.errors import DataError
from untilclick.search.files.json_records import read_record
from untilclick.search.measures.metrics import TopicScores
from untilclick.search.records import Collection

from benchmarks.cold_start_table import NDCG, RECALL, Setting, Trial, print_figures, print_rule, row_of
from benchmarks.package_corpora import SOURCES
from benchmarks.session_topics import with_earlier_queries
from benchmarks.untrained_systems import rival_systems, untrained_systems

MIXTURES_CHOSEN_ON = (
    *("cranfield", "cast-2021-22-mini", "trec-session-2013", "nfcorpus-prep", "cosqa-dev", "stdlib-questions"),
    *("manual-pages", "perl-faq", "postgresql-index"),
)
"""Collections on which the mixtures by meaning were found. docs/experiments.md reports, for each of them, the result
of a mixture chosen on all the others."""
CORPORA = tuple(dict.fromkeys((*MIXTURES_CHOSEN_ON, *SOURCES, STDLIB)))
SPLITS = ("dev", "train", "test")
BASE = "base"


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


def run_trial(name: str, source: str, options: argparse.Namespace) -> Trial:
    """Measure all systems on one corpus, or read the trial if it is finished."""
    path = options.out / name / "trial.json"
    opened = OpenedCollection.load(source, options.engine)
    if options.context:
        opened = opened.with_topics(with_earlier_queries(opened.collection, Path(source)))
    encoded, note = encode_collection(options.encoder, opened, silently)
    if note:
        print(f"{name}: {note}", file=sys.stderr, flush=True)
    opened = opened.with_vectors(encoded)
    origin = _origin(opened, options)
    if path.is_file():
        return read_trial(path, origin)
    split = reported_split(opened.collection)
    topics = _topics(opened, split, options)
    systems: dict[str, Sequence[System]] = {
        each: [system]
        for each, system in (
            *rival_systems(opened, context=options.context).items(),
            *untrained_systems(opened, options.caution).items(),
        )
    }
    if options.base_steps:
        systems[BASE] = [trained_base(opened, options.base_steps, seed) for seed in range(options.seeds)]
    trial = Trial(
        corpus=name,
        origin=origin,
        split=split,
        n_documents=len(opened.collection.corpus.documents),
        needs=needs_of_topics([typed.topic for typed in topics], opened.analysis).groups.tolist(),
        values=measured(opened, topics, systems),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(trial)), encoding="utf-8")
    return trial


def _origin(opened: OpenedCollection, options: argparse.Namespace) -> dict[str, Setting]:
    """What the figures of a trial depend on, beside the program."""
    blends = [MEANT_STARTS[caution] for caution in options.caution]
    return {
        "fingerprint": opened.collection.corpus.fingerprint,
        "engine": options.engine,
        "encoder": opened.encoder_digest,
        "caution": list(options.caution),
        "base_steps": options.base_steps,
        "seeds": options.seeds if options.base_steps else None,
        "max_topics": options.max_topics,
        "context": options.context,
        "blends": [str(blend) for blend in (*blends, *([COLD_START] if options.base_steps else []))],
    }


def trained_base(opened: OpenedCollection, steps: int, seed: int) -> RewriterSystem:
    """Train a base without an encoder and use it in the blend that serves without one."""
    model = new_model(opened.index, PolicyConfig(seed=seed))
    train_base(model, opened.collection.corpus, opened.index, BaseConfig(steps=steps, seed=seed))
    return RewriterSystem(model_rewriter(model, opened.spelling, opened.engine, COLD_START))


def _topics(opened: OpenedCollection, split: str, options: argparse.Namespace) -> list[TypedTopic]:
    """Topics with their queries as typed."""
    topics = typed_queries(opened.collection, split, 0, opened.index)[: options.max_topics]
    return topics if options.context else [replace(typed, history=()) for typed in topics]


def measured(
    opened: OpenedCollection, topics: Sequence[TypedTopic], systems: dict[str, Sequence[System]]
) -> dict[str, dict[str, list[list[float]]]]:
    """The values of a trial. A document whose title is the query comes first, as in the service."""
    titled = [opened.engine.with_title(typed.query) for typed in topics]

    def scores(name: str, system: System) -> TopicScores:
        return run_system(opened.engine, topics, name, system, titled).scores

    of_system = {name: [scores(name, each) for each in runs] for name, runs in systems.items()}
    return {
        measure: {name: [run.values[measure].tolist() for run in runs] for name, runs in of_system.items()}
        for measure in (NDCG, RECALL)
    }


def read_trial(path: Path, origin: dict[str, Setting]) -> Trial:
    """Read a finished trial. Exits this program if the trial has another origin than `origin`."""
    try:
        trial = read_record(Trial, path)
    except ValueError as error:
        sys.exit(f"{path} is not a trial of this version ({error}); choose another --out, or remove the file")
    differences = [
        f"{name} {trial.origin.get(name)!r}, not {value!r}"
        for name, value in origin.items()
        if trial.origin.get(name) != value
    ]
    if differences:
        sys.exit(f"{path} was made with {differences[0]}; choose another --out, or remove the file")
    return trial


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Untrained rewriters on corpora without a search log")
    parser.add_argument("--data", type=Path, nargs="+", default=[Path("runs/corpora")])
    parser.add_argument("--corpora", default=",".join(CORPORA))
    parser.add_argument("--encoder", default="auto", help="as for untilclick evaluate; none leaves meaning out")
    parser.add_argument("--caution", nargs="+", choices=CAUTIONS, default=CAUTIONS)
    parser.add_argument("--context", action="store_true", help="show rewriters a session's earlier queries")
    parser.add_argument(
        "--base-steps", type=int, default=0, help="train a base for so many steps, too; 0 trains none"
    )
    parser.add_argument("--seeds", type=int, default=3, help="bases to train on each corpus")
    parser.add_argument("--engine", choices=ENGINE_NAMES, default="tantivy")
    parser.add_argument("--max-topics", type=int)
    parser.add_argument("--limit", type=float, default=0.05, help="harm that the rule allows when cautious, 0..1")
    parser.add_argument("--out", type=Path, default=Path("runs/cold-start"))
    parser.add_argument("--json", type=Path)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the missing trials, print the tables, and write JSON if asked to."""
    options = _options(arguments)
    set_up_torch()
    rows = []
    for name in options.corpora.split(","):
        source = source_of(name, options.data)
        if source is None:
            remedy = f"; make it: python -m benchmarks.package_corpora {name}" if name in SOURCES else ""
            print(f"{name}: skipped, it is in none of {', '.join(map(str, options.data))}{remedy}", flush=True)
            continue
        rows.append(row_of(run_trial(name, source, options), chosen_here=name in MIXTURES_CHOSEN_ON))
        print(f"{name}: done", file=sys.stderr, flush=True)
    print_figures(rows)
    print_rule(rows, options.limit)
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
