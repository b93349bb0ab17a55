"""What a log alone says of rankings that nobody was shown.

Clicks fall on what was shown, and most on what was shown first: counted as they are, they prefer whatever resembles
the ranking that was logged. Two remedies. A document's grade is its clicks per look ("clicks over expected clicks",
Zhang & Jones, WWW 2007), and rankings are compared on those documents alone that searchers of this input were shown,
as if no others were there (condensed lists: Sakai, "Alternatives to Bpref", SIGIR 2007).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from untilclick.rewriter.data.logged_queries import JudgedQuery
from untilclick.rewriter.rewrite import RewriteRequest
from untilclick.search.records import Session, Turn


def rated_queries(sessions: Iterable[Session]) -> list[JudgedQuery]:
    """Distinct inputs with the clicks per look of each document that their sessions showed at any turn, the most
    clicked input first; inputs whose sessions have no click are left out. A log that does not say what was shown
    besides what was clicked leaves all documents in."""
    clicks: defaultdict[RewriteRequest, Counter[str]] = defaultdict(Counter)
    seen: defaultdict[RewriteRequest, Counter[str]] = defaultdict(Counter)
    for session in sessions:
        typed = tuple(turn.query for turn in session.turns)
        looked_at: Counter[str] = Counter()
        for turn in session.turns:
            looked_at.update(looks(turn))
        for step, query in enumerate(typed):
            request = RewriteRequest(query, typed[:step])
            clicks[request].update(session.clicked)
            seen[request].update(looked_at)
    rated = [(clicks[request].total(), _rated(request, clicks[request], seen[request])) for request in clicks]
    return [one for total, one in sorted(rated, key=lambda pair: -pair[0]) if total]


def looks(turn: Turn) -> dict[str, float]:
    """How surely each shown document was looked at, 0..1: down to the last click surely (Joachims et al., "Accurately
    Interpreting Clickthrough Data as Implicit Feedback", SIGIR 2005), below it by 1 / distance."""
    last = max((click.rank for click in turn.clicks), default=0)
    return {doc_id: 1.0 / max(rank - last, 1) for rank, doc_id in enumerate(turn.shown, start=1)}


def _rated(request: RewriteRequest, clicks: Counter[str], seen: Counter[str]) -> JudgedQuery:
    grades = {doc_id: n / max(seen[doc_id], 1.0) for doc_id, n in clicks.items()}
    shown = seen.keys() | clicks.keys()
    return JudgedQuery(request, grades, frozenset(shown) if len(shown) > len(clicks) else None)
