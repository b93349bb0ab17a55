"""The plot of a comparison of simulated with real sessions.

matplotlib is imported when a plot is drawn, and figures are made without pyplot, which would change global state.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from untilclick.search.errors import DataError, MissingDependencyError
from untilclick.search.users.realism.comparing import Comparison, Row
from untilclick.search.users.reformulation import Kind

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FORMATS = ("svg", "png", "pdf")
REAL = "#555555"
COLOURS = ("#c44e00", "#0072b2", "#009e73", "#cc79a7")
"""Of the simulated populations: of Okabe & Ito's palette, which colour-blind readers tell apart."""
MARKS = "osD^"


def check_plot_path(path: Path) -> None:
    """Raises DataError for a file name whose ending is not one of `FORMATS`."""
    if path.suffix.lstrip(".").lower() not in FORMATS:
        raise DataError.at(path, None, "is no plot file", f"Give a name that ends in .{', .'.join(FORMATS)}")


def draw_realism(comparisons: Mapping[str, Comparison], path: Path) -> None:
    """Draw populations of simulated users, by name, beside one real log.

    Above, a panel for each statistic: the real value with its interval, and a mark for each population. Below, the
    clicks by rank and the kinds of reformulation. Raises DataError as `check_plot_path` does, and
    MissingDependencyError without matplotlib.
    """
    check_plot_path(path)
    try:
        import matplotlib  # noqa: PLC0415
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ImportError as error:
        raise MissingDependencyError.of("matplotlib", "train") from error
    first = next(iter(comparisons.values()))
    figure = Figure(figsize=(10.0, 6.4), layout="constrained")
    grid = figure.add_gridspec(3, 4, height_ratios=(1.0, 1.0, 2.2))
    for place, row in enumerate(first.rows):
        axes = figure.add_subplot(grid[place // 4, place % 4])
        _draw_row(axes, row, [comparison.rows[place].simulated for comparison in comparisons.values()])
    ranks = [*map(str, range(1, len(first.real_ranks))), "more"]
    bars = {"real": first.real_ranks, **{name: each.simulated_ranks for name, each in comparisons.items()}}
    _draw_bars(figure.add_subplot(grid[2, :2]), "clicks by rank", ranks, bars)
    bars = {"real": first.real_kinds, **{name: each.simulated_kinds for name, each in comparisons.items()}}
    _draw_bars(figure.add_subplot(grid[2, 2:]), "kinds of reformulation", [kind.value for kind in Kind], bars)
    with matplotlib.rc_context({"svg.hashsalt": "realism"}):
        dated = {"Date": None} if path.suffix.lower() == ".svg" else {}
        figure.savefig(path, metadata=dated, dpi=120)


def _draw_row(axes: Axes, row: Row, simulated: list[float | None]) -> None:
    if row.by_session is not None:
        axes.plot([row.by_session.low, row.by_session.high], [0, 0], color=REAL, linewidth=5, alpha=0.35)
        axes.plot([row.by_session.value], [0], "|", color=REAL, markersize=16, markeredgewidth=2)
    for value, colour, mark in zip(simulated, COLOURS, MARKS, strict=False):
        if value is not None:
            axes.plot([value], [0], mark, color=colour, markersize=7)
    axes.set_title(row.label, fontsize=9, loc="left")
    axes.set_yticks([])
    axes.margins(x=0.15)
    axes.locator_params(axis="x", nbins=4)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "left", "right"]].set_visible(False)
    if row.verdict == "cannot say":
        axes.text(0.99, 0.95, "cannot say", transform=axes.transAxes, ha="right", va="top", fontsize=7, color=REAL)


def _draw_bars(axes: Axes, title: str, names: list[str], bars: Mapping[str, tuple[float, ...]]) -> None:
    x, width = np.arange(len(names)), 0.8 / len(bars)
    for place, (label, shares) in enumerate(bars.items()):
        colour = REAL if place == 0 else COLOURS[(place - 1) % len(COLOURS)]
        axes.bar(x + (place - (len(bars) - 1) / 2) * width, shares, width * 0.92, color=colour, label=label)
    axes.set_xticks(x, names, fontsize=8)
    axes.tick_params(labelsize=8)
    axes.set_title(title, fontsize=9, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8)
