"""A folder in the layout of BEIR (Thakur et al., NeurIPS 2021): corpus, queries and judgments per split.

    corpus.jsonl[.gz]    {"_id", "title", "text"}
    queries.jsonl[.gz]   {"_id", "text"}; optional `metadata`: {"history": [...]}, the session's earlier queries, and
                         {"topic": ...}, {"conversation": ...} or {"session": ...}, the need of several queries
    sessions.jsonl       optional; the `session_id` of a line is the need of the queries whose ids begin with it
    qrels/<split>.tsv    header `query-id corpus-id score`, then one judgment per line; may be .gz

Splits keep their names. Queries without a judgment in any split are left out. Nothing is downloaded.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, replace
from pathlib import Path

from untilclick.search.corpora.jsonl_docs import read_documents, record_id, text_field
from untilclick.search.errors import DataError
from untilclick.search.files.lines import existing, read_lines, read_objects, shown
from untilclick.search.records import Document, Topic

QRELS_HEADER = ("query-id", "corpus-id", "score")

NEED_KEYS = ("topic", "conversation", "session")
"""Keys of a query's metadata that name its need; the first that is there counts."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Judgment:
    """A line of a judgment file."""

    line: int
    """1-based line number."""
    topic_id: str
    doc_id: str
    grade: int
    """The grade as written; 0 or less means judged as not relevant."""


def read_corpus(folder: Path) -> tuple[Document, ...]:
    """The documents of a folder. Raises DataError if `corpus.jsonl[.gz]` is missing or broken."""
    return read_documents(_required(folder, "corpus.jsonl"), allow_empty=True)


def read_topics(folder: Path, doc_ids: Set[str]) -> dict[str, tuple[Topic, ...]]:
    """Split -> its topics, in the order of the judgment file.

    `relevance` holds the grades above 0. A topic without such a grade is left out; a warning per split counts them.

    Raises DataError for a missing or broken file, a judgment of an unknown document or query, a grade that is not a
    whole number, and a history that is not a list of texts.
    """
    queries = _read_queries(_required(folder, "queries.jsonl"), _conversations(folder))
    return {split: _split_topics(path, queries, doc_ids) for split, path in judgment_files(folder).items()}


def judgment_files(folder: Path) -> dict[str, Path]:
    """Split -> its judgment file, sorted. Raises DataError if there is none."""
    files = sorted(p for p in (folder / "qrels").glob("*.tsv*") if p.name.endswith((".tsv", ".tsv.gz")))
    if not files:
        remedy = "Put at least one <split>.tsv there, or give corpus.jsonl alone, from which topics are made"
        raise DataError.at(folder / "qrels", None, "no judgment file", remedy)
    return {path.name.split(".tsv")[0]: path for path in files}


def _required(folder: Path, name: str) -> Path:
    path = existing(folder / name)
    if path is None:
        remedy = "A BEIR folder has corpus.jsonl, queries.jsonl (either may be .gz) and qrels/<split>.tsv"
        raise DataError.at(folder, None, f"{name} is missing", remedy)
    return path


def _conversations(folder: Path) -> Set[str]:
    """The ids of the conversations in `sessions.jsonl`, if the folder has that file."""
    path = existing(folder / "sessions.jsonl")
    if path is None:
        return frozenset()
    named = (record.get("session_id") for _, record in read_objects(path))
    return {str(session_id) for session_id in named if isinstance(session_id, str | int)}


def _need(record: Mapping[str, object], topic_id: str, conversations: Set[str]) -> str | None:
    """The need of a query: the first of `NEED_KEYS` in its metadata, else the conversation whose id begins its own,
    as 2021-106 begins 2021-106-4; None if neither names one."""
    metadata = record.get("metadata")
    named = metadata if isinstance(metadata, dict) else {}
    for key in NEED_KEYS:
        value = named.get(key)
        if isinstance(value, str | int) and not isinstance(value, bool) and str(value).strip():
            return f"{key} {value}"
    parts = topic_id.split("-")
    beginnings = ("-".join(parts[:n]) for n in range(len(parts) - 1, 0, -1))
    return next((f"conversation {each}" for each in beginnings if each in conversations), None)


