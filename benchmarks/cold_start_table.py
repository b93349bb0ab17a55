"""Figures, tables and the rule of `bench_cold_start`: systems without a search log against BM25 and the best rival.

The rule, for the untrained rewriter with both readings:

    balanced   its mean is at most MARGIN below that of the best rival, and it helps at least twice as many queries as
               it harms
    cautious   it harms fewer queries than a limit, and keeps a third of the balanced gain over BM25

Helped and harmed are by more than .05 nDCG@10 against BM25. The best rival is chosen on the reported queries, which
favours it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from untilclick.rewriter.evaluation.statistics import TIE_TOLERANCE, Comparison, TopicValues, compare
from untilclick.rewriter.evaluation.system_names import BASELINE
from untilclick.search.measures.metrics import HARM_MARGIN

from benchmarks.untrained_systems import RIVALS, name_of

Setting = str | int | bool | list[str] | None
NDCG, RECALL = "nDCG@10", "R@100"
MARGIN = 0.005
"""How far below the best rival the balanced rewriter may be."""
LEAST_RATIO = 2.0
"""Queries helped for each query harmed, at least."""
LEAST_KEPT = 1 / 3
"""Share of the balanced gain that the cautious rewriter keeps, at least."""


@dataclass(frozen=True)
class Trial:
    """All systems on one corpus."""

    corpus: str
    origin: dict[str, Setting]
    """Settings of the trial; a trial with other settings is refused."""
    split: str
    n_documents: int
    needs: list[int]
    """(n,) number of the need that each query states."""
    values: dict[str, dict[str, list[list[float]]]]
    """Measure -> system -> one list for each seed of its training, of which untrained systems have one; each has the
    measure of all queries, in the same order."""


@dataclass(frozen=True)
class Versus:
    """A system against a rival."""

    comparison: Comparison
    """Of means over seeds. The tests and intervals resample needs; `harmed_share` is the mean over seeds."""
    helped_share: float
    """Share of queries that gain more than .05 nDCG@10, mean over seeds."""


@dataclass(frozen=True)
class Figures:
    """One system on one corpus."""

    system: str
    ndcg: float
    """Mean over queries and seeds."""
    seeds: tuple[float, ...]
    """The same for each seed."""
    recall: float
    against_bm25: Versus | None
    """None for BM25."""
    against_best: Versus | None
    """None for the best rival."""


@dataclass(frozen=True)
class Row:
    """One corpus."""

    corpus: str
    origin: Mapping[str, Setting]
    chosen_here: bool
    """Whether the mixtures were found on this corpus, among others."""
    split: str
    n_documents: int
    n_queries: int
    n_needs: int
    best_rival: str
    figures: tuple[Figures, ...]

    def of(self, system: str) -> Figures | None:
        """The figures of a system; None if it was not measured."""
        return next((each for each in self.figures if each.system == system), None)


@dataclass(frozen=True)
class Verdict:
    """The rule on one corpus."""

    distance: float
    """Balanced - best rival, nDCG@10."""
    helped: float
    harmed: float
    """Shares of queries, balanced against BM25."""
    cautious_harmed: float
    kept: float
    """Share of balanced's gain over BM25 that cautious keeps; 1 if there is no such gain."""

    @property
    def balanced_passes(self) -> bool:
        """Whether the balanced rewriter keeps the rule."""
        return self.distance >= -MARGIN and self.helped >= LEAST_RATIO * self.harmed

    def cautious_passes(self, limit: float) -> bool:
        """Whether the cautious rewriter keeps the rule with this limit of harm, a share of queries."""
        return self.cautious_harmed < limit and self.kept >= LEAST_KEPT


def row_of(trial: Trial, *, chosen_here: bool) -> Row:
    """Summarise a trial."""
    values = {name: np.array(runs, dtype=np.float64) for name, runs in trial.values[NDCG].items()}  # (S, n) each
    needs = np.array(trial.needs, dtype=np.int64)  # (n,)
    best = max((name for name in RIVALS if name in values), key=lambda name: float(values[name].mean()))
    # Every comparison draws from a stream of its own, in the order of the systems.
    streams = iter(np.random.default_rng([0, 1]).spawn(2 * len(values)))

    def versus(name: str, rival: str) -> Versus | None:
        stream = next(streams)
        a, b = TopicValues(name, values[name].mean(axis=0)), TopicValues(rival, values[rival][0])
        return None if name == rival else _versus(compare(a, b, NDCG, stream, needs=needs), values[name] - b.values)

    figures = tuple(
        Figures(
            system=name,
            ndcg=float(runs.mean()),
            seeds=tuple(float(mean) for mean in runs.mean(axis=1)),
            recall=float(np.mean(trial.values[RECALL][name])),
            against_bm25=versus(name, BASELINE),
            against_best=versus(name, best),
        )
        for name, runs in values.items()
    )
    return Row(
        corpus=trial.corpus,
        origin=trial.origin,
        chosen_here=chosen_here,
        split=trial.split,
        n_documents=trial.n_documents,
        n_queries=needs.size,
        n_needs=int(np.unique(needs).size),
        best_rival=best,
        figures=figures,
    )


