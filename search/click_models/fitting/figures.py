"""What a fitted click model says of a session log: its parameters, and how well it predicts held-out lists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np

from untilclick.search.click_models.base import Probs, class_values
from untilclick.search.click_models.fitting.fit import ClickLog, FittedModel
from untilclick.search.click_models.fitting.measures import log_likelihood, perplexity
from untilclick.search.click_models.fitting.session_lists import SessionLists

_BY_PAIR = ("attractiveness", "satisfaction", "stop")
"""Parameters with one value per pair of query and document; the others belong to ranks or to the whole model."""

Parameter = float | tuple[float, ...] | tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class ModelFigures:
    """Figures of one fitted model."""

    log_likelihood: float | None
    """Mean log-likelihood of a rank of a held-out list, given the clicks above it; at most 0, higher is better. None
    without held-out lists."""
    perplexity: float | None
    """Mean perplexity of the ranks of held-out lists: 1 is a perfect prediction, 2 is as good as tossing a coin. None
    without held-out lists."""
    mean_attractiveness: float
    """Mean over all documents shown in training."""
    mean_satisfaction: float | None
    """Mean over all clicks in training of the probability that the click satisfied; None for models without
    satisfaction, and without clicks."""
    examination: tuple[float, ...]
    """By rank: probability that a searcher looks at the document there, mean over the training lists that reach the
    rank. The first rank has 1."""
    parameters: Mapping[str, Parameter]
    """The fitted parameters that do not belong to pairs of query and document, by name."""


def figures_of(model: FittedModel, lists: SessionLists) -> ModelFigures:
    """The figures of a model that was fitted to `lists.training`."""
    training, held_out = lists.training, lists.held_out
    shown = held_out.items >= 0  # (H, k)
    likelihood = log_likelihood(
        model.conditional_click_prob(held_out.items, held_out.clicked), held_out.clicked, shown
    )
    overall = perplexity(model.click_prob(held_out.items), held_out.clicked, shown).overall
    attractiveness = class_values(model.attractiveness, training.items)  # (N, k)
    return ModelFigures(
        log_likelihood=likelihood if shown.any() else None,
        perplexity=overall if shown.any() else None,
        mean_attractiveness=float(attractiveness[training.items >= 0].mean()),
        mean_satisfaction=_mean_satisfaction(model, training),
        examination=tuple(_examination(model, training).tolist()),
        parameters={field.name: getattr(model, field.name) for field in fields(model) if field.name not in _BY_PAIR},
    )


def click_rates(log: ClickLog) -> tuple[float, ...]:
    """Clicks per shown document, by rank."""
    shown = (log.items >= 0).sum(axis=0)  # (k,)
    return tuple((log.clicked.sum(axis=0) / np.maximum(shown, 1)).tolist())


def _mean_satisfaction(model: FittedModel, log: ClickLog) -> float | None:
    satisfaction: tuple[float, ...] | None = getattr(model, "satisfaction", None)
    if satisfaction is None or not log.clicked.any():
        return None
    return float(class_values(satisfaction, log.items)[log.clicked].mean())


def _examination(model: FittedModel, log: ClickLog) -> Probs:
    """(k,) A click is an examined document that attracts, so examination = P(click) / attractiveness. Fitted
    attractiveness is never 0 (`PRIOR_CLICKS`)."""
    shown = log.items >= 0  # (N, k)
    attractiveness = np.where(shown, class_values(model.attractiveness, log.items), 1.0)
    examined = np.where(shown, model.click_prob(log.items) / attractiveness, 0.0)  # (N, k)
    return np.asarray(examined.sum(axis=0) / np.maximum(shown.sum(axis=0), 1), dtype=np.float64)
