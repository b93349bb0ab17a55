"""Sessions of one query each whose lists are clicked by a known click model, for tests of the fits."""

from __future__ import annotations

import numpy as np

from untilclick.search.click_models.base import ClickModel
from untilclick.search.records import Click, Session, Turn

N_QUERIES, RANKS = 6, 4
N_PAIRS = N_QUERIES * RANKS


def clicked_sessions(model: ClickModel, n: int, seed: int = 0) -> list[Session]:
    """Sessions that search "query 0" to "query 5"; query q shows the pairs 4 q to 4 q + 3 of the model, in an order
    drawn anew, as the documents "d0" to "d23"."""
    rng = np.random.default_rng(seed)
    queries = rng.integers(N_QUERIES, size=n)
    orders = rng.random((n, RANKS)).argsort(axis=1)
    items = queries[:, None] * RANKS + orders  # (n, RANKS)
    clicked = model.sample(items, rng).clicked
    return [_session(i, int(queries[i]), items[i].tolist(), clicked[i].tolist()) for i in range(n)]


def _session(number: int, query: int, items: list[int], clicked: list[bool]) -> Session:
    query_id = f"q{number}"
    shown = tuple(f"d{item}" for item in items)
    clicks = tuple(
        Click(query_id, shown[i], i + 1, 20.0 * number + i + 1) for i, click in enumerate(clicked) if click
    )
    turn = Turn(query_id, 0, f"query {query}", None, shown, clicks, 20.0 * number)
    return Session(f"s{number}", "live", (turn,))
