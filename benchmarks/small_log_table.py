"""The figures of `bench_small_logs`: rows over the draws of a size, their table and their plot."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from untilclick.rewriter.evaluation.statistics import Comparison, TopicValues, compare
from untilclick.search.measures.metrics import HARM_MARGIN

from benchmarks.small_log_draw import CAUTIOUS, FORCED, GATED, MEASURE, TYPED, UNTRAINED, Outcome

MEAN_BOUND, WORST_BOUND = -0.005, -0.015
"""What answers may be below the untrained rewriter by so much: the mean over all draws, and the worst draw."""
CLEARLY_BETTER = 0.01
"""A draw in which what was learned leads by so much shows whether the gate lets anything through."""
ROUNDING = 1e-9
SUBSETS: Mapping[str, Callable[[Outcome], NDArray[np.bool_]]] = {
    "all": lambda outcome: np.ones(len(outcome.needs), dtype=np.bool_),
    "other needs": lambda outcome: np.array(outcome.apart, dtype=np.bool_),
}
"""Queries that judge: all, and those that share no need with the log."""
LEARNED = (FORCED, CAUTIOUS, GATED)


@dataclass(frozen=True)
class Row:
    """All draws of a size, on some of the queries that judge."""

    size: int
    """Needs of a log."""
    subset: str
    n_draws: int
    """Draws times seeds."""
    n_queries: float
    """Queries that judge a draw, on average."""
    n_needs: int
    """Needs that judge, of all draws together."""
    means: Mapping[str, float]
    """System -> mean over the draws."""
    against_untrained: Mapping[str, tuple[float, ...]]
    """System -> its mean less that of the untrained rewriter in each draw and seed."""
    worst: Mapping[str, float]
    """System -> the lowest mean over seeds of these, of all draws."""
    harmed: Mapping[str, float]
    """System -> share of the queries that it ranks worse than as typed by more than `HARM_MARGIN`, 0..1."""
    comparisons: tuple[Comparison, ...]
    """Gated and forced against the untrained rewriter, each query by its mean over draws and seeds."""
    taken: float
    """Share of the draws in which something learned answers, 0..1."""
    n_better: int
    """Draws in which what was learned leads by `CLEARLY_BETTER`."""
    taken_of_better: int
    """Those of them in which something learned answers."""
    seconds: float
    """Training and proof of a draw, on average, in processor time."""

    @property
    def difference(self) -> float:
        """Mean of what answers less that of the untrained rewriter."""
        return self.means[GATED] - self.means[UNTRAINED]

    @property
    def faults(self) -> tuple[str, ...]:
        """The bounds that are broken."""
        bounds = {
            "mean": self.difference < MEAN_BOUND - ROUNDING,
            "worst draw": self.worst[GATED] < WORST_BOUND - ROUNDING,
            "harmed": self.harmed[GATED] > self.harmed[UNTRAINED] + ROUNDING,
        }
        return tuple(name for name, broken in bounds.items() if broken)


def rows_of(size: int, outcomes: Sequence[Outcome]) -> Iterator[Row]:
    """The rows of the draws of one size; a subset without queries, or with all of them, has none of its own."""
    yield _row(size, "all", outcomes)
    parts = [SUBSETS["other needs"](outcome) for outcome in outcomes]
    if all(part.any() for part in parts) and not all(part.all() for part in parts):
        yield _row(size, "other needs", outcomes)


def _row(size: int, subset: str, outcomes: Sequence[Outcome]) -> Row:
    chosen = [SUBSETS[subset](outcome) for outcome in outcomes]
    values = [
        {name: np.array(of_system)[part] for name, of_system in outcome.values.items()}
        for outcome, part in zip(outcomes, chosen, strict=True)
    ]
    gains = {name: tuple(float((each[name] - each[UNTRAINED]).mean()) for each in values) for name in LEARNED}
    better = [gain >= CLEARLY_BETTER for gain in gains[FORCED]]
    numbers = [outcome.draw for outcome in outcomes]
    needs = {need for outcome, part in zip(outcomes, chosen, strict=True) for need in np.array(outcome.needs)[part]}
    return Row(
        size=size,
        subset=subset,
        n_draws=len(outcomes),
        n_queries=fmean(int(part.sum()) for part in chosen),
        n_needs=len(needs),
        means={name: fmean(float(each[name].mean()) for each in values) for name in values[0]},
        against_untrained=gains,
        worst={name: _worst(numbers, gain) for name, gain in gains.items()},
        harmed={name: fmean(_harmed(each[name], each[TYPED]) for each in values) for name in values[0]},
        comparisons=tuple(_compared(name, outcomes, chosen) for name in (GATED, FORCED)),
        taken=fmean(outcome.taken for outcome in outcomes),
        n_better=sum(better),
        taken_of_better=sum(outcome.taken for outcome, each in zip(outcomes, better, strict=True) if each),
        seconds=fmean(outcome.training_seconds + outcome.proof_seconds for outcome in outcomes),
    )


def _worst(draws: Sequence[int], gains: Sequence[float]) -> float:
    """The lowest mean of the gains of a draw."""
    by_draw: defaultdict[int, list[float]] = defaultdict(list)
    for draw, gain in zip(draws, gains, strict=True):
        by_draw[draw].append(gain)
    return min(map(fmean, by_draw.values()))


def _harmed(values: NDArray[np.float64], typed: NDArray[np.float64]) -> float:
    return float((values < typed - HARM_MARGIN - ROUNDING).mean())


def _compared(system: str, outcomes: Sequence[Outcome], chosen: Sequence[NDArray[np.bool_]]) -> Comparison:
    """A system against the untrained rewriter; each query counts once, by its mean over draws and seeds."""
    differences: defaultdict[str, list[float]] = defaultdict(list)
    need_of: dict[str, int] = {}
    for outcome, part in zip(outcomes, chosen, strict=True):
        own, others = outcome.values[system], outcome.values[UNTRAINED]
        for query, need, a, b, in_part in zip(outcome.query_ids, outcome.needs, own, others, part, strict=True):
            if in_part:
                differences[query].append(a - b)
                need_of[query] = need
    mean = np.array([fmean(of_query) for of_query in differences.values()])  # (queries,)
    needs = np.array([need_of[query] for query in differences], dtype=np.int64)
    rng = np.random.default_rng([0, 20])
    zeros = TopicValues(UNTRAINED, np.zeros(mean.size))
    return compare(TopicValues(system, mean), zeros, MEASURE, rng, needs=needs)


def print_rows(name: str, rows: Sequence[Row]) -> None:
    """Print a line for each row, and whether the bounds hold; then the comparisons."""
    print(f"{name}: {MEASURE}; forced, cautious and gated: less untrained (worst draw)")
    harmed_by = (UNTRAINED, FORCED, GATED)
    print(
        f"{'needs':>6} {'judged by':12}{'queries':>8}{'needs':>6}{'typed':>8}{'untrained':>10}"
        + "".join(f"{each:>18}" for each in LEARNED)
        + f"{'harmed: untr., forced, gated':>30}{'taken':>7}{'if better':>10}{'CPU s':>7}  bounds"
    )
    for row in rows:
        gains = (f"{row.means[each] - row.means[UNTRAINED]:+.4f} ({row.worst[each]:+.3f})" for each in LEARNED)
        harmed = " ".join(f"{row.harmed[each]:.1%}" for each in harmed_by)
        print(
            f"{row.size:6} {row.subset:12}{row.n_queries:8.0f}{row.n_needs:6}{row.means[TYPED]:8.4f}"
            f"{row.means[UNTRAINED]:10.4f}"
            + "".join(f"{each:>18}" for each in gains)
            + f"{harmed:>30}{row.taken:7.0%}{f'{row.taken_of_better}/{row.n_better}':>10}{row.seconds:7.0f}  "
            + (f"broken: {', '.join(row.faults)}" if row.faults else "hold")
        )
    for row in rows:
        for pair in row.comparisons:
            low, high = pair.ci95
            interval = f"[{low:+.4f}, {high:+.4f}] p={pair.p:.4f}"
            against = f"{pair.a} - {pair.b}: {pair.difference:+.4f} {interval}"
            print(f"  {row.size} needs, {row.subset}: {against}, {pair.n} queries of {pair.n_needs} needs")


def plot(rows: Sequence[Row], path: Path, name: str) -> None:
    """Plot forced and gated, as differences to the untrained rewriter, by the needs of the log; each draw is a point.
    All queries judge."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axis = figure.subplots()
    of_all = [row for row in rows if row.subset == "all"]
    sizes = [row.size for row in of_all]
    for system, colour, shift in ((FORCED, "tab:red", 0.97), (GATED, "tab:blue", 1.03)):
        gains = [row.against_untrained[system] for row in of_all]
        axis.plot(sizes, list(map(fmean, gains)), marker="o", color=colour, label=system)
        for size, of_draws in zip(sizes, gains, strict=True):
            axis.plot([size * shift] * len(of_draws), of_draws, ".", color=colour, alpha=0.4, markersize=4)
    axis.axhline(0.0, color="0.4", linewidth=0.9)
    axis.axhline(WORST_BOUND, color="0.6", linestyle=":", label="bound of the worst draw")
    axis.set_xscale("log")
    axis.set_xticks(sizes, [str(size) for size in sizes], minor=False)
    axis.minorticks_off()
    axis.set_xlabel("information needs in the log")
    axis.set_ylabel(f"{MEASURE} less untrained")
    axis.set_title(name, fontsize=10, loc="left")
    axis.legend(frameon=False)
    figure.savefig(path, dpi=110)
