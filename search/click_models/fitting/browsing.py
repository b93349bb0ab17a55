"""Expectation maximisation for PBM and UBM, in which a click is attraction times examination.

In both models a click has probability a_i g_c: i is the item, c the context that decides examination. The context is
the rank for PBM, and the rank with the rank of the last click for UBM. The likelihood of a log depends only on how
often each cell (item, context) was shown and clicked, so an iteration takes time in proportion to the number of
different cells and not to the length of the log.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from untilclick.search.click_models.base import PRIOR_CLICKS, PRIOR_VIEWS, Items, Mask, Probs


class Cells(NamedTuple):
    """How often each cell of item and context was shown and clicked. All arrays are (M,), one entry per cell."""

    items: NDArray[np.int64]
    contexts: NDArray[np.int64]
    shown: NDArray[np.float64]
    clicks: NDArray[np.float64]


class BrowsingEstimates(NamedTuple):
    """Fitted parameters, each in [0, 1]."""

    attractiveness: Probs
    """(n_items,)."""
    examination: Probs
    """(n_contexts,)."""


def count_cells(items: Items, clicked: Mask, contexts: Items) -> Cells:
    """Count the cells of a log; all arguments are (N, k). Ranks without a document are left out."""
    has_document = items >= 0  # (N, k)
    width = int(contexts.max(initial=0)) + 1
    # Item and context as one number, so that one sort finds the cells: (item 2, context 1) of 5 contexts is 11.
    keys, cell_of = np.unique(
        items[has_document].astype(np.int64) * width + contexts[has_document], return_inverse=True
    )  # (M,), (shown documents,)
    shown = np.bincount(cell_of, minlength=len(keys)).astype(np.float64)  # (M,)
    clicks = np.bincount(cell_of, clicked[has_document], len(keys)).astype(np.float64)  # (M,)
    return Cells(keys // width, keys % width, shown, clicks)


def fit_browsing(
    cells: Cells, n_items: int, n_contexts: int, max_iterations: int, tolerance: float
) -> BrowsingEstimates:
    """Attractiveness and examination. The log determines only their products, so the first context gets examination
    1.

    E step (Chuklin et al., eq. 4.20-4.23): without a click, the document was attractive with probability
    (1 - g) a / (1 - a g), and examined with probability (1 - a) g / (1 - a g). M step: both as shares of the views.
    """
    attractiveness, examination = np.full(n_items, 0.5), np.full(n_contexts, 0.5)
    examination[:1] = 1.0
    skips = cells.shown - cells.clicks  # (M,)
    views = np.bincount(cells.items, cells.shown, n_items) + PRIOR_VIEWS  # (n_items,)
    context_views = np.bincount(cells.contexts, cells.shown, n_contexts) + PRIOR_VIEWS  # (n_contexts,)
    for _ in range(max_iterations):
        a, g = attractiveness[cells.items], examination[cells.contexts]  # (M,) each
        skip_prob = np.maximum(1.0 - a * g, 1e-12)  # against 0 / 0 in a cell that is always clicked
        attracted = cells.clicks + skips * (1.0 - g) * a / skip_prob
        examined = cells.clicks + skips * (1.0 - a) * g / skip_prob
        new_a = (np.bincount(cells.items, attracted, n_items) + PRIOR_CLICKS) / views
        new_g = (np.bincount(cells.contexts, examined, n_contexts) + PRIOR_CLICKS) / context_views
        new_g[:1] = 1.0
        change = max(_distance(new_a, attractiveness), _distance(new_g, examination))
        attractiveness, examination = new_a, new_g
        if change < tolerance:
            break
    return BrowsingEstimates(attractiveness, examination)


def _distance(new: Probs, old: Probs) -> float:
    return float(np.abs(new - old).max(initial=0.0))
