"""The n largest of some weights, with a rule for ties.

`numpy.argpartition` alone breaks ties differently in different versions of numpy. Which of two equally heavy terms
represents a document or a query must not depend on that.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def heaviest(
    weights: NDArray[np.floating], n: int, ties: NDArray[np.integer] | Sequence[str] | None = None
) -> NDArray[np.int64]:
    """(min(n, K),) places of the n largest of the weights (K,), the largest first.

    Equal weights come in ascending order of `ties` (K), or of their places if it is None. Weights [1, 3, 3] with
    n = 2 give [1, 2], and with ties [0, 9, 5] they give [2, 1].
    """
    places = np.arange(weights.size)
    if 0 < n < weights.size:  # sort only the entries at least as large as the n-th largest
        places = np.flatnonzero(weights >= np.partition(weights, -n)[-n])  # (n or more, with ties,)
    if ties is not None:
        ranks = ties[places] if isinstance(ties, np.ndarray) else np.array([ties[place] for place in places.tolist()])
        places = places[np.argsort(ranks, kind="stable")]
    # A stable sort leaves equal weights in the order of the lines above.
    return places[np.argsort(-weights[places], kind="stable")[:n]]
