"""Search sessions: whether the earlier queries of a session help its later ones, of people and of simulated users.

    python -m benchmarks.bench_sessions [--data FOLDER ...] [--seeds N] [--engine NAME] [--steps N]
                                        [--simulated SRC --runs RUN [RUN ...] --split SPLIT] [--json FILE]

A FOLDER is in BEIR layout and says what was typed before, see `benchmarks.session_topics`. Of the rewriter there is
only a base, learned from the documents alone, one a seed. Two ways to set it:

    default    the blend that nobody has chosen on these queries
    folds      five-fold cross-validation by need: blend and share of the context, and what RM3 and session
               concatenation can be set to, are chosen on the queries of the other needs

With --runs, what `untilclick demo` has left, one run a seed: users with the held-out needs of SRC search with BM25
until they click, and their second to fourth queries are searched with the run's last stage, in its own blend.

nDCG@10; every system is scored with the earlier queries in sight and, under the name `... alone`, without.
Difference, interval and p are of each query's mean over the seeds: on all queries, and on those that came later.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from untilclick.app.loop.torch_setup import set_up_torch
from untilclick.rewriter.config import BaseConfig, PolicyConfig
from untilclick.rewriter.data.corpus_scorer import CorpusScorer
from untilclick.rewriter.data.logged_queries import JudgedQuery
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
from untilclick.rewriter.language.language import TermLanguage
from untilclick.rewriter.policy.models import TermModel, model_rewriter
from untilclick.rewriter.rewrite import RewriteRequest
from untilclick.rewriter.serving.blend import COLD_START, BlendSettings
from untilclick.rewriter.stages.base import new_policy, train_base
from untilclick.rewriter.stages.reader import stage_rewriter
from untilclick.rewriter.stages.record import latest_stage
from untilclick.rewriter.training.held_out import validation_set
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.engines import ENGINE_NAMES, open_engine
from untilclick.search.engines.protocol import SearchEngine
from untilclick.search.measures.metrics import evaluate_rankings
from untilclick.search.records import TOPIC_ATTRIBUTE
from untilclick.search.users.simulate import simulate_sessions
from untilclick.search.users.user import SimulatedUser, UserConfig

from benchmarks.session_topics import needs, with_histories

MEASURE = "nDCG@10"
FOLDS = 5
PAIRS = (
    ("rewriter", "bm25"),
    ("rewriter", "rm3"),
    ("rewriter", "concatenation"),
    ("rewriter", "rewriter alone"),
    ("concatenation", "bm25"),
)
Values = dict[str, NDArray[np.float64]]
"""System -> the measure on each query."""


@dataclass(frozen=True)
class Outcome:
    """One collection, set in one way, over all seeds."""

    data: str
    setting: str
    n_queries: int
    n_later: int
    means: Mapping[str, float]
    later_means: Mapping[str, float]
    """Of the queries that were not their session's first."""
    comparisons: tuple[Comparison, ...]
    later_comparisons: tuple[Comparison, ...]


@dataclass(frozen=True)
class Place:
    """One collection with its engine."""

    bench: OpenedCollection
    engine: SearchEngine
    topics: tuple[TypedTopic, ...]

    def values(self, system: System, topics: Sequence[TypedTopic]) -> NDArray[np.float64]:
        """(n,) the measure on each query."""
        rankings = self.engine.search([answer.query for answer in system(topics)], 10)
        scores = evaluate_rankings([one.topic for one in topics], rankings, (MEASURE,))
        return np.asarray(scores.values[MEASURE], dtype=np.float64)


def alone(topics: Sequence[TypedTopic]) -> list[TypedTopic]:
    """The same queries as if nothing had been typed before."""
    return [replace(one, history=()) for one in topics]


def folds(groups: Sequence[str], n: int = FOLDS) -> list[NDArray[np.int64]]:
    """Positions by fold; the members of a group are in one."""
    place = {group: i % n for i, group in enumerate(sorted(set(groups)))}
    return [np.flatnonzero([place[group] == fold for group in groups]) for fold in range(n)]


