"""Writing rankings and judgments as TREC text files, the exchange format of ir-measures, trec_eval and others.

A line of a run file is `topic_id Q0 doc_id rank score tag`, a line of a judgment file `topic_id 0 doc_id grade`.
White space separates the columns, so ids with white space are refused. Reading is left to those libraries.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from untilclick.search.errors import DataError
from untilclick.search.files.whole_files import write_whole
from untilclick.search.records import ScoredDoc, Topic


def write_run(path: Path, tag: str, topic_ids: Sequence[str], rankings: Sequence[Sequence[ScoredDoc]]) -> None:
    """Write one ranking per topic; a topic without results has no line. `tag` is the system's name.

    Readers sort by score and break ties by document id. Tied scores are therefore lowered in the last digit, which
    keeps the order that was shown. The file is written whole or not at all. Raises DataError for an id or a tag that
    is empty or contains white space, and if the file cannot be written.
    """
    _check_id(path, "system name", tag)
    lines: list[str] = []
    for topic_id, ranking in zip(topic_ids, rankings, strict=True):
        _check_id(path, "topic id", topic_id)
        for rank, document in enumerate(strictly_decreasing(ranking), start=1):
            _check_id(path, "document id", document.doc_id)
            lines.append(f"{topic_id} Q0 {document.doc_id} {rank} {document.score:.9g} {tag}\n")
    write_whole(path, "".join(lines))


def write_qrels(path: Path, topics: Sequence[Topic]) -> None:
    """Write the judgments of the topics, whole or not at all. Raises DataError for an id that is empty or contains
    white space, and if the file cannot be written."""
    lines: list[str] = []
    for topic in topics:
        _check_id(path, "topic id", topic.topic_id)
        for doc_id, grade in topic.relevance.items():
            _check_id(path, "document id", doc_id)
            lines.append(f"{topic.topic_id} 0 {doc_id} {grade}\n")
    write_whole(path, "".join(lines))


def strictly_decreasing(ranking: Sequence[ScoredDoc]) -> list[ScoredDoc]:
    """The ranking with scores in single precision (what trec_eval keeps), each below the one before it.

    Scores 2, 2, 1 become 2, 1.9999999, 1.
    """
    previous = np.float32(np.inf)
    lowered: list[ScoredDoc] = []
    for document in ranking:
        previous = min(np.float32(document.score), np.nextafter(previous, np.float32(-np.inf)))
        lowered.append(ScoredDoc(document.doc_id, float(previous)))
    return lowered


def _check_id(path: Path, noun: str, value: str) -> None:
    if not value or value.split() != [value]:
        raise DataError.at(
            path,
            None,
            f"the {noun} {value!r} is empty or contains white space, which separates the columns of a TREC file",
            "Rename it, for instance with underscores.",
        )
