"""What a real log does not show, and simulated sessions cut to match it.

The TREC Session Track keeps the last query of a session for its judges: every logged query is followed by another.
Other published logs are selections, for instance of sessions with several queries and clicks. A comparison with
complete sessions would then measure the cut.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from untilclick.search.records import Session


@dataclass(frozen=True)
class Censoring:
    """How a log was cut or selected. The default is a log of whole sessions."""

    last_query_unseen: bool = False
    """Whether the last query of every session is missing, and sessions of one query with it."""
    cannot_say: Mapping[str, str] = field(default_factory=dict)
    """Name of a statistic -> why this log tells nothing of it."""

    def cut(self, sessions: Sequence[Session]) -> list[Session]:
        """Whole sessions, cut as the log is."""
        return without_last_query(sessions) if self.last_query_unseen else list(sessions)


def without_last_query(sessions: Sequence[Session]) -> list[Session]:
    """The sessions without their last query; sessions of one query are left out."""
    return [replace(session, turns=session.turns[:-1]) for session in sessions if len(session.turns) > 1]
