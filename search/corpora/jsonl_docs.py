"""Documents from JSON lines: one object a line with an id (`_id`, `doc_id` or `id`), `text`, and perhaps `title`.

The same reader serves a plain file of documents and the `corpus.jsonl` of a BEIR folder. Topics are not made here.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from untilclick.search.errors import DataError
from untilclick.search.files.lines import MAX_LINE_BYTES, read_objects, shown
from untilclick.search.records import Document

ID_FIELDS = ("_id", "doc_id", "id")
"""Names under which an id is accepted, in this order."""

_log = logging.getLogger(__name__)


def read_documents(path: Path, *, allow_empty: bool = False, limit: int = MAX_LINE_BYTES) -> tuple[Document, ...]:
    """All documents of a file in its order.

    A document without a single visible character is refused, or, with `allow_empty`, kept and counted in one logged
    line: published test collections have a few, and their figures count them.

    Raises DataError: a broken file or line, a missing or double id, a text that is no text, or no document at all.
    """
    documents: list[Document] = []
    line_of: dict[str, int] = {}
    empty = 0
    for number, record in read_objects(path, limit):
        document = _document(record, path, number)
        if (first := line_of.setdefault(document.doc_id, number)) != number:
            problem = f"document id {shown(document.doc_id)} was already used on line {first}"
            raise DataError.at(path, number, problem, "Give every document its own id")
        if not document.content.strip():
            empty += 1
            if not allow_empty:
                problem = f"document {shown(document.doc_id)} has neither title nor text"
                raise DataError.at(path, number, problem, "Fill in `text` or remove the line")
        documents.append(document)
    if not documents:
        raise DataError.at(path, None, "holds no document", 'Write one {"_id": ..., "text": ...} a line')
    if empty:
        _log.warning("%s: %d of %d documents have neither title nor text; they are kept", path, empty, len(documents))
    return tuple(documents)


def record_id(record: Mapping[str, object], path: Path, number: int) -> str:
    """The id of a record as text; raises `DataError` where there is none."""
    found = next((record[name] for name in ID_FIELDS if name in record), None)
    if isinstance(found, int) and not isinstance(found, bool):
        return str(found)
    if isinstance(found, str) and found.strip():
        return _encodable(found, "id", path, number)
    if found is None:
        problem = f"no id; the fields are {shown(sorted(record))}"
    else:
        problem = f"the id is {shown(found)}, not a text or whole number"
    raise DataError.at(path, number, problem, f"Name the record in one of {', '.join(ID_FIELDS)}")


def text_field(record: Mapping[str, object], name: str, path: Path, number: int) -> str:
    """A text field that must be there; raises `DataError` otherwise."""
    value = record.get(name)
    if not isinstance(value, str):
        problem = f"`{name}` is {shown(value)}" if name in record else f"`{name}` is missing"
        raise DataError.at(path, number, f"{problem}, not a text", f"Give every record a text `{name}`")
    return _encodable(value, name, path, number)


def _document(record: Mapping[str, object], path: Path, number: int) -> Document:
    title = "" if record.get("title") is None else text_field(record, "title", path, number)
    return Document(record_id(record, path, number), title, text_field(record, "text", path, number))


def _encodable(value: str, name: str, path: Path, number: int) -> str:
    """The value itself, unless it has half of a surrogate pair, which no file or index can store."""
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        problem = f"`{name}` has half of a surrogate pair at character {error.start + 1}"
        raise DataError.at(path, number, problem, "Repair the \\ud800-\\udfff escape") from None
    return value
