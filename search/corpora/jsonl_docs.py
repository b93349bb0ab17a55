"""Documents from JSON lines: one object per line with an id (`_id`, `doc_id` or `id`), a text, and perhaps a title.

The reader serves plain files of documents and the `corpus.jsonl` of a BEIR folder. It reads documents only; topics
come from `beir.py` or `topics.py`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from untilclick.search.errors import DataError
from untilclick.search.files.lines import MAX_LINE_BYTES, read_objects, shown
from untilclick.search.records import Document

ID_FIELDS = ("_id", "doc_id", "id")
"""Fields that may hold the id, in the order in which they are tried."""

_log = logging.getLogger(__name__)


def read_documents(path: Path, *, allow_empty: bool = False, limit: int = MAX_LINE_BYTES) -> tuple[Document, ...]:
    """All documents of a file, in its order.

    A document without a visible character is refused. With `allow_empty` it is kept, and a warning counts such
    documents: published test collections have a few, and published figures include them. `limit` is the maximum
    length of a line in bytes.

    Raises DataError for a broken file or line, a missing or repeated id, a title or text of another type, and a file
    without any document.
    """
    documents: list[Document] = []
    line_of: dict[str, int] = {}
    n_empty = 0
    for number, record in read_objects(path, limit):
        document = _document(record, path, number)
        if (first := line_of.setdefault(document.doc_id, number)) != number:
            problem = f"document id {shown(document.doc_id)} was already used on line {first}"
            raise DataError.at(path, number, problem, "Give every document its own id")
        if not document.content.strip():
            n_empty += 1
            if not allow_empty:
                problem = f"document {shown(document.doc_id)} has neither title nor text"
                raise DataError.at(path, number, problem, "Fill in `text` or remove the line")
        documents.append(document)
    if not documents:
        raise DataError.at(path, None, "holds no document", 'Write one {"_id": ..., "text": ...} per line')
    if n_empty:
        n_all = len(documents)
        _log.warning("%s: %d of %d documents have neither title nor text; they are kept", path, n_empty, n_all)
    return tuple(documents)


def record_id(record: Mapping[str, object], path: Path, number: int) -> str:
    """The id of a record as text; a whole number is accepted too. Raises DataError if there is no usable id."""
    value = next((record[name] for name in ID_FIELDS if name in record), None)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str) and value.strip():
        return _encodable(value, "id", path, number)
    if value is None:
        problem = f"no id; the fields are {shown(sorted(record))}"
    else:
        problem = f"the id is {shown(value)}, not a text or whole number"
    raise DataError.at(path, number, problem, f"Give the record an id in one of {', '.join(ID_FIELDS)}")


def text_field(record: Mapping[str, object], name: str, path: Path, number: int) -> str:
    """The text in the field `name` of a record. Raises DataError if it is missing or not a text."""
    value = record.get(name)
    if not isinstance(value, str):
        problem = f"`{name}` is {shown(value)}" if name in record else f"`{name}` is missing"
        raise DataError.at(path, number, f"{problem}, not a text", f"Give every record a text `{name}`")
    return _encodable(value, name, path, number)


def _document(record: Mapping[str, object], path: Path, number: int) -> Document:
    title = "" if record.get("title") is None else text_field(record, "title", path, number)
    return Document(record_id(record, path, number), title, text_field(record, "text", path, number))


def _encodable(value: str, name: str, path: Path, number: int) -> str:
    """The value itself. Raises DataError if it has half of a surrogate pair, which no file or index can store."""
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        problem = f"`{name}` has half of a surrogate pair at character {error.start + 1}"
        raise DataError.at(path, number, problem, "Repair the \\ud800-\\udfff escape") from None
    return value
