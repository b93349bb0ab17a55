"""Clicks on interleaved lists, by visitor, read from a session log."""

from __future__ import annotations

import json
from collections import defaultdict

import sqlalchemy as sa

from untilclick.search.log.schema import CLICKS, SESSIONS, TURNS
from untilclick.search.measures.interleaving import Team

EXPERIMENT_ATTRIBUTE = "experiment"
"""Of a turn whose list was interleaved: the experiment's name."""
TEAMS_ATTRIBUTE = "teams"
"""Of the same: whose each document is, a letter each."""


def read_credits(connection: sa.Connection, name: str, versions: str, since: float) -> list[tuple[int, int]]:
    """Distinct documents of a and of b that each visitor clicked in an experiment, of the visitors who clicked any.

    A visitor is a client where one is named, else a search session: clicking again, or in another session, adds
    nothing. Turns count that `versions` answered, both sides as they are logged: a name may have been used before.
    `since` is in seconds since the epoch; earlier sessions are not looked at.
    """
    visitor = sa.func.coalesce(SESSIONS.c.client_id, SESSIONS.c.session_id).label("visitor")
    named = json.dumps({EXPERIMENT_ATTRIBUTE: name}, separators=(",", ":"))[1:-1]
    query = (
        sa.select(visitor, TURNS.c.attributes, CLICKS.c.doc_id, CLICKS.c.rank)
        .join_from(TURNS, SESSIONS)
        .join(CLICKS, CLICKS.c.query_id == TURNS.c.query_id)
        .where(SESSIONS.c.time >= since, TURNS.c.rewriter_version == versions)
        .where(TURNS.c.attributes.contains(named, autoescape=True))
    )
    clicked: dict[str, dict[str, set[str]]] = defaultdict(lambda: {"a": set(), "b": set()})
    for row in connection.execute(query):
        teams: list[Team] | str = json.loads(row.attributes).get(TEAMS_ATTRIBUTE, "")
        if row.rank <= len(teams):
            clicked[row.visitor][teams[row.rank - 1]].add(row.doc_id)
    return [(len(teams["a"]), len(teams["b"])) for teams in clicked.values()]
