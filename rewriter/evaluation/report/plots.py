"""The plots of the report as inline SVG.

Only this module uses matplotlib, and imports it when a plot is drawn. Figures are made without pyplot, which would
change global state. Text stays text. Colours are CSS variables of the page (`--ink`, `--win`, ...), so that one
picture serves the light theme, the dark theme and print."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from untilclick.search.errors import MissingDependencyError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, MUTED, GRID, BASE, ACCENT, WIN, LOSS = (f"#0{i}0{i}0{i}" for i in range(1, 8))
"""Placeholders that no plot would use as colours; `_as_inline_svg` replaces them by the page's variables."""

_VARIABLES = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    GRID: "var(--line)",
    BASE: "var(--base)",
    ACCENT: "var(--accent)",
    WIN: "var(--win)",
    LOSS: "var(--loss)",
}

SMOOTHING = 25
"""A smoothed curve averages over windows of 1/25 of its points."""

MOST_BARS = 400
"""With more topics than this, gains are drawn as one filled curve instead of bars."""


@dataclass(frozen=True)
class Interval:
    """One row of a forest plot."""

    label: str
    value: float
    """Where the dot is drawn."""
    low: float
    """Lower end of the interval."""
    high: float
    """Upper end of the interval."""


@dataclass(frozen=True)
class ClickedAt:
    """One system's sessions by the query that got the first click."""

    label: str
    counts: Sequence[int]
    """Sessions first clicked at query 1, 2, ...; the last entry counts sessions without a click."""


@dataclass(frozen=True, eq=False)
class Curve:
    """One metric of a training run over its rounds."""

    title: str
    steps: NDArray[np.float64]
    """(n,) rounds."""
    values: NDArray[np.float64]
    """(n,) the metric in these rounds."""
    sparse: bool = False
    """Whether only some rounds have a value: drawn as dots joined by a line, without smoothing."""
    level: float | None = None
    """A value to compare with, drawn as a dashed line; None draws none."""


def forest_plot(rows: Sequence[Interval], x_label: str) -> str:
    """Differences with their intervals, one row each, the first on top; a vertical line marks zero."""
    figure = _figure(8.4, 0.7 + 0.34 * max(len(rows), 1))
    axes = figure.subplots()
    for y, row in enumerate(reversed(rows)):
        colour = WIN if row.low > 0 else LOSS if row.high < 0 else MUTED
        axes.plot([row.low, row.high], [y, y], color=colour, linewidth=2.4, solid_capstyle="round")
        axes.plot([row.value], [y], "o", color=colour, markersize=6.5)
    axes.axvline(0, color=INK, linewidth=0.9)
    axes.set_yticks(range(len(rows)), [row.label for row in reversed(rows)])
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_xlabel(x_label)
    _plain(axes, grid="x")
    axes.tick_params(axis="y", labelsize=10, labelcolor=INK)
    axes.spines["left"].set_visible(False)
    return _as_inline_svg(figure, "forest", "Differences between systems with 95 % intervals")


def gain_bars(gains: NDArray[np.float64], y_label: str) -> str:
    """Gain of each topic (n,), sorted, largest first: topics above the line won, topics below it lost."""
    figure = _figure(8.4, 2.9)
    axes = figure.subplots()
    ordered = np.sort(gains)[::-1]  # (n,)
    x = np.arange(1, ordered.size + 1)  # (n,)
    if ordered.size > MOST_BARS:
        axes.fill_between(x, ordered, 0, where=ordered > 0, color=WIN, linewidth=0, step="mid")
        axes.fill_between(x, ordered, 0, where=ordered < 0, color=LOSS, linewidth=0, step="mid")
    else:
        axes.bar(x, ordered, width=0.86, color=[WIN if gain > 0 else LOSS for gain in ordered], linewidth=0)
    axes.axhline(0, color=INK, linewidth=0.9)
    axes.set_xlim(0.25, max(ordered.size, 1) + 0.75)
    bound = max(0.1, 1.08 * float(np.abs(ordered).max(initial=0.0)))  # symmetric, so that zero is in the middle
    axes.set_ylim(-bound, bound)
    axes.set_xlabel("topics, sorted by gain")
    axes.set_ylabel(y_label)
    _plain(axes, grid="y")
    return _as_inline_svg(figure, "gains", "Gain of every topic, sorted")


