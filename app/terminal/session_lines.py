"""Search sessions as people read them: what was typed, what was clicked, what was typed next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from untilclick.search.records import TOPIC_ATTRIBUTE, Document, Session, Turn


def session_lines(sessions: Iterable[Session], documents: Mapping[str, Document]) -> Iterator[str]:
    """The lines of sessions: a heading each, then its queries with the clicked results below them. `documents` has
    the titles of wanted and of clicked documents by id; others are shown by their ids."""
    for number, session in enumerate(sessions, start=1):
        wanted = str(session.turns[0].attributes.get(TOPIC_ATTRIBUTE, ""))
        yield f"{number}. {_title(wanted, documents)}"
        for turn in session.turns:
            yield f"   > {turn.query}{_remark(turn)}"
            for click in turn.clicks:
                yield f"       {click.rank}. {_title(click.doc_id, documents)}"
        if session.abandoned:
            yield "     gave up"


def _remark(turn: Turn) -> str:
    """How the query came about, and its lay words; nothing for a first query without any."""
    lay = [str(turn.attributes[name]) for name in ("lay_known", "lay_new") if turn.attributes.get(name)]
    kind = turn.attributes.get("kind", "first")
    remarks = [*([str(kind)] if kind != "first" else []), *([f"own words: {', '.join(lay)}"] if lay else [])]
    return f"   ({'; '.join(remarks)})" if remarks else ""


def _title(doc_id: str, documents: Mapping[str, Document]) -> str:
    document = documents.get(doc_id)
    return document.title.replace("\n", " ") if document and document.title else doc_id
