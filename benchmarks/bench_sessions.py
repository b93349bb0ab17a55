"""Tests whether the earlier queries of a session help to rewrite its later ones, for people and simulated users.

    python -m benchmarks.bench_sessions [--data FOLDER ...] [--seeds N] [--engine NAME] [--steps N] [--encoder NAME]
                                        [--simulated SRC --runs RUN [RUN ...] --split SPLIT] [--json FILE]

A FOLDER is in BEIR layout and holds the earlier queries of each query, see `benchmarks.session_topics`. The rewriter
is a base, trained for each seed from the documents alone. With a sentence encoder it reads meaning, and four further
systems are measured that read the vector of the session and are not trained: the encoder alone, half and half with
BM25, a fixed mix of .2 typed words, .3 recalled words and .5 encoder, and the untrained rewriter in the blend of a
cold start. Settings are chosen in two ways:

    default    the default blend, which was not chosen on these queries
    folds      five-fold cross-validation by need: the blend, the share of the context, and the settings of RM3 and
               session concatenation are chosen on the queries of the other needs

With --runs, every RUN is a folder that `untilclick demo` wrote, one for each seed. Simulated users with the held-out
needs of SRC search with BM25 until they click. The last stage of the run, in its own blend, searches their second to
fourth queries.

The measure is nDCG@10. Each rewriter is scored with the earlier queries in sight and, as `... alone`, without them.
Differences, intervals and p-values compare each query's mean over the seeds, on all queries and on later queries
alone. They resample needs.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from untilclick.app.loop.torch_setup import set_up_torch
from untilclick.rewriter.config import BaseConfig, PolicyConfig, RunConfig
from untilclick.rewriter.data.corpus_scorer import CorpusScorer
from untilclick.rewriter.data.encoding import encode_collection
from untilclick.rewriter.data.logged_queries import JudgedQuery
from untilclick.rewriter.data.show import silently
from untilclick.rewriter.evaluation.baselines.feedback import RM3_GRID, Rm3, Rm3Settings
from untilclick.rewriter.evaluation.baselines.parameter_choice import ParameterChoice
from untilclick.rewriter.evaluation.baselines.simple import (
    CONCATENATION_GRID,
    Bm25,
    ConcatenationSettings,
    SessionConcatenation,
)
from untilclick.rewriter.evaluation.statistics import Comparison, TopicValues, compare
from untilclick.rewriter.evaluation.systems import RewriterSystem, System, TypedTopic
from untilclick.rewriter.evaluation.typed_topics import typed_queries
from untilclick.rewriter.rewrite import RewriteRequest
from untilclick.rewriter.serving.blend import MEANT, BlendSettings, cold_starts
from untilclick.rewriter.serving.readings.mixture import Mixture
from untilclick.rewriter.serving.readings.ranker import rank
from untilclick.rewriter.stages import base
from untilclick.rewriter.stages.reader import open_models, read_by_meaning, stage_rewriter
from untilclick.rewriter.stages.record import encoder_of, latest_stage
from untilclick.rewriter.training.held_out import validation_set
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.engines import ENGINE_NAMES, open_engine
from untilclick.search.engines.protocol import SearchEngine
from untilclick.search.measures.metrics import evaluate_rankings
from untilclick.search.records import TOPIC_ATTRIBUTE
from untilclick.search.users.simulate import simulate_sessions
from untilclick.search.users.user import SimulatedUser, UserConfig

from benchmarks.session_topics import needs, with_histories
from benchmarks.untrained_systems import SessionMeaning, untrained_rewriter

MEASURE = "nDCG@10"
FOLDS = 5
FIXED = replace(MEANT, mixture=Mixture(0.2, 0.3, "fixed"))
"""The mix of the system of that name."""
PAIRS = (
    ("rewriter", "bm25"),
    ("rewriter", "rm3"),
    ("rewriter", "concatenation"),
    ("rewriter", "rewriter alone"),
    ("rewriter", "encoder"),
    ("rewriter", "half and half"),
    ("rewriter", "fixed mix"),
    ("rewriter", "untrained"),
    ("concatenation", "bm25"),
)
"""The systems that are compared, if both were measured."""
Values = dict[str, NDArray[np.float64]]
"""System -> (n,) the measure on each query."""


class Search(NamedTuple):
    """A system, and the queries as it sees them."""

    system: System
    topics: Sequence[TypedTopic]


@dataclass(frozen=True)
class Outcome:
    """Result on one collection with one way of choosing settings, over all seeds."""

    data: str
    setting: str
    n_queries: int
    n_later: int
    """Number of later queries: those that are not the first of their session."""
    means: Mapping[str, float]
    """System -> mean over all queries."""
    later_means: Mapping[str, float]
    """System -> mean over the later queries."""
    comparisons: tuple[Comparison, ...]
    """The pairs of `PAIRS`, on all queries."""
    later_comparisons: tuple[Comparison, ...]
    """The same pairs, on the later queries."""


@dataclass(frozen=True)
class SearchedCollection:
    """One collection with its engine and the queries to search."""

    opened: OpenedCollection
    engine: SearchEngine
    topics: tuple[TypedTopic, ...]
    need_of: Mapping[str, int]
    """Topic id -> number of the need."""

    def values(self, system: System, topics: Sequence[TypedTopic]) -> NDArray[np.float64]:
        """Measure the system on each query, (n,)."""
        rankings = [ranking.retrieved for ranking in rank(self.engine, system(topics), 10)]
        scores = evaluate_rankings([typed.topic for typed in topics], rankings, (MEASURE,))
        return np.asarray(scores.values[MEASURE], dtype=np.float64)

    def needs_of(self, topics: Sequence[TypedTopic]) -> NDArray[np.int64]:
        """(n,) the need of each query."""
        return np.array([self.need_of[typed.topic.topic_id] for typed in topics], dtype=np.int64)


def alone(topics: Sequence[TypedTopic]) -> list[TypedTopic]:
    """The same queries without the earlier queries of their sessions."""
    return [replace(typed, history=()) for typed in topics]


def folds(needs: NDArray[np.int64], n: int = FOLDS) -> list[NDArray[np.int64]]:
    """Positions of the queries of each fold, from their needs (n,); all queries of a need are in the same fold."""
    return [np.flatnonzero(np.unique(needs, return_inverse=True)[1] % n == fold) for fold in range(n)]


class BaseRewriter:
    """A base trained on the documents of a collection."""

    def __init__(self, searched: SearchedCollection, folder: Path, steps: int, seed: int) -> None:
        """Train it into a folder."""
        self._searched = searched
        training = base.BaseStage(RunConfig(folder), PolicyConfig(seed=seed), BaseConfig(steps=steps, seed=seed))
        self._folder = base.main(training, searched.opened)
        self._model = open_models(self._folder, encoder_of(searched.opened))[0]

    def system(self, blend: BlendSettings) -> System:
        """The base in a given blend."""
        return RewriterSystem(stage_rewriter(self._folder, self._searched.opened, blend))

    def chosen(self, topics: Sequence[TypedTopic]) -> System:
        """The base in the blend that is best for some queries."""
        opened = self._searched.opened
        judged = [
            JudgedQuery(RewriteRequest(typed.query, typed.history), typed.topic.relevance, need=need)
            for typed, need in zip(topics, self._searched.needs_of(topics).tolist(), strict=True)
        ]
        language = self._model.language
        scorer = CorpusScorer.of(opened, language.vocabulary)
        validation = validation_set(opened, judged, scorer, language, limit=len(judged))
        validation = read_by_meaning(validation, self._model, opened)
        return self.system(validation.choose_blend(self._model.reader()).settings)


def untrained(searched: SearchedCollection) -> dict[str, System]:
    """The systems that read the vector of a session and have nothing to choose; none without an encoder."""
    opened = searched.opened
    if opened.encoded is None:
        return {}
    return {
        "encoder": SessionMeaning(opened.encoded, 1.0),
        "half and half": SessionMeaning(opened.encoded, 0.5),
        "fixed mix": RewriterSystem(untrained_rewriter(opened, FIXED)),
        "untrained": RewriterSystem(untrained_rewriter(opened, MEANT)),
    }


def in_default_blend(searched: SearchedCollection, trained: BaseRewriter) -> Values:
    """Measure every system with its default settings."""
    topics = searched.topics
    system = trained.system(cold_starts(encoded=searched.opened.encoded is not None)["balanced"])
    return {
        "bm25": searched.values(Bm25(), topics),
        "rm3": searched.values(Rm3(searched.engine), topics),
        "concatenation": searched.values(SessionConcatenation(), topics),
        "rewriter": searched.values(system, topics),
        "rewriter alone": searched.values(system, alone(topics)),
        **{name: searched.values(each, topics) for name, each in untrained(searched).items()},
    }


def in_folds(searched: SearchedCollection, trained: BaseRewriter) -> Values:
    """Measure every system on each query with the settings that were chosen on the queries of other needs."""
    values: Values = {}
    for fold in folds(searched.needs_of(searched.topics)):
        reported = [searched.topics[i] for i in fold]
        others = [searched.topics[i] for i in np.setdiff1d(np.arange(len(searched.topics)), fold)]
        for name, search in _chosen_systems(searched, trained, others, reported).items():
            values.setdefault(name, np.zeros(len(searched.topics)))[fold] = searched.values(*search)
    return {**values, **{name: searched.values(each, searched.topics) for name, each in untrained(searched).items()}}


def _chosen_systems(
    searched: SearchedCollection, trained: BaseRewriter, others: Sequence[TypedTopic], reported: Sequence[TypedTopic]
) -> dict[str, Search]:
    """Systems with the settings that are best on the other queries."""
    engine, choice = searched.engine, ParameterChoice(searched.engine, others)
    rm3 = choice.best(RM3_GRID, lambda settings: Rm3(engine, settings), Rm3Settings())
    concatenation = choice.best(CONCATENATION_GRID, SessionConcatenation, ConcatenationSettings())
    return {
        "bm25": Search(Bm25(), reported),
        "rm3": Search(Rm3(engine, rm3), reported),
        "concatenation": Search(SessionConcatenation(concatenation), reported),
        "rewriter": Search(trained.chosen(others), reported),
        "rewriter alone": Search(trained.chosen(alone(others)), alone(reported)),
    }


def real_sessions(folder: Path, options: argparse.Namespace) -> Iterator[Outcome]:
    """Results on one folder, with the default settings and with settings chosen in folds."""
    with TemporaryDirectory() as temporary:
        opened = OpenedCollection.load(str(with_histories(folder, Path(temporary))), options.engine)
    opened = opened.with_vectors(encode_collection(options.encoder, opened, silently).corpus)
    engine = open_engine(options.engine, opened.collection.corpus)
    split = next(name for name in ("dev", "train", "test") if opened.collection.topics.get(name))
    topics = tuple(typed_queries(opened.collection, split, 0, opened.index))
    searched = SearchedCollection(opened, engine, topics, numbered(needs(folder)))
    default, chosen = [], []
    for seed in range(options.seeds):
        with TemporaryDirectory() as temporary:
            trained = BaseRewriter(searched, Path(temporary), options.steps, seed)
            default.append(in_default_blend(searched, trained))
            chosen.append(in_folds(searched, trained))
        print(f"{folder.name}, seed {seed}: {chosen[-1]['rewriter'].mean():.4f} in folds", file=sys.stderr)
    yield outcome_of(folder.name, "default", searched, default)
    yield outcome_of(folder.name, "folds", searched, chosen)


def numbered(need_of: Mapping[str, str]) -> dict[str, int]:
    """The needs as numbers, in the order of their names."""
    numbers = {need: number for number, need in enumerate(sorted(set(need_of.values())))}
    return {topic_id: numbers[need] for topic_id, need in need_of.items()}


def simulated_sessions(options: argparse.Namespace) -> Outcome:
    """Results on the later queries of simulated users, searched with trained runs."""
    by_seed: list[Values] = []
    for seed, run in enumerate(options.runs):
        opened = OpenedCollection.load(options.simulated, options.engine)
        opened = opened.with_vectors(encode_collection(options.encoder, opened, silently).corpus)
        engine = open_engine(options.engine, opened.collection.corpus)
        topics = tuple(later_queries(opened, engine, options.split, options.sessions))
        ids = [typed.topic.topic_id for typed in topics]
        need_of = numbered({topic_id: topic_id.rpartition("/")[0] for topic_id in ids})
        searched = SearchedCollection(opened, engine, topics, need_of)
        system = RewriterSystem(stage_rewriter(latest_stage(run), opened))
        searches = {
            "bm25": Search(Bm25(), topics),
            "rm3": Search(Rm3(engine), topics),
            "concatenation": Search(SessionConcatenation(), topics),
            "rewriter": Search(system, topics),
            "rewriter alone": Search(system, alone(topics)),
        }
        by_seed.append({name: searched.values(*search) for name, search in searches.items()})
        print(f"{run}, seed {seed}: {by_seed[-1]['rewriter'].mean():.4f}", file=sys.stderr)
    return outcome_of(f"{options.simulated}, simulated", "trained", searched, by_seed)


def later_queries(opened: OpenedCollection, engine: SearchEngine, split: str, sessions: int) -> list[TypedTopic]:
    """Distinct second to fourth queries of simulated users with the needs of a split, and their earlier queries."""
    topics = opened.collection.topics[split]
    by_id = {topic.topic_id: topic for topic in topics}
    user = SimulatedUser.of(opened.collection, UserConfig(misspellings="test"), opened.index)
    later: dict[tuple[str, tuple[str, ...]], TypedTopic] = {}
    for session in simulate_sessions(topics, engine, user, sessions, seed=0):
        topic = by_id[str(session.turns[0].attributes[TOPIC_ATTRIBUTE])]
        typed = tuple(turn.query for turn in session.turns)
        for step in range(1, min(len(typed), 4)):
            key = (topic.topic_id, typed[: step + 1])
            numbered = replace(topic, topic_id=f"{topic.topic_id}/{len(later)}")
            later.setdefault(key, TypedTopic(numbered, typed[step], typed[:step]))
    return list(later.values())


def outcome_of(data: str, setting: str, searched: SearchedCollection, by_seed: Sequence[Values]) -> Outcome:
    """Average the values of each query over the seeds, and compare the systems."""
    mean = {name: np.mean([values[name] for values in by_seed], axis=0) for name in by_seed[0]}  # (n,) each
    later = np.array([bool(typed.history) for typed in searched.topics])  # (n,) bool
    of_need = searched.needs_of(searched.topics)  # (n,)
    streams = iter(np.random.default_rng([0, 2]).spawn(2 * len(PAIRS)))

    def compared(chosen: NDArray[np.bool_]) -> tuple[Comparison, ...]:
        return tuple(
            compare(
                TopicValues(a, mean[a][chosen]),
                TopicValues(b, mean[b][chosen]),
                MEASURE,
                next(streams),
                needs=of_need[chosen],
            )
            for a, b in PAIRS
            if a in mean and b in mean
        )

    return Outcome(
        data,
        setting,
        later.size,
        int(later.sum()),
        {name: float(values.mean()) for name, values in mean.items()},
        {name: float(values[later].mean()) for name, values in mean.items()},
        compared(np.ones_like(later)),
        compared(later),
    )


def print_table(outcomes: Sequence[Outcome]) -> None:
    """Print a block for each outcome: means on all and on later queries, then the comparisons."""
    for outcome in outcomes:
        print(
            f"{outcome.data}, {outcome.setting}: {outcome.n_queries} queries, "
            f"{outcome.n_later} of them later ones; {MEASURE}"
        )
        for name, mean in outcome.means.items():
            print(f"  {name:18}{mean:8.4f}{outcome.later_means[name]:10.4f}")
        for label, comparisons in (("all", outcome.comparisons), ("later", outcome.later_comparisons)):
            for pair in comparisons:
                low, high = pair.ci95
                difference = f"{pair.difference:+.4f} [{low:+.4f}, {high:+.4f}] p={pair.p:.4f}"
                print(f"  {label:6}{pair.a} - {pair.b:16}{difference}, harmed {pair.harmed_share:.1%}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure the folders and runs that are named, print tables, and write JSON if asked to."""
    parser = argparse.ArgumentParser(description="Whether a session's earlier queries help its later ones")
    parser.add_argument("--data", type=Path, nargs="+", default=[])
    parser.add_argument("--engine", choices=ENGINE_NAMES, default="tantivy")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=BaseConfig().steps)
    parser.add_argument("--encoder", default="auto", help="as for untilclick evaluate; none leaves meaning out")
    parser.add_argument("--simulated", metavar="SRC")
    parser.add_argument("--runs", type=Path, nargs="+", default=[])
    parser.add_argument("--split", default="dev")
    parser.add_argument("--sessions", type=int, default=2000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    set_up_torch()
    outcomes: list[Outcome] = []
    for folder in options.data:
        if (folder / "queries.jsonl").is_file():
            outcomes += real_sessions(folder, options)
        else:
            print(f"{folder} is left out: it has no queries.jsonl", file=sys.stderr)
    if options.simulated and options.runs:
        outcomes.append(simulated_sessions(options))
    if not outcomes:
        print("Nothing to measure: name folders with --data, or --simulated and --runs.")
        return
    print_table(outcomes)
    if options.json:
        options.json.write_text(json.dumps([asdict(outcome) for outcome in outcomes], indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