def _versus(comparison: Comparison, differences: NDArray[np.float64]) -> Versus:
    """The comparison with the mean shares of all seeds, from their differences (S, n)."""
    harmed, helped = (float((sign * differences > HARM_MARGIN + TIE_TOLERANCE).mean()) for sign in (-1, 1))
    return Versus(replace(comparison, harmed_share=harmed), helped)


def verdict_of(row: Row) -> Verdict | None:
    """The rule on one corpus; None if a rewriter that it is about was not measured."""
    rival, balanced, cautious = map(row.of, (row.best_rival, name_of("balanced"), name_of("cautious")))
    if rival is None or balanced is None or cautious is None:
        return None
    assert balanced.against_bm25 is not None
    assert cautious.against_bm25 is not None
    gain, small_gain = (each.against_bm25.comparison.difference for each in (balanced, cautious) if each.against_bm25)
    return Verdict(
        distance=balanced.ndcg - rival.ndcg,
        helped=balanced.against_bm25.helped_share,
        harmed=balanced.against_bm25.comparison.harmed_share,
        cautious_harmed=cautious.against_bm25.comparison.harmed_share,
        kept=small_gain / gain if gain > 0 else 1.0,
    )


def print_figures(rows: Sequence[Row]) -> None:
    """Print one line for each system of each corpus. A star marks the corpora that mixtures were found on."""
    against = "difference, 95 % interval, p       helped, harmed"
    print(f"{'':24}{NDCG:>8}{RECALL:>7}  against BM25: {against:52}against the best of the rivals")
    for row in rows:
        star = "*" if row.chosen_here else ""
        sizes = f"{row.n_documents:,} documents, {row.n_queries} queries of {row.split}, {row.n_needs} needs"
        print(f"-- {row.corpus}{star}: {sizes}; best rival {row.best_rival}")
        for each in row.figures:
            spread = f"  seeds {min(each.seeds):.3f}-{max(each.seeds):.3f}" if len(each.seeds) > 1 else ""
            print(
                f"{each.system:24}{each.ndcg:8.3f}{each.recall:7.3f}  {_shown(each.against_bm25):66}"
                f"{_shown(each.against_best)}{spread}".rstrip()
            )


def _shown(versus: Versus | None) -> str:
    if versus is None:
        return ""
    each = versus.comparison
    gain = f"{each.difference:+.3f} [{each.ci95[0]:+.3f}, {each.ci95[1]:+.3f}] p={each.p:.4f}"
    return f"{gain:36}{versus.helped_share:7.1%}{each.harmed_share:7.1%}"


def print_rule(rows: Sequence[Row], limit: float) -> None:
    """Print whether each corpus keeps the rule, with this limit of harm; nothing if the rewriters that it is about
    were not measured."""
    verdicts = [(row, verdict) for row in rows if (verdict := verdict_of(row)) is not None]
    if not verdicts:
        return
    print(
        f"\n{'rule':24}{'balanced - best rival':>22}{'helped, harmed':>16}{'':8}{'cautious: kept':>16}{'harmed':>8}"
    )
    for row, verdict in verdicts:
        words = [
            "kept" if passes else "MISSED" for passes in (verdict.balanced_passes, verdict.cautious_passes(limit))
        ]
        name = row.corpus + ("*" if row.chosen_here else "")
        print(
            f"{name:24}{verdict.distance:+22.3f}{verdict.helped:9.1%}{verdict.harmed:7.1%}  {words[0]:6}"
            f"{verdict.kept:16.2f}{verdict.cautious_harmed:8.1%}  {words[1]}"
        )
    mean = fmean(verdict.distance for _, verdict in verdicts)
    print(f"{'mean':24}{mean:+22.3f}")