class BaseRewriter:
    """A base learned from a collection's documents."""

    def __init__(self, place: Place, steps: int, seed: int) -> None:
        bench = place.bench
        self._place = place
        policy, vocabulary = new_policy(bench.index, PolicyConfig(seed=seed))
        config = BaseConfig(steps=steps, seed=seed)
        train_base(policy, bench.collection.corpus, bench.index, vocabulary, config)
        self._model = TermModel(policy, TermLanguage(vocabulary))

    def system(self, blend: BlendSettings) -> System:
        """It in a blend."""
        bench, engine = self._place.bench, self._place.engine
        return RewriterSystem(model_rewriter(self._model, bench.spelling, engine, blend))

    def chosen(self, topics: Sequence[TypedTopic]) -> System:
        """It in the blend that is best for some queries."""
        bench = self._place.bench
        logged = [JudgedQuery(RewriteRequest(one.query, one.history), one.topic.relevance) for one in topics]
        language = self._model.language
        scorer = CorpusScorer.of(bench, language.vocabulary)
        validation = validation_set(bench, logged, scorer, language, limit=len(logged))
        return self.system(validation.choose_blend(self._model.reader()).settings)


def in_default_blend(place: Place, base: BaseRewriter) -> Values:
    """Nothing is chosen."""
    topics, system = place.topics, base.system(COLD_START)
    return {
        "bm25": place.values(Bm25(), topics),
        "rm3": place.values(Rm3(place.engine), topics),
        "concatenation": place.values(SessionConcatenation(), topics),
        "rewriter": place.values(system, topics),
        "rewriter alone": place.values(system, alone(topics)),
    }


def in_folds(place: Place, base: BaseRewriter, groups: Sequence[str]) -> Values:
    """Every query with what was chosen on other needs."""
    found: Values = {}
    for own in folds(groups):
        reported = [place.topics[i] for i in own]
        others = [place.topics[i] for i in np.setdiff1d(np.arange(len(place.topics)), own)]
        for name, (system, topics) in _chosen_systems(place, base, others, reported).items():
            found.setdefault(name, np.zeros(len(place.topics)))[own] = place.values(system, topics)
    return found


def _chosen_systems(
    place: Place, base: BaseRewriter, others: Sequence[TypedTopic], reported: Sequence[TypedTopic]
) -> dict[str, tuple[System, Sequence[TypedTopic]]]:
    """Systems set on the other queries, and the queries as each sees them."""
    engine, choice = place.engine, ParameterChoice(place.engine, others)
    rm3 = choice.best(RM3_GRID, lambda one: Rm3(engine, one), Rm3Settings())
    joined = choice.best(CONCATENATION_GRID, SessionConcatenation, ConcatenationSettings())
    return {
        "bm25": (Bm25(), reported),
        "rm3": (Rm3(engine, rm3), reported),
        "concatenation": (SessionConcatenation(joined), reported),
        "rewriter": (base.chosen(others), reported),
        "rewriter alone": (base.chosen(alone(others)), alone(reported)),
    }


def real_sessions(folder: Path, given: argparse.Namespace) -> Iterator[Outcome]:
    """Both ways of setting a base on one folder."""
    with TemporaryDirectory() as made:
        bench = OpenedCollection.load(str(with_histories(folder, Path(made))), given.engine)
    engine = open_engine(given.engine, bench.collection.corpus)
    split = next(name for name in ("dev", "train", "test") if bench.collection.topics.get(name))
    place = Place(bench, engine, tuple(typed_queries(bench.collection, split, 0, bench.index)))
    need_of = needs(folder)
    groups = [need_of[one.topic.topic_id] for one in place.topics]
    default, chosen = [], []
    for seed in range(given.seeds):
        base = BaseRewriter(place, given.steps, seed)
        default.append(in_default_blend(place, base))
        chosen.append(in_folds(place, base, groups))
        print(f"{folder.name}, seed {seed}: {chosen[-1]['rewriter'].mean():.4f} in folds", file=sys.stderr)
    yield outcome_of(folder.name, "default", place.topics, default)
    yield outcome_of(folder.name, "folds", place.topics, chosen)


