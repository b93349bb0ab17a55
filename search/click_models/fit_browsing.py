"""Expectation maximisation for models in which a click is attraction times examination: PBM and UBM.

Both see a click with probability a_i g_c, where i is the item and c the context that decides examination (the rank,
or the rank and that of the last click). Lists therefore count only through how often each (item, context) was shown
and clicked, which makes a step cost the number of different cells, not the length of the log.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from untilclick.search.click_models.base import PRIOR_CLICKS, PRIOR_VIEWS, Items, Mask, Probs


class Cells(NamedTuple):
    """How often each pair of item and context was shown and clicked; all (M,)."""

    items: NDArray[np.int64]
    contexts: NDArray[np.int64]
    shown: NDArray[np.float64]
    clicks: NDArray[np.float64]


def count_cells(items: Items, clicked: Mask, contexts: Items) -> Cells:
    """Count the cells of a log; all arguments (N, k). Places without a document are left out."""
    kept = items >= 0
    width = int(contexts.max(initial=0)) + 1
    keys, places = np.unique(items[kept].astype(np.int64) * width + contexts[kept], return_inverse=True)
    shown = np.bincount(places, minlength=len(keys)).astype(np.float64)
    clicks = np.bincount(places, clicked[kept], len(keys)).astype(np.float64)
    return Cells(keys // width, keys % width, shown, clicks)


def fit_browsing(
    cells: Cells, n_items: int, n_contexts: int, max_iterations: int, tolerance: float
) -> tuple[Probs, Probs]:
    """Attractiveness (n_items,) and examination (n_contexts,), the first context's being 1 by convention: only their
    products are identified.

    E step for a view without a click (Chuklin et al., eq. 4.20-4.23): attracted (1 - g) a / (1 - a g), examined
    (1 - a) g / (1 - a g). M step: shares of the views.
    """
    attractiveness, examination = np.full(n_items, 0.5), np.full(n_contexts, 0.5)
    examination[:1] = 1.0
    skips = cells.shown - cells.clicks
    views = np.bincount(cells.items, cells.shown, n_items) + PRIOR_VIEWS
    context_views = np.bincount(cells.contexts, cells.shown, n_contexts) + PRIOR_VIEWS
    for _ in range(max_iterations):
        a, g = attractiveness[cells.items], examination[cells.contexts]
        skip_prob = np.maximum(1.0 - a * g, 1e-12)
        attracted = cells.clicks + skips * (1.0 - g) * a / skip_prob
        examined = cells.clicks + skips * (1.0 - a) * g / skip_prob
        new_a = (np.bincount(cells.items, attracted, n_items) + PRIOR_CLICKS) / views
        new_g = (np.bincount(cells.contexts, examined, n_contexts) + PRIOR_CLICKS) / context_views
        new_g[:1] = 1.0
        moved = max(_distance(new_a, attractiveness), _distance(new_g, examination))
        attractiveness, examination = new_a, new_g
        if moved < tolerance:
            break
    return attractiveness, examination


def _distance(new: Probs, old: Probs) -> float:
    return float(np.abs(new - old).max(initial=0.0))