def _read_queries(path: Path, conversations: Set[str]) -> dict[str, Topic]:
    """topic_id -> topic, still without judgments."""
    queries: dict[str, Topic] = {}
    for number, record in read_objects(path):
        topic_id, text = record_id(record, path, number), text_field(record, "text", path, number)
        if topic_id in queries:
            problem = f"query id {shown(topic_id)} occurs a second time"
            raise DataError.at(path, number, problem, "Give every query its own id")
        if not text.strip():
            raise DataError.at(path, number, f"query {shown(topic_id)} is empty", "Fill in `text` or remove the line")
        need = _need(record, topic_id, conversations)
        queries[topic_id] = Topic(topic_id, text, {}, _history(record, path, number), need)
    return queries


def _history(record: Mapping[str, object], path: Path, number: int) -> tuple[str, ...]:
    """The earlier queries of the session; empty if the record has no `metadata.history`."""
    metadata = record.get("metadata")
    history = metadata.get("history") if isinstance(metadata, dict) else None
    if history is None:
        return ()
    if not isinstance(history, list) or not all(isinstance(query, str) for query in history):
        problem = f"`metadata.history` is {shown(history)}, not a list of texts"
        raise DataError.at(path, number, problem, "List the earlier queries of the session, oldest first")
    return tuple(text_field({"history": query}, "history", path, number) for query in history)


def _split_topics(path: Path, queries: Mapping[str, Topic], doc_ids: Set[str]) -> tuple[Topic, ...]:
    """The topics that one judgment file judges."""
    grades: dict[str, dict[str, int]] = {}  # topic_id -> doc_id -> grade
    for judgment in read_judgments(path):
        _check_known(judgment, path, queries, doc_ids)
        topic = grades.setdefault(judgment.topic_id, {})
        if judgment.doc_id in topic:
            problem = f"document {shown(judgment.doc_id)} is judged twice for query {shown(judgment.topic_id)}"
            raise DataError.at(path, judgment.line, problem, "Keep one of the two lines")
        topic[judgment.doc_id] = judgment.grade
    topics = []
    for topic_id, judged in grades.items():
        relevance = {doc_id: grade for doc_id, grade in judged.items() if grade > 0}
        if relevance:
            topics.append(replace(queries[topic_id], relevance=relevance))
    if len(topics) < len(grades):
        left_out = len(grades) - len(topics)
        _log.warning("%s: %d of %d topics have no relevant document and are left out", path, left_out, len(grades))
    return tuple(topics)


def _check_known(judgment: Judgment, path: Path, queries: Mapping[str, Topic], doc_ids: Set[str]) -> None:
    if judgment.topic_id not in queries:
        problem = f"query {shown(judgment.topic_id)} is judged but not in the queries"
        raise DataError.at(path, judgment.line, problem, "Add it to queries.jsonl or remove the line")
    if judgment.doc_id not in doc_ids:
        problem = f"document {shown(judgment.doc_id)} is judged but not in the corpus"
        raise DataError.at(path, judgment.line, problem, "Add it to corpus.jsonl or remove the line")


def read_judgments(path: Path) -> Iterator[Judgment]:
    """The lines of a judgment file.

    Raises DataError for a wrong header, a wrong number of columns, and a grade that is not a whole number.
    """
    lines = read_lines(path)
    number, header = next(lines, (1, ""))
    if tuple(header.split("\t")) != QRELS_HEADER:
        problem = f"the header is {shown(header)}"
        raise DataError.at(path, number, problem, "Start with query-id, corpus-id, score, separated by tabs")
    for number, text in lines:
        columns = text.split("\t")
        if len(columns) != len(QRELS_HEADER):
            problem = f"expected 3 columns separated by tabs, found {len(columns)}: {shown(text)}"
            raise DataError.at(path, number, problem, "Write query-id, corpus-id, score")
        try:
            grade = int(columns[2])
        except ValueError:
            problem = f"the grade {shown(columns[2])} is not a whole number"
            raise DataError.at(path, number, problem, "Write 0 for not relevant, 1 or more for relevant") from None
        yield Judgment(number, columns[0], columns[1], grade)