def simulated_sessions(given: argparse.Namespace) -> Outcome:
    """Later queries of simulated users, searched by trained runs."""
    parts = []
    topics: tuple[TypedTopic, ...] = ()
    for seed, run in enumerate(given.runs):
        bench = OpenedCollection.load(given.simulated, given.engine)
        engine = open_engine(given.engine, bench.collection.corpus)
        topics = tuple(later_queries(bench, engine, given.split, given.sessions))
        place = Place(bench, engine, topics)
        system = RewriterSystem(stage_rewriter(latest_stage(run), bench.spelling, engine))
        systems: dict[str, tuple[System, Sequence[TypedTopic]]] = {
            "bm25": (Bm25(), topics),
            "rm3": (Rm3(engine), topics),
            "concatenation": (SessionConcatenation(), topics),
            "rewriter": (system, topics),
            "rewriter alone": (system, alone(topics)),
        }
        parts.append({name: place.values(one, seen) for name, (one, seen) in systems.items()})
        print(f"{run}, seed {seed}: {parts[-1]['rewriter'].mean():.4f}", file=sys.stderr)
    return outcome_of(f"{given.simulated}, simulated", "trained", topics, parts)


def later_queries(bench: OpenedCollection, engine: SearchEngine, split: str, sessions: int) -> list[TypedTopic]:
    """Distinct second to fourth queries of users with the split's needs, with what they typed before."""
    topics = bench.collection.topics[split]
    by_id = {topic.topic_id: topic for topic in topics}
    user = SimulatedUser.of(bench.collection, UserConfig(misspellings="test"), bench.index)
    found: dict[tuple[str, tuple[str, ...]], TypedTopic] = {}
    for session in simulate_sessions(topics, engine, user, sessions, seed=0):
        topic = by_id[str(session.turns[0].attributes[TOPIC_ATTRIBUTE])]
        typed = tuple(turn.query for turn in session.turns)
        for step in range(1, min(len(typed), 4)):
            key = (topic.topic_id, typed[: step + 1])
            own = replace(topic, topic_id=f"{topic.topic_id}/{len(found)}")
            found.setdefault(key, TypedTopic(own, typed[step], typed[:step]))
    return list(found.values())


def outcome_of(data: str, setting: str, topics: Sequence[TypedTopic], parts: Sequence[Values]) -> Outcome:
    """The mean over seeds, compared."""
    mean = {name: np.mean([part[name] for part in parts], axis=0) for name in parts[0]}
    later = np.array([bool(one.history) for one in topics])
    streams = iter(np.random.default_rng([0, 2]).spawn(2 * len(PAIRS)))

    def compared(chosen: NDArray[np.bool_]) -> tuple[Comparison, ...]:
        return tuple(
            compare(TopicValues(a, mean[a][chosen]), TopicValues(b, mean[b][chosen]), MEASURE, next(streams))
            for a, b in PAIRS
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
    """A block for each outcome."""
    for one in outcomes:
        print(f"{one.data}, {one.setting}: {one.n_queries} queries, {one.n_later} of them later ones; {MEASURE}")
        for name, mean in one.means.items():
            print(f"  {name:18}{mean:8.4f}{one.later_means[name]:10.4f}")
        for label, comparisons in (("all", one.comparisons), ("later", one.later_comparisons)):
            for found in comparisons:
                low, high = found.ci95
                gained = f"{found.difference:+.4f} [{low:+.4f}, {high:+.4f}] p={found.p:.4f}"
                print(f"  {label:6}{found.a} - {found.b:16}{gained}, harmed {found.harmed_share:.1%}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is named, print tables, and write JSON where asked."""
    parser = argparse.ArgumentParser(description="Whether a session's earlier queries help its later ones")
    parser.add_argument("--data", type=Path, nargs="+", default=[])
    parser.add_argument("--engine", choices=ENGINE_NAMES, default="tantivy")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=BaseConfig().steps)
    parser.add_argument("--simulated", metavar="SRC")
    parser.add_argument("--runs", type=Path, nargs="+", default=[])
    parser.add_argument("--split", default="dev")
    parser.add_argument("--sessions", type=int, default=2000)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args(arguments)
    set_up_torch()
    outcomes = []
    for folder in given.data:
        if (folder / "queries.jsonl").is_file():
            outcomes += real_sessions(folder, given)
        else:
            print(f"{folder} is left out: it holds no queries.jsonl", file=sys.stderr)
    if given.simulated and given.runs:
        outcomes.append(simulated_sessions(given))
    if not outcomes:
        print("Nothing to measure: name folders with --data, or --simulated and --runs.")
        return
    print_table(outcomes)
    if given.json:
        given.json.write_text(json.dumps([asdict(one) for one in outcomes], indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