def clicked_at_bars(before: ClickedAt, after: ClickedAt) -> str:
    """Share of sessions by the query that got the first click, two systems side by side; both have as many counts."""
    figure = _figure(8.4, 2.9)
    axes = figure.subplots()
    x = np.arange(len(before.counts))  # (queries + 1,)
    for system, offset, colour in ((before, -0.2, BASE), (after, 0.2, ACCENT)):
        shares = 100.0 * np.asarray(system.counts, dtype=np.float64) / max(sum(system.counts), 1)
        bars = axes.bar(x + offset, shares, width=0.38, color=colour, linewidth=0, label=system.label)
        texts = [f"{share:.0f}" if share >= 0.5 else "" for share in shares]
        axes.bar_label(bars, texts, fontsize=9, color=MUTED, padding=2)
    axes.set_xticks(x, [*(f"query {n}" for n in range(1, len(before.counts))), "never"])
    axes.set_ylabel("% of sessions")
    axes.margins(y=0.14)
    axes.legend(frameon=False, labelcolor=INK, fontsize=10)
    _plain(axes, grid="y")
    return _as_inline_svg(figure, "clicked", "Sessions by the query that got the first click")


def training_curves(curves: Sequence[Curve]) -> str:
    """One small panel per curve, three in a row: raw values pale, their running mean strong."""
    rows = -(-len(curves) // 3)
    figure = _figure(8.4, 2.0 * max(rows, 1))
    grid = figure.subplots(max(rows, 1), 3, squeeze=False)
    for axes, curve in zip(grid.flat, curves, strict=False):
        _draw_curve(axes, curve)
    for axes in grid.flat[len(curves) :]:
        axes.set_visible(False)
    return _as_inline_svg(figure, "training", "Training curves")


def running_mean(values: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    """(n,) mean over the last `window` values, over fewer at the start. [1, 3, 5] with 2 gives [1, 2, 4]."""
    sums = np.cumsum(np.concatenate([[0.0], values]))  # (n + 1,) sums[i] is the sum of the first i values
    ends = np.arange(1, values.size + 1)  # (n,)
    starts = np.maximum(ends - window, 0)  # (n,)
    return np.asarray((sums[ends] - sums[starts]) / (ends - starts), dtype=np.float64)


def _draw_curve(axes: Axes, curve: Curve) -> None:
    if curve.sparse:
        axes.plot(curve.steps, curve.values, "o-", color=ACCENT, linewidth=1.4, markersize=3.2)
    else:
        axes.plot(curve.steps, curve.values, color=BASE, linewidth=0.8, alpha=0.6)
        smooth = running_mean(curve.values, max(1, curve.values.size // SMOOTHING))
        axes.plot(curve.steps, smooth, color=ACCENT, linewidth=1.8)
    if curve.level is not None:
        axes.axhline(curve.level, color=INK, linewidth=1.0, linestyle="--")
    axes.set_title(curve.title, fontsize=10, color=INK, loc="left")
    axes.locator_params(nbins=4)
    _plain(axes, grid="y")


def _figure(width: float, height: float) -> Figure:
    """An empty figure of this size in inches, made without pyplot."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependencyError.of("matplotlib", "train") from error
    figure = Figure(figsize=(width, height), layout="constrained")
    figure.patch.set_alpha(0.0)
    return figure


def _plain(axes: Axes, grid: str) -> None:
    """Style axes quietly: no box, a pale grid along one axis, small muted labels."""
    axes.patch.set_alpha(0.0)
    axes.set_axisbelow(True)
    axes.grid(axis="x" if grid == "x" else "y", color=GRID, linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GRID)
    axes.tick_params(colors=MUTED, length=0, labelsize=9)
    axes.xaxis.label.set(color=MUTED, fontsize=9.5)
    axes.yaxis.label.set(color=MUTED, fontsize=9.5)


def _as_inline_svg(figure: Figure, name: str, description: str) -> str:
    """The figure as one `<svg>` element; the same figure gives the same bytes.

    `name` becomes a prefix of all ids, so that two plots on one page share none.
    """
    import matplotlib

    page = StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(page, format="svg", metadata={"Date": None, "Creator": None})
    svg = page.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"font-family: [^;\"]*;? ?", "", svg)
    svg = re.sub(r'(id="|href="#|url\(#)', rf"\g<1>{name}-", svg)
    svg = re.sub(r'<svg ([^>]*?)width="[^"]*"', r"<svg \1", svg, count=1)
    svg = re.sub(r'<svg ([^>]*?)height="[^"]*"', r"<svg \1", svg, count=1)
    for placeholder, variable in _VARIABLES.items():
        svg = svg.replace(placeholder, variable)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{description}" ', 1)
