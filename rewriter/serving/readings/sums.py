"""The sum of two readings: by words and as documents.

Scores of words have no upper bound, cosines do, so each part is divided by its maximum first. The obvious
alternative, reciprocal rank fusion (`search/measures/fusion.py`), drops by how much one document is better than the
next.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CANDIDATES = 200
"""Least number of documents that each reading brings into the sum. It decides which documents are summed, not by what
they are divided: the best document of each reading is among its candidates."""


def weighted_sum(words: Floats, documents: Floats, share: float) -> Floats:
    """(n,) (1 - share) words / max(words) + share documents / max(documents), for the same n documents.

    Negative scores count as 0, and a part without a positive score is 0 throughout.
    """
    return (1.0 - share) * of_maximum(words) + share * of_maximum(documents)


def of_maximum(scores: Floats) -> Floats:
    """(n,) Scores divided by their maximum, 0..1; negative ones are 0. [2, 4, -1] gives [.5, 1, 0]."""
    positive = np.maximum(scores, 0.0)
    highest = positive.max(initial=0.0)
    return positive / highest if highest > 0 else positive
