"""Grades for rankings that no searcher was shown, from the clicks of a log alone.

Clicks fall on documents that were shown, most of them on the first ranks: plain counts prefer rankings that resemble
the logged one. Two remedies are used. The grade of a document is its clicks per examination ("clicks over expected
clicks", Zhang & Jones, WWW 2007). And rankings are compared only on documents that searchers with this input were
shown, as if there were no others (condensed lists: Sakai, "Alternatives to Bpref", SIGIR 2007).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from untilclick.rewriter.data.logged_queries import JudgedQuery, NeedOf, unknown
from untilclick.rewriter.rewrite import RewriteRequest
from untilclick.search.records import Session, Turn


def rated_queries(sessions: Iterable[Session], need_of: NeedOf = unknown) -> list[JudgedQuery]:
    """The distinct inputs of a log, the most clicked first, with the clicks per examination of each document that was
    shown at any turn of their sessions. Inputs whose sessions have no click are left out. If the log records no shown
    documents besides the clicked ones, rankings of these inputs are compared on all documents."""
    clicks: defaultdict[RewriteRequest, Counter[str]] = defaultdict(Counter)
    examinations: defaultdict[RewriteRequest, Counter[str]] = defaultdict(Counter)
    needs: dict[RewriteRequest, int | None] = {}
    for session in sessions:
        typed = tuple(turn.query for turn in session.turns)
        session_examinations: Counter[str] = Counter()
        for turn in session.turns:
            session_examinations.update(examination_probs(turn))
        for step, query in enumerate(typed):
            request = RewriteRequest(query, typed[:step])
            needs.setdefault(request, need_of(session))
            clicks[request].update(session.clicked)
            examinations[request].update(session_examinations)
    rated = [
        (of.total(), _rated(request, of, examinations[request], needs[request])) for request, of in clicks.items()
    ]
    return [query for total, query in sorted(rated, key=lambda pair: -pair[0]) if total]


def examination_probs(turn: Turn) -> dict[str, float]:
    """Probability that the searcher examined each shown document, by its id: 1 down to the last click (Joachims et
    al., "Accurately Interpreting Clickthrough Data as Implicit Feedback", SIGIR 2005), below it 1 / distance."""
    last = max((click.rank for click in turn.clicks), default=0)
    return {doc_id: 1.0 / max(rank - last, 1) for rank, doc_id in enumerate(turn.shown, start=1)}


def clicks_per_examination(clicks: int, examinations: float) -> float:
    """The grade of a document. Less than one examination counts as one: a clicked or rarely examined document must
    not get a grade above its clicks."""
    return clicks / max(examinations, 1.0)


def _rated(
    request: RewriteRequest, clicks: Counter[str], examinations: Counter[str], need: int | None
) -> JudgedQuery:
    grades = {doc_id: clicks_per_examination(n, examinations[doc_id]) for doc_id, n in clicks.items()}
    shown = examinations.keys() | clicks.keys()
    return JudgedQuery(request, grades, frozenset(shown) if len(shown) > len(clicks) else None, need)
