"""Tables about click models that were fitted to a session log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from rich.table import Table

from untilclick.app.terminal.terminal import plain_table

if TYPE_CHECKING:
    from untilclick.search.click_models.fitting.figures import ModelFigures

MODEL_COLUMNS = ("model", "log-likelihood", "perplexity", "attraction", "satisfaction", "goes on")


def models_table(figures: Mapping[str, ModelFigures]) -> Table:
    """A row for each model; the best log-likelihood and the best perplexity are bold, a dash stands for a parameter
    that the model lacks."""
    table = plain_table(MODEL_COLUMNS, "Prediction of held-out lists, and mean parameters")
    highest = max(_numbers(model.log_likelihood for model in figures.values()), default=None)
    lowest = min(_numbers(model.perplexity for model in figures.values()), default=None)
    for name, model in figures.items():
        continuation = model.parameters.get("continuation")
        table.add_row(
            name.upper(),
            _measure(model.log_likelihood, highest),
            _measure(model.perplexity, lowest),
            f"{model.mean_attractiveness:.3f}",
            "-" if model.mean_satisfaction is None else f"{model.mean_satisfaction:.3f}",
            f"{continuation:.3f}" if isinstance(continuation, float) else "-",
        )
    return table


def ranks_table(click_rates: Sequence[float], figures: Mapping[str, ModelFigures]) -> Table:
    """A row for each rank: clicks per shown document, and for each model the probability of a look at the rank."""
    title = "Probability that a searcher looks at a rank"
    table = plain_table(("rank", "click rate", *(name.upper() for name in figures)), title)
    for rank, click_rate in enumerate(click_rates, start=1):
        examination = (f"{model.examination[rank - 1]:.3f}" for model in figures.values())
        table.add_row(str(rank), f"{click_rate:.3f}", *examination)
    return table


def _numbers(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _measure(value: float | None, best: float | None) -> str:
    if value is None:
        return "-"
    return f"[bold]{value:.4f}[/bold]" if value == best else f"{value:.4f}"
