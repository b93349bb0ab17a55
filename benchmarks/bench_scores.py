"""Compares ways to learn scores of documents on equal information: the same log, users, candidates and encoder.

    python -m benchmarks.bench_scores --data FOLDER [--seeds N] [--learn-from clicks|judgments] [--rounds N]
                                      [--lists N] [--epochs N] [--learning-rate X] [--out DIR] [--json FILE]

FOLDER has queries with judgments in `train`, on which scores are learned, and in `dev`, on which they are judged. All
methods rank the same candidates by BM25 and MiniLM; those that are trained have the same scorer, with an adapter on
the query's side and an offset for each document. Users examine ten documents (DBN, `navigational`).

    a   the log alone: four lists of BM25 a query. The policy gradient is paid by the log's clicks per showing
    b   the log, then rounds in which each method shows lists drawn from its own scores and is trained again on all
        that it has seen; the policy gradient, which is on policy, on the lists of the round
    c   the supervised methods on the log and the very lists that the policy gradient showed

The policy gradient is PPO on Plackett-Luce lists with the KL to its start; a click counts 1 / log2(1 + rank), because
no session here has a second query. Trained methods make as many optimiser steps in each table. Round and rival are
picked on one half of the dev needs and measured on the other, and the other way round. Intervals and p resample
needs, of means over seeds. `detectable` is the difference that would have been found in 80 % of trials: 2.8 standard
errors.
From judgments, gains are the grades of all candidates, so that showing lists adds nothing: only table a is made.
Tables are printed and written after each seed.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from untilclick.rewriter.evaluation.statistics import TopicValues, compare
from untilclick.search.click_models.by_name import click_model

from benchmarks.score_ground import DEPTH, ClickOracle, Floats, Ground, Scorer, open_ground
from benchmarks.score_methods import (
    Evidence,
    Shown,
    drawn_lists,
    fit,
    fit_policy,
    fused_scores,
    similar_scores,
    supervised_losses,
    untrained,
)

LOGGED = 4
POLICY = "policy gradient"
PICKED = "picked rival"
DETECTABLE, INTERVAL = 2.8, 3.92
"""Standard errors of a difference found in 80 % of trials, and in the width of a 95 % interval."""


@dataclass
class Run:
    """A method in one table with one seed."""

    measured: list[tuple[Floats, Floats]] = field(default_factory=list)
    """nDCG@10 and R@100 (P,) each, at the start and after each round."""
    seconds: float = 0.0
    shown: int = 0
    """Lists beyond the log that taught it."""


@dataclass(frozen=True)
class Row:
    """A method in a table, mean over seeds."""

    method: str
    ndcg: float
    recall: float
    less: float
    """nDCG@10 of the policy gradient less that of the method."""
    ci95: tuple[float, float]
    p: float
    detectable: float
    seconds: float
    shown: float


class Trial:
    """All tables of one seed."""

    def __init__(self, ground: Ground, grades: NDArray[np.int64], options: argparse.Namespace, seed: int) -> None:
        self._ground, self._options, self._seed = ground, options, seed
        self._judged = torch.from_numpy(grades).float() if options.learn_from == "judgments" else None
        self._oracle = ClickOracle(grades, click_model("dbn", "navigational", max(1, int(grades.max()))))
        self._log = self._logged()
        self._losses = supervised_losses()
        self._policy_lists: list[tuple[Tensor, Tensor]] = []

    def tables(self) -> dict[str, dict[str, Run]]:
        """The runs of each table."""
        tables = {"a": {POLICY: self._policy(own=False)}}
        for name in self._losses:
            tables["a"][name] = self._supervised(name, "a")
        tables["a"] |= self._without_training([])
        if self._judged is None:
            tables["b"] = {POLICY: self._policy(own=True)}
            tables["b"] |= {name: self._supervised(name, "b") for name in self._losses}
            tables["c"] = {POLICY: tables["b"][POLICY]}
            tables["c"] |= {name: self._supervised(name, "c") for name in self._losses}
            tables["c"] |= self._without_training(self._policy_lists)
        return tables

    def _logged(self) -> list[tuple[Tensor, Tensor]]:
        """The lists of BM25, shown LOGGED times to every query, with their clicks."""
        rng = np.random.default_rng([self._seed, 0])
        lists = self._ground.train.words.topk(DEPTH, 1).indices
        return [(lists, self._clicks(lists, rng)) for _ in range(LOGGED)]

    def _clicks(self, lists: Tensor, rng: np.random.Generator) -> Tensor:
        return torch.from_numpy(self._oracle.clicks(lists.numpy(), rng)).float()

    def _shown(self, scorer: Scorer, number: int) -> list[tuple[Tensor, Tensor]]:
        """The lists of a round from a scorer's present scores, with clicks; all methods have the same random
        numbers."""
        rng = np.random.default_rng([self._seed, 1, number])
        generator = torch.Generator().manual_seed(1_000 * self._seed + number)
        scores = scorer.all_scores(self._ground.train)
        lists = torch.cat([drawn_lists(part, self._options.lists, generator) for part in scores.split(256)])
        return [(each, self._clicks(each, rng)) for each in lists.unbind(1)]

    def _gains(self, lists: list[tuple[Tensor, Tensor]]) -> Tensor:
        """(P, C) of the log and further lists; the grades if learning is from judgments."""
        if self._judged is not None:
            return self._judged
        evidence = Evidence(self._ground.train.words.shape)
        for shown, clicks in [*self._log, *lists]:
            evidence.add(shown, clicks)
        return evidence.gains()

    def _start(self) -> tuple[Scorer, torch.optim.Optimizer, Run]:
        torch.manual_seed(self._seed)
        scorer = Scorer(self._ground.documents)
        optimiser = torch.optim.Adam(scorer.parameters(), lr=self._options.learning_rate)
        return scorer, optimiser, Run([self._measured(scorer)])

    def _measured(self, scorer: Scorer) -> tuple[Floats, Floats]:
        return self._ground.measured(scorer.all_scores(self._ground.dev))

    def _supervised(self, name: str, table: str) -> Run:
        """Train a supervised method; round 0 is that of the log alone."""
        scorer, optimiser, run = self._start()
        seen: list[tuple[Tensor, Tensor]] = []
        for number in range(self._options.rounds + 1):
            started = time.perf_counter()
            if table == "b" and number:
                seen += self._shown(scorer, number)
            if table == "c":
                seen = self._policy_lists[: number * self._options.lists]
            fit(self._losses[name], scorer, self._ground.train, self._gains(seen), optimiser, self._options.epochs)
            run.seconds += time.perf_counter() - started
            run.measured.append(self._measured(scorer))
        run.shown = len(seen) * len(self._ground.train)
        return run

    def _policy(self, *, own: bool) -> Run:
        """Train the policy gradient. Without own lists, and in round 0, drawn lists are shown to nobody: they are
        paid by the gains of the log."""
        scorer, optimiser, run = self._start()
        reference = scorer.all_scores(self._ground.train)
        for number in range(self._options.rounds + 1):
            started = time.perf_counter()
            shown = self._shown(scorer, number)
            lists = torch.stack([each for each, _ in shown], 1)  # (P, G, L)
            if own and number:
                rewards = torch.stack([clicks for _, clicks in shown], 1)
                self._policy_lists += shown
                run.shown += len(shown) * len(self._ground.train)
            else:
                rewards = self._gains([])[:, None].expand(-1, lists.shape[1], -1).gather(2, lists)
            paid = Shown(lists, rewards, reference)
            fit_policy(scorer, self._ground.train, paid, optimiser, self._options.epochs)
            run.seconds += time.perf_counter() - started
            run.measured.append(self._measured(scorer))
        return run

    def _without_training(self, lists: list[tuple[Tensor, Tensor]]) -> dict[str, Run]:
        """What needs no training, from the log and further lists."""
        ground, started = self._ground, time.perf_counter()
        both = untrained(ground.dev, ground.documents)
        similar = similar_scores(ground.dev, ground.train, self._gains(lists), ground.documents)
        seconds = time.perf_counter() - started
        cosines = both - 10.0 * ground.dev.words  # the other part of the untrained sum
        fused = fused_scores([ground.dev.words, cosines, similar - both])
        shown = len(lists) * len(ground.train)
        return {
            "clicks of similar queries": Run([ground.measured(similar)], seconds, shown),
            "reciprocal-rank fusion": Run([ground.measured(fused)], seconds, shown),
            "BM25 + encoder, untrained": Run([ground.measured(both)], 0.0, 0),
        }


def halves_of(needs: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(P,) whether a query is in the first half of the needs."""
    names = np.unique(needs)
    first = np.random.default_rng(0).permutation(names)[: len(names) // 2]
    return np.isin(needs, first)


def crossed(values: Mapping[str, tuple[Floats, Floats]], half: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """(P,) nDCG@10 and R@100 each: on each half those of the entry that has the highest nDCG@10 on the other.

    Of equal entries the first is taken."""
    chosen = [np.empty(half.size), np.empty(half.size)]
    for side in (half, ~half):
        best = max(values, key=lambda name: float(values[name][0][~side].mean()))
        for of_chosen, of_best in zip(chosen, values[best], strict=True):
            of_chosen[side] = of_best[side]
    return chosen[0], chosen[1]


def rows_of(runs: list[dict[str, Run]], needs: NDArray[np.int64]) -> list[Row]:
    """The rows of a table from the runs of all seeds."""
    half = halves_of(needs)
    by_round = {name: _mean_rounds([each[name] for each in runs]) for name in runs[0]}
    values = {name: crossed(rounds, half) for name, rounds in by_round.items()}
    rivals = {
        f"{name} {number}": each
        for name, rounds in by_round.items()
        if name != POLICY
        for number, each in rounds.items()
    }
    values[PICKED] = crossed(rivals, half)
    return [_row(name, values, [each.get(name, Run()) for each in runs], needs) for name in values]


def _mean_rounds(runs: list[Run]) -> dict[str, tuple[Floats, Floats]]:
    """Round -> means over seeds."""
    stacked = np.array([run.measured for run in runs]).mean(0)  # (rounds, 2, P)
    return {str(number): (each[0], each[1]) for number, each in enumerate(stacked)}


def _row(name: str, values: Mapping[str, tuple[Floats, Floats]], runs: list[Run], needs: NDArray[np.int64]) -> Row:
    ndcg, recall = values[name]
    result = compare(
        TopicValues(POLICY, values[POLICY][0]),
        TopicValues(name, ndcg),
        "nDCG@10",
        np.random.default_rng(0),
        needs=needs,
    )
    low, high = result.ci95
    return Row(
        name,
        float(ndcg.mean()),
        float(recall.mean()),
        result.difference,
        (low, high),
        result.p,
        DETECTABLE * (high - low) / INTERVAL,
        float(np.mean([run.seconds for run in runs])),
        float(np.mean([run.shown for run in runs])),
    )


def print_table(name: str, rows: list[Row], seeds: int) -> None:
    """Print a table."""
    print(f"\n({name}) {seeds} seeds\n{'':27}{'nDCG@10':>8}{'R@100':>7}{'PG less it':>11}", end="")
    print(f"{'interval':>18}{'p':>7}{'detectable':>11}{'s':>7}{'shown':>9}")
    for row in rows:
        interval = f"[{row.ci95[0]:+.4f}, {row.ci95[1]:+.4f}]"
        print(f"{row.method:27}{row.ndcg:8.4f}{row.recall:7.3f}{row.less:+11.4f}{interval:>18}", end="")
        print(f"{row.p:7.3f}{row.detectable:11.4f}{row.seconds:7.1f}{row.shown:9.0f}", flush=True)


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description="Ways to learn scores of documents, on equal information")
    parser.add_argument("--data", required=True, help="a judged collection in BEIR layout with `train` and `dev`")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--learn-from", choices=("clicks", "judgments"), default="clicks")
    parser.add_argument("--rounds", type=int, default=6, help="rounds of own lists")
    parser.add_argument("--lists", type=int, default=4, help="lists a query and round, 2 or more")
    parser.add_argument("--epochs", type=int, default=2, help="passes over the training queries a round")
    parser.add_argument("--learning-rate", type=float, default=5e-4)
    parser.add_argument("--out", type=Path, help="folder of the documents' vectors; default: the cache")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    ground, grades = open_ground(options.data, options.out)
    ideal = ground.measured(torch.from_numpy(ground.grades).float())
    n_needs = np.unique(ground.needs).size
    print(f"{len(ground.train)} training queries, {len(ground.dev)} dev queries of {n_needs} needs")
    print(f"the candidates in the best order: nDCG@10 {ideal[0].mean():.4f}, R@100 {ideal[1].mean():.3f}", flush=True)
    trials: list[dict[str, dict[str, Run]]] = []
    for seed in range(options.seeds):
        trials.append(Trial(ground, grades, options, seed).tables())
        tables = {name: rows_of([each[name] for each in trials], ground.needs) for name in trials[0]}
        for name, rows in tables.items():
            print_table(name, rows, len(trials))
        if options.json is not None:
            record = {
                "options": {key: value for key, value in vars(options).items() if key not in ("out", "json")},
                "seeds": len(trials),
                "tables": {name: [asdict(row) for row in rows] for name, rows in tables.items()},
            }
            options.json.write_text(json.dumps(record, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
