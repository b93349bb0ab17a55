"""Rankings and judgments as TREC text files, the interchange format of ir-measures, trec_eval and their kin.

A run line is `topic_id Q0 doc_id rank score tag`, a judgment line `topic_id 0 doc_id grade`; columns are separated
by white space, so an id with a blank cannot be written and is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np

from untilclick.search.errors import DataError
from untilclick.search.files.whole_files import write_whole
from untilclick.search.records import ScoredDoc, Topic


class RunLine(NamedTuple):
    """One line of a run file."""

    topic_id: str
    rank: int
    document: ScoredDoc
    tag: str


def write_run(path: Path, tag: str, topic_ids: Sequence[str], rankings: Sequence[Sequence[ScoredDoc]]) -> None:
    """Write one ranking per topic; a topic without results has no line. `tag` is the system's name.

    Scores are lowered in the last digit where they tie, because readers sort by score and break ties by document
    id: so the file holds the order that was shown. Raises DataError for an id or tag that is empty or has a blank.
    """
    _check_id(path, "system name", tag)
    lines: list[str] = []
    for topic_id, ranking in zip(topic_ids, rankings, strict=True):
        _check_id(path, "topic id", topic_id)
        for rank, document in enumerate(strictly_decreasing(ranking), start=1):
            _check_id(path, "document id", document.doc_id)
            lines.append(f"{topic_id} Q0 {document.doc_id} {rank} {document.score:.9g} {tag}\n")
    write_whole(path, "".join(lines))


def read_run(path: Path) -> tuple[str, Mapping[str, tuple[ScoredDoc, ...]]]:
    """The tag and, per topic, the ranking by descending score; an empty file gives an empty tag and no topics.

    Raises DataError for a broken line, and where a document comes twice for a topic.
    """
    lines = [_run_line(path, number, line) for number, line in _numbered_lines(path)]
    rankings: dict[str, tuple[ScoredDoc, ...]] = {}
    for topic_id, group in groupby(sorted(lines, key=lambda line: line.topic_id), key=lambda line: line.topic_id):
        ranked = sorted(group, key=lambda line: (-line.document.score, line.rank))
        if len({line.document.doc_id for line in ranked}) != len(ranked):
            raise DataError.at(path, None, f"topic {topic_id!r} lists a document twice", "Write the run again.")
        rankings[topic_id] = tuple(line.document for line in ranked)
    return (lines[0].tag if lines else ""), rankings


def write_qrels(path: Path, topics: Sequence[Topic]) -> None:
    """Write the judgments of the topics. Raises DataError for an id that is empty or has a blank."""
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


def _numbered_lines(path: Path) -> list[tuple[int, str]]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise DataError.at(path, None, f"cannot be read: {error.strerror}", "Name an existing run file.") from error
    return [(number, line) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]


def _run_line(path: Path, number: int, line: str) -> RunLine:
    fields = line.split()
    if len(fields) != 6:
        raise DataError.at(
            path, number, f"{len(fields)} columns where a run has 6", "Expected: topic Q0 document rank score tag."
        )
    topic_id, _, doc_id, rank, score, tag = fields
    try:
        return RunLine(topic_id, int(rank), ScoredDoc(doc_id, float(score)), tag)
    except ValueError as error:
        raise DataError.at(
            path, number, f"rank {rank!r} or score {score!r} is not a number", "Write the run again."
        ) from error


def _check_id(path: Path, what: str, value: str) -> None:
    if not value or value.split() != [value]:
        raise DataError.at(
            path,
            None,
            f"the {what} {value!r} is empty or holds a blank, which a TREC file cannot carry",
            "Rename it, for instance with underscores.",
        )
