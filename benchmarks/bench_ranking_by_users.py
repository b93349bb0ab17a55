"""Tests whether simulated users rank nine systems as judgments and the clicks of real sessions do.

    python -m benchmarks.bench_ranking_by_users --data FOLDER ... [--parameters FILE ...] [--users N] [--seed N]
                                                [--resamples N] [--encoder NAME] [--vectors DIR] [--json FILE]
                                                [--plot FILE]

A FOLDER is in BEIR layout. The simulated users read its documents alone: they want known items made from documents,
and type, click and stop as `search/users` has it. Each JSON file of --parameters describes a population: the values
of `UserConfig` that are not the defaults. Without it there is one, the defaults. Every system of
`benchmarks.ranked_systems` is shown to the same users. They rank systems by

    first query        satisfying clicks on the first ten documents of the first query
    clicks a session   satisfying clicks of a session with all its reformulations
    sessions           share of sessions that end in a satisfying click

and the truths are nDCG@10 by the judgments of the split `dev`, else `train`, else `test`, and, in a folder whose
`sessions.jsonl` has lists and clicks, nDCG@10 by the clicks on documents that were shown to somebody with this need.
Such a folder's needs are halved as by `benchmarks.bench_realism`: one half is the truth, the other one is for fitting
parameters, which are never those of the judged half.

The table has the means with their ranks, and Kendall's tau-b of each measure with each truth, with 95 % bootstrap
intervals over needs. `decided` is the same over the pairs of systems that the truth tells apart (|t| > 2). The
ceiling is the agreement of random halves of all needs of a truth, with the central 95 % of 500 halves. `certain`
counts the pairs whose order by clicks no unshown document can turn round, and those of them that the users order in
the same way. Rows `overlap` are the measure `first query` for users whose first query shares such a part of its terms
with the wanted document.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from untilclick.app.loop.torch_setup import set_up_torch
from untilclick.rewriter.flat_settings import setting_names
from untilclick.rewriter.policy.encoders.conversion import convert_encoder
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.engines.vectors.encoded_corpus import EncodedCorpus
from untilclick.search.engines.vectors.encoded_documents import vector_folder
from untilclick.search.text.encoders.opened import open_encoder
from untilclick.search.text.encoders.query_vectors import QueryVectors
from untilclick.search.users.user import UserConfig

from benchmarks.bench_cold_start import reported_split
from benchmarks.rank_agreement import RESAMPLES, Agreement, Tau, agreement, ceiling
from benchmarks.ranked_systems import FirstTen, System, nine_systems
from benchmarks.ranking_truths import (
    NeedValues,
    clicked,
    compared_needs,
    judged,
    logged_turns,
    mean_overlap,
    need_of,
)
from benchmarks.ranking_users import FIRST_QUERY, MEASURES, SimulatedUsers
from benchmarks.real_sessions import trec_sessions
from benchmarks.session_topics import read_lines

Floats = NDArray[np.float64]
QUERIES_KEPT = 1 << 18
"""Vectors of queries, each of about 1.5 kB."""
JUDGMENTS, CLICKS, CEILING = "judgments", "clicks", "ceiling"


@dataclass(frozen=True, eq=False)
class Truth:
    """One opinion on systems that comes from people."""

    name: str
    systems: tuple[str, ...]
    values: NeedValues
    """On the needs that are compared."""
    all_values: NeedValues
    """On all needs, for the ceiling."""
    n_queries: int
    certain: tuple[tuple[int, int], ...] = ()
    """See `ClickTruth`."""
    unknown: float = 0.0
    """See `ClickTruth`."""


@dataclass(frozen=True)
class Outcome:
    """The rankings of systems on one collection, and how far they agree."""

    data: str
    population: str
    documents: int
    users: int
    needs: int
    """Needs of the simulated users."""
    parameters: Mapping[str, object]
    """Habits of the users."""
    overlap: Mapping[str, float]
    """Share of the terms of queries that a wanted document has: of users and of judged queries."""
    truths: Mapping[str, Mapping[str, float]]
    """Truth -> numbers of needs and queries, share of unknown documents."""
    means: Mapping[str, Mapping[str, float]]
    """Truth or measure -> system -> mean over needs."""
    agreements: Mapping[str, Mapping[str, Agreement]]
    """Truth -> measure, other truth or ceiling -> agreement."""
    certain: Mapping[str, tuple[int, int]]
    """Measure -> pairs that are certain by clicks, and how many of them it orders in the same way."""


def simulated(opened: OpenedCollection, systems: Mapping[str, System], users: SimulatedUsers) -> dict[str, Floats]:
    """Measure -> (S, needs) values of the systems by simulated users."""
    by_system = []
    for name, system in systems.items():
        by_system.append(users.values(FirstTen(system, users.config.results_examined), opened.index.doc_rows))
        print(f"{opened.collection.corpus.source}: {name}", file=sys.stderr, flush=True)
    return {measure: np.array([values[measure] for values in by_system]) for measure in by_system[0]}


def truths(opened: OpenedCollection, systems: Mapping[str, System], folder: Path) -> list[Truth]:
    """What judgments say, and, if the folder has real sessions with lists, their clicks."""
    corpus, names = opened.collection.corpus, tuple(systems)
    topics = opened.collection.topics[reported_split(opened.collection)]
    values, path = judged(systems, corpus, topics), folder / "sessions.jsonl"
    if not (path.is_file() and "steps" in read_lines(path)[0]):
        return [Truth(JUDGMENTS, names, values, values, len(topics))]
    real = trec_sessions(folder)
    turns, compared = logged_turns(real), compared_needs(real)
    clicks = clicked(systems, corpus, [each for each in turns if each.need in compared])
    all_clicks = clicked(systems, corpus, turns).values
    return [
        Truth(JUDGMENTS, names, values.among(compared), values, sum(need_of(topic) in compared for topic in topics)),
        Truth(CLICKS, names, clicks.values, all_clicks, clicks.n_turns, clicks.certain, clicks.unknown),
    ]


def encoded(opened: OpenedCollection, options: argparse.Namespace) -> OpenedCollection:
    """The collection with its documents as vectors, unless the encoder is `none`. The vectors of all queries are
    kept, because three systems ask for them."""
    encoder = open_encoder(options.encoder, convert_encoder).encoder
    if encoder is None:
        return opened
    corpus = EncodedCorpus.of(opened.collection.corpus.documents, encoder, vector_folder(options.vectors))
    return opened.with_vectors(replace(corpus, queries=QueryVectors(encoder, QUERIES_KEPT)))


def measured(folder: Path, populations: Mapping[str, UserConfig], options: argparse.Namespace) -> Iterator[Outcome]:
    """Let each population of simulated users, and people, rank the systems of one collection."""
    opened = encoded(OpenedCollection.load(str(folder)), options)
    systems = nine_systems(opened)
    by_people = truths(opened, systems, folder)
    for population, config in populations.items():
        users = SimulatedUsers.of(opened.collection.corpus, opened.index, config, options.users, options.seed)
        yield compared(opened, population, users, simulated(opened, systems, users), by_people, options)


def compared(
    opened: OpenedCollection,
    population: str,
    users: SimulatedUsers,
    by_users: Mapping[str, Floats],
    by_people: Sequence[Truth],
    options: argparse.Namespace,
) -> Outcome:
    """How far the rankings agree."""
    rng = np.random.default_rng(options.seed)
    others = {**by_users, **{truth.name: truth.values.values for truth in by_people[:-1]}}
    agreements = {
        truth.name: {
            **{
                name: agreement(values, truth.values.values, rng, options.resamples)
                for name, values in others.items()
                if name != truth.name
            },
            CEILING: ceiling(truth.all_values.values, rng),
        }
        for truth in by_people
    }
    columns = {**{truth.name: truth.values.values for truth in by_people}, **by_users}
    return Outcome(
        data=Path(opened.collection.corpus.source).name,
        population=population,
        documents=len(opened.collection.corpus.documents),
        users=len(users.needs),
        needs=by_users[FIRST_QUERY].shape[1],
        parameters=asdict(users.config),
        overlap={"users": float(users.overlap.mean()), JUDGMENTS: judged_overlap(opened, by_people[0])},
        truths={
            truth.name: {"needs": len(truth.values.needs), "queries": truth.n_queries, "unknown": truth.unknown}
            for truth in by_people
        },
        means={
            name: dict(zip(by_people[0].systems, each.mean(axis=1).tolist(), strict=True))
            for name, each in columns.items()
        },
        agreements=agreements,
        certain={
            name: (len(truth.certain), same_order(values, truth.certain))
            for truth in by_people
            if truth.certain
            for name, values in by_users.items()
        },
    )


def judged_overlap(opened: OpenedCollection, judgments: Truth) -> float:
    """`mean_overlap` of the compared judged queries."""
    topics = opened.collection.topics[reported_split(opened.collection)]
    return mean_overlap(opened.index, [topic for topic in topics if need_of(topic) in judgments.values.needs])


def same_order(values: Floats, pairs: Sequence[tuple[int, int]]) -> int:
    """The number of pairs (better, worse) that values (S, n) order in the same way."""
    means = values.mean(axis=1)
    return sum(bool(means[a] > means[b]) for a, b in pairs)


def read_parameters(path: Path) -> UserConfig:
    """The habits of users in a JSON file. Exits this program for an unknown name."""
    values = json.loads(path.read_text(encoding="utf-8"))
    if unknown := sorted(set(values) - set(setting_names(UserConfig))):
        sys.exit(
            f"{path}: {', '.join(unknown)} is no parameter of users; there are {', '.join(setting_names(UserConfig))}"
        )
    return TypeAdapter(UserConfig).validate_python(values)


def print_table(outcome: Outcome) -> None:
    """Print the rankings of systems side by side, then how far they agree."""
    size = f"{outcome.documents} documents, {outcome.users} users ({outcome.population}) with {outcome.needs} needs"
    print(f"{outcome.data}: {size}")
    overlap = ", ".join(f"{share:.2f} ({name})" for name, share in outcome.overlap.items())
    print(f"  share of a query's terms in a wanted document: {overlap}")
    for name, counts in outcome.truths.items():
        unknown = f", {counts['unknown']:.0%} of the first ten documents shown to nobody" if name == CLICKS else ""
        print(f"  {name}: {counts['queries']:.0f} queries of {counts['needs']:.0f} needs{unknown}")
    columns = {name: means for name, means in outcome.means.items() if name in {*outcome.truths, *MEASURES}}
    ranks = {name: ranks_of(means) for name, means in columns.items()}
    print(f"{'':18}" + "".join(f"{name:>20}" for name in columns))
    for system in sorted(outcome.means[JUDGMENTS], key=lambda each: -outcome.means[JUDGMENTS][each]):
        cells = [f"{means[system]:14.4f} ({ranks[name][system]:2})" for name, means in columns.items()]
        print(f"{system:18}" + "".join(f"{cell:>20}" for cell in cells))
    for truth, rows in outcome.agreements.items():
        for name, each in rows.items():
            decided = f"decided {each.n_decided} of {each.n_pairs}"
            decided += f": {shown(each.decided)}" if each.n_decided else ""
            print(f"  {truth:10}{name:20}tau {shown(each.all_pairs)}   {decided}")
    for name, (n, same) in outcome.certain.items():
        print(f"  certain by clicks, {name}: {same} of {n} pairs in the same order")


def ranks_of(means: Mapping[str, float]) -> dict[str, int]:
    """The rank of each system by its mean, 1 for the best; equal ones share the better rank."""
    return {name: 1 + sum(other > mean for other in means.values()) for name, mean in means.items()}


def shown(tau: Tau) -> str:
    """An agreement with its interval."""
    return f"{tau.value:+.2f} [{tau.low:+.2f}, {tau.high:+.2f}]"


def plot(outcomes: Sequence[Outcome], path: Path) -> None:
    """Plot the systems of each collection: what simulated users say of them against what each truth says."""
    from matplotlib.figure import Figure

    panels = [(outcome, truth) for outcome in outcomes for truth in outcome.truths]
    figure = Figure(figsize=(4.6 * len(panels), 4.2), layout="constrained")
    for axis, (outcome, truth) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        for name, value in outcome.means[truth].items():
            by_users = outcome.means[FIRST_QUERY][name]
            axis.scatter(value, by_users, color="C0", s=18)
            axis.annotate(name, (value, by_users), xytext=(4, 3), textcoords="offset points", fontsize=8)
        rows = outcome.agreements[truth]
        limit = rows[CEILING].all_pairs
        taus = f"tau {shown(rows[FIRST_QUERY].all_pairs)}, ceiling {limit.value:+.2f}"
        axis.set_title(f"{outcome.data}, {outcome.population}\n{taus}", fontsize=9)
        axis.set_xlabel(f"nDCG@10 by {truth}")
        axis.set_ylabel("simulated: satisfying clicks, first query")
        axis.margins(x=0.2)
    figure.savefig(path, dpi=110)


def main(arguments: Sequence[str] | None = None) -> None:
    """Rank the systems of each folder, print tables, and write JSON and a plot if asked to."""
    parser = argparse.ArgumentParser(description="Systems ranked by simulated users and by people")
    parser.add_argument("--data", type=Path, nargs="+", default=[])
    parser.add_argument("--users", type=int, default=20_000)
    parser.add_argument("--parameters", type=Path, nargs="+", default=[])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--resamples", type=int, default=RESAMPLES, help="of the bootstrap")
    parser.add_argument("--encoder", default="minilm", help="as for untilclick evaluate; none leaves six systems")
    parser.add_argument("--vectors", type=Path, help="folder of the documents' vectors; default: the cache")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args(arguments)
    if not options.data:
        print("Nothing to measure: name folders with judgments in --data.")
        return
    set_up_torch()
    populations = {path.stem: read_parameters(path) for path in options.parameters} or {"defaults": UserConfig()}
    outcomes = []
    for outcome in chain.from_iterable(measured(folder, populations, options) for folder in options.data):
        print_table(outcome)
        outcomes.append(outcome)
    if options.json:
        options.json.write_text(json.dumps([asdict(outcome) for outcome in outcomes], indent=1), encoding="utf-8")
    if options.plot:
        plot(outcomes, options.plot)


if __name__ == "__main__":
    main()
