"""The clicks of visitors on interleaved lists, read from a session log."""

from __future__ import annotations

import json
from collections import defaultdict

import sqlalchemy as sa

from untilclick.search.log.schema import CLICKS, SESSIONS, TURNS
from untilclick.search.measures.interleaving import Credits, Team

EXPERIMENT_ATTRIBUTE = "experiment"
"""Attribute of a turn with an interleaved list: the name of the experiment."""
TEAMS_ATTRIBUTE = "teams"
"""Attribute of the same turn: the side that picked each document, one letter per rank."""


def read_credits(connection: sa.Connection, name: str, versions: str, since: float) -> list[Credits]:
    """The credits of each visitor who clicked in an experiment: the numbers of distinct clicked documents by side.

    A visitor is a client or, if the session names no client, a session; repeated clicks on a document count once, in
    whatever session of the client. `versions` is the logged `rewriter_version` with both sides; turns of other
    versions are left out, because an earlier experiment may have had the same name. Sessions that began before
    `since` (seconds since the epoch) are left out too.
    """
    visitor = sa.func.coalesce(SESSIONS.c.client_id, SESSIONS.c.session_id).label("visitor")
    attribute = json.dumps({EXPERIMENT_ATTRIBUTE: name}, separators=(",", ":"))[1:-1]
    query = (
        sa.select(visitor, TURNS.c.attributes, CLICKS.c.doc_id, CLICKS.c.rank)
        .join_from(TURNS, SESSIONS)
        .join(CLICKS, CLICKS.c.query_id == TURNS.c.query_id)
        .where(SESSIONS.c.time >= since, TURNS.c.rewriter_version == versions)
        .where(TURNS.c.attributes.contains(attribute, autoescape=True))
    )
    clicked: dict[str, dict[str, set[str]]] = defaultdict(lambda: {"a": set(), "b": set()})
    for row in connection.execute(query):
        teams: list[Team] | str = json.loads(row.attributes).get(TEAMS_ATTRIBUTE, "")
        if row.rank <= len(teams):
            clicked[row.visitor][teams[row.rank - 1]].add(row.doc_id)
    return [Credits(len(documents["a"]), len(documents["b"])) for documents in clicked.values()]
