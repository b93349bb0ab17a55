"""Figures of a session log that show how well searchers are served. The database computes the sums.

The figures count sessions, not queries: a session is a success at once if its first query got a click.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import sqlalchemy as sa

from untilclick.search.log.schema import CLICKS, SESSIONS, TURNS
from untilclick.search.records import Source


@dataclass(frozen=True, slots=True)
class SessionFigures:
    """Figures of a set of sessions."""

    sessions: int
    turns: int
    clicks: int
    first_query_click_share: float | None
    """Share of sessions whose first query got a click, 0..1; None without sessions."""
    mean_queries_until_click: float | None
    """Number of queries up to and including the first one with a click, mean over sessions with a click; None without
    such sessions."""
    abandonment_share: float | None
    """Share of sessions without a click, 0..1; None without sessions."""


@dataclass(frozen=True, slots=True)
class VersionFigures:
    """Figures of the sessions whose first query was answered by one rewriter version."""

    rewriter_version: str | None
    """None for sessions without a rewriter."""
    figures: SessionFigures


@dataclass(frozen=True, slots=True)
class LogStats:
    """Figures of all sessions, and of those of each rewriter version, ordered by version (None first)."""

    total: SessionFigures
    by_rewriter_version: tuple[VersionFigures, ...] = field(default=())

    @property
    def sessions(self) -> int:
        """Number of sessions."""
        return self.total.sessions

    @property
    def turns(self) -> int:
        """Number of queries."""
        return self.total.turns

    @property
    def clicks(self) -> int:
        """Number of clicks."""
        return self.total.clicks

    @property
    def first_query_click_share(self) -> float | None:
        """See `SessionFigures`."""
        return self.total.first_query_click_share

    @property
    def mean_queries_until_click(self) -> float | None:
        """See `SessionFigures`."""
        return self.total.mean_queries_until_click

    @property
    def abandonment_share(self) -> float | None:
        """See `SessionFigures`."""
        return self.total.abandonment_share


class _Counts(NamedTuple):
    """The counts from which the figures of sessions are computed; counts of disjoint sets of sessions add up."""

    sessions: int
    turns: int
    clicks: int
    at_once: int
    """Sessions with a click on their first query."""
    clicked: int
    """Sessions with a click."""
    queries_until_click: int
    """Queries up to and including the first one with a click, summed over the sessions with a click."""

    @property
    def figures(self) -> SessionFigures:
        return SessionFigures(
            sessions=self.sessions,
            turns=self.turns,
            clicks=self.clicks,
            first_query_click_share=self.at_once / self.sessions if self.sessions else None,
            mean_queries_until_click=self.queries_until_click / self.clicked if self.clicked else None,
            abandonment_share=1 - self.clicked / self.sessions if self.sessions else None,
        )


def read_stats(connection: sa.Connection, source: Source | None) -> LogStats:
    """Figures of all sessions, or of those of one source. Sessions without a turn are not counted."""
    per_session = _per_session(source)
    figures = (
        sa.func.count().label("sessions"),
        sa.func.coalesce(sa.func.sum(per_session.c.turns), 0).label("turns"),
        sa.func.coalesce(sa.func.sum(per_session.c.clicks), 0).label("clicks"),
        sa.func.coalesce(sa.func.sum(sa.case((per_session.c.first_clicked == 0, 1), else_=0)), 0).label("at_once"),
        sa.func.count(per_session.c.first_clicked).label("clicked"),
        sa.func.coalesce(sa.func.sum(per_session.c.first_clicked + 1), 0).label("queries_until_click"),
    )
    grouped = sa.select(per_session.c.rewriter_version, *figures).group_by(per_session.c.rewriter_version)
    counts = {row.rewriter_version: _Counts(*map(int, row[1:])) for row in connection.execute(grouped)}
    total = _Counts(*map(sum, zip(*counts.values(), strict=True))) if counts else _Counts(0, 0, 0, 0, 0, 0)
    versions = [VersionFigures(version, counts[version].figures) for version in sorted(counts, key=lambda v: v or "")]
    return LogStats(total.figures, tuple(versions))


def _per_session(source: Source | None) -> sa.CTE:
    """One row per session: its numbers of turns and clicks, the first step with a click, the version at step 0."""
    clicks = sa.select(CLICKS.c.query_id, sa.func.count().label("n")).group_by(CLICKS.c.query_id).subquery("per_turn")
    turns = TURNS.outerjoin(clicks, clicks.c.query_id == TURNS.c.query_id)
    query = sa.select(
        TURNS.c.session_id,
        sa.func.count().label("turns"),
        sa.func.coalesce(sa.func.sum(clicks.c.n), 0).label("clicks"),
        sa.func.min(sa.case((clicks.c.n > 0, TURNS.c.step))).label("first_clicked"),
        sa.func.max(sa.case((TURNS.c.step == 0, TURNS.c.rewriter_version))).label("rewriter_version"),
    ).select_from(turns)
    if source is not None:
        query = query.join(SESSIONS, SESSIONS.c.session_id == TURNS.c.session_id).where(SESSIONS.c.source == source)
    return query.group_by(TURNS.c.session_id).cte("per_session")
