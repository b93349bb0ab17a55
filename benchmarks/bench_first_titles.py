"""Prints the first titles for people's queries, as typed and by meaning, to be read and judged by eye.

    python -m benchmarks.bench_first_titles [--data SRC] [--ask TEXT ...] [--topics N] [--seed N] [--encoder NAME]
                                            [--caution NAME] [--readings NAME] [--run RUN] [--first N]

SRC is `stdlib` by default, or a collection. Its queries are those of --ask, by default ten on Python's library; with
--topics, N are drawn instead from the first of the splits `dev`, `train` and `test` that it has, and a star marks the
documents that are judged relevant. The lists are those of BM25 as typed, of the untrained rewriter, and, with --run,
of the last model in a folder that `untilclick demo` or `untilclick renew` wrote.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

import numpy as np

from untilclick.app.loop.torch_setup import set_up_torch
from untilclick.rewriter.caution import CAUTIONS
from untilclick.rewriter.data.encoding import encode_collection
from untilclick.rewriter.data.show import silently
from untilclick.rewriter.evaluation.baselines.simple import Bm25
from untilclick.rewriter.evaluation.systems import RewriterSystem, System, TypedTopic
from untilclick.rewriter.evaluation.typed_topics import typed_queries
from untilclick.rewriter.serving.blend import MEANT_STARTS
from untilclick.rewriter.serving.readings.ranker import rank
from untilclick.rewriter.serving.readings.searched_query import Readings
from untilclick.rewriter.stages.reader import stage_rewriter
from untilclick.rewriter.stages.record import latest_stage, read_stage
from untilclick.search.corpora.load import STDLIB
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.records import Topic

from benchmarks.bench_cold_start import reported_split
from benchmarks.untrained_systems import untrained_rewriter

ASKED = (
    "how do I copy a folder",
    "unzip a file",
    "delete a directory and everything in it",
    "wait a few seconds",
    "read a csv file",
    "download a web page",
    "sort a list of names by length",
    "how many days between two dates",
    "round a number to two decimals",
    "run another program and read what it prints",
)
"""Queries in people's words; the functions that they want have other names."""
WIDTH = 58
"""Characters of a column."""


def titles(opened: OpenedCollection, topics: Sequence[TypedTopic], system: System, n: int) -> list[list[str]]:
    """The first n titles of each query, those of relevant documents with a star."""
    engine = opened.engine
    titled = [engine.with_title(typed.query) for typed in topics]
    shown = [[entry.doc_id for entry in ranking.shown] for ranking in rank(engine, system(topics), n, titled=titled)]
    found = sorted({doc_id for doc_ids in shown for doc_id in doc_ids})
    title_of = {document.doc_id: document.title or document.doc_id for document in engine.documents(found)}
    return [
        [("*" if typed.topic.relevance.get(doc_id, 0) > 0 else " ") + title_of[doc_id] for doc_id in doc_ids]
        for typed, doc_ids in zip(topics, shown, strict=True)
    ]


def drawn(opened: OpenedCollection, n: int, seed: int) -> list[TypedTopic]:
    """n judged queries of the collection, without the earlier queries of their sessions."""
    topics = typed_queries(opened.collection, reported_split(opened.collection), 0, opened.index)
    rows = np.sort(np.random.default_rng(seed).permutation(len(topics))[:n])
    return [TypedTopic(topics[row].topic, topics[row].query) for row in rows]


def asked(queries: Sequence[str]) -> list[TypedTopic]:
    """Queries without judgments."""
    return [TypedTopic(Topic(f"q{i}", query, {}), query) for i, query in enumerate(queries)]


def print_lists(queries: Sequence[str], lists: dict[str, list[list[str]]]) -> None:
    """Print the lists of all systems side by side, a block for each query."""
    for i, query in enumerate(queries):
        print(f"== {query}\n   {''.join(f'{name:{WIDTH}}' for name in lists)}".rstrip())
        columns = [of_query[i] for of_query in lists.values()]
        for rank_, row in enumerate(zip_longest(*columns, fillvalue=""), start=1):
            print(f"{rank_:2} {''.join(f'{title[: WIDTH - 2]:{WIDTH}}' for title in row)}".rstrip())


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the lists. Exits this program with a sentence if the documents cannot be encoded."""
    parser = argparse.ArgumentParser(description="First titles as typed and by meaning")
    parser.add_argument("--data", default=STDLIB)
    parser.add_argument("--ask", nargs="+", default=ASKED)
    parser.add_argument("--topics", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--encoder", default="auto")
    parser.add_argument("--caution", choices=CAUTIONS, default="balanced")
    parser.add_argument("--readings", choices=[each.value for each in Readings], default=Readings.AUTO.value)
    parser.add_argument("--run", type=Path)
    parser.add_argument("--first", type=int, default=5)
    options = parser.parse_args(arguments)
    set_up_torch()
    opened = OpenedCollection.load(options.data)
    encoded, note = encode_collection(options.encoder, opened, silently)
    if encoded is None:
        sys.exit(note or "Choose another encoder than none")
    opened, readings = opened.with_vectors(encoded), Readings(options.readings)
    systems: dict[str, System] = {
        "as typed": Bm25(),
        f"untrained, {options.caution}": RewriterSystem(
            untrained_rewriter(opened, MEANT_STARTS[options.caution]), readings=readings
        ),
    }
    if options.run:
        stage = latest_stage(options.run)
        blend = read_stage(stage).blend_for(options.caution)
        systems["trained"] = RewriterSystem(stage_rewriter(stage, opened, blend), readings=readings)
    topics = drawn(opened, options.topics, options.seed) if options.topics else asked(options.ask)
    lists = {name: titles(opened, topics, system, options.first) for name, system in systems.items()}
    print_lists([typed.query for typed in topics], lists)


if __name__ == "__main__":
    main()
