"""Sessions of visitors who type a word that no document holds."""

from __future__ import annotations

from untilclick.search.records import Click, Session, Turn


def lay_sessions(word: str, meant: str, doc_id: str, visitors: int = 3) -> list[Session]:
    """Visitors who type a word that no document holds, then what the documents call it, and click."""
    sessions = []
    for visitor in range(visitors):
        name = f"{word}-{visitor}"
        click = Click(f"{name}-1", doc_id, 1, 3.0)
        turns = (
            Turn(f"{name}-0", 0, word, None, (), (), 1.0),
            Turn(f"{name}-1", 1, meant, None, (doc_id,), (click,), 2.0),
        )
        sessions.append(Session(name, "live", turns, name))
    return sessions
