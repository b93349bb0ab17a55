"""The vector of a search session: that of the present query, and of the earlier ones with falling weight."""

from __future__ import annotations

import numpy as np

from untilclick.search.text.encoders.encoder import Vectors, of_unit_length

DECAY = 0.6
"""Factor on a query's weight for each query after it."""


def session_vector(queries: Vectors) -> Vectors:
    """(d,) sum over queries of DECAY^i e_i, divided by its length, from the vectors e (n, d) of a session's queries,
    the present one first, then the earlier ones, newest first. It is zero if all of them are, and without queries."""
    weights = np.power(DECAY, np.arange(len(queries)), dtype=np.float32)  # (n,)
    return np.asarray(of_unit_length((weights @ queries)[None])[0], dtype=np.float32)
