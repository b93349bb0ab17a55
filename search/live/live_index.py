"""A live index on disk: a tantivy index of a corpus and of the changes of a journal, with a mark of the last change.

The folder's file `live.json`, the mark, names the journal, the corpus, the analysis, and the last change that the
index holds. The mark is written after the changes are committed: after a crash in between, the changes are applied
again, which changes nothing. A folder without a mark was written before there were journals (`earlier_indexes.py`).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from untilclick.search.analysis.by_name import analysis_by_name
from untilclick.search.engines.tantivy_index import (
    PlacedChange,
    built_beside,
    index_name,
    open_at,
    placed_documents,
    position_of,
    write_changes,
)
from untilclick.search.errors import DataError, EngineError
from untilclick.search.files.json_records import read_record
from untilclick.search.files.whole_files import write_whole
from untilclick.search.live.changes import Change, ChangeKind
from untilclick.search.live.journal import ChangeJournal
from untilclick.search.records import Corpus, Document

PREFIX = "live-"
MARK, IN_USE = "live.json", "in-use"
"""Files of the folder: the mark, and a file that is touched while a process searches the index."""

IN_USE_S = 60.0
"""Seconds for which an index counts as searched after a process has touched its file."""

Placed = tuple[int, Document]
"""A document and its place among documents of equal score."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What an index holds."""

    journal: str
    """`ChangeJournal.journal_id`."""
    sequence: int
    """Number of the last change."""
    analysis: str
    """Name of the analysis."""
    fingerprint: str
    """Fingerprint of the corpus."""
    documents: int
    """Number of documents of the corpus."""


class LiveIndex:
    """A folder with a live index. A thread that changes it holds the lock of the journal."""

    def __init__(self, path: Path, mark: Mark) -> None:
        self.path = path
        self.mark = mark

    @classmethod
    def at(cls, path: Path) -> LiveIndex | None:
        """The index in a folder; None if the folder has no mark. Raises EngineError for a mark that is not one."""
        try:
            return cls(path, read_record(Mark, path / MARK))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise EngineError(
                f"{path / MARK} cannot be read ({error}). Delete the folder to have the index built again"
            ) from error

    @property
    def in_use(self) -> bool:
        """Whether a process searches the index now."""
        try:
            return time.time() - (self.path / IN_USE).stat().st_mtime < IN_USE_S
        except OSError:
            return False

    def touch(self) -> None:
        """Let other processes know that this one searches the index."""
        try:
            (self.path / IN_USE).touch()
        except OSError as error:
            raise EngineError(f"{self.path} cannot be written ({error.strerror})") from error

    def catch_up(self, journal: ChangeJournal, dropped: Callable[[str], Placed | None] | None) -> bool:
        """Apply the changes that the index lacks. Returns whether there were any.

        `dropped` gives the document of the index's corpus whose change was dropped, with its place; without it, an
        index that lacks a dropped change stays behind. Raises EngineError if the index cannot be changed.
        """
        self.mark = _reread(self).mark
        changes = journal.since(self.mark.sequence)
        if not changes or (dropped is None and any(change.kind is ChangeKind.DROPPED for change in changes)):
            return False
        index = open_at(self.path)
        places = (self._placed(change, position_of(index, change.doc_id), dropped) for change in changes)
        write_changes(index, analysis_by_name(self.mark.analysis), list(places))
        self.write_mark(replace(self.mark, sequence=changes[-1].sequence))
        return True

    def documents(self) -> Iterator[Placed]:
        """All documents in the order of their places."""
        return placed_documents(open_at(self.path))

    def write_mark(self, mark: Mark) -> None:
        """Replace the mark. Raises EngineError."""
        try:
            write_whole(self.path / MARK, json.dumps(asdict(mark)))
        except (OSError, DataError) as error:
            raise EngineError(f"{self.path / MARK} cannot be written ({error})") from error
        self.mark = mark

    def _placed(
        self, change: Change, position: int | None, dropped: Callable[[str], Placed | None] | None
    ) -> PlacedChange:
        """The change with the place of its document; `position` is the place that the document has now."""
        if change.kind is ChangeKind.DROPPED:
            of_corpus = dropped(change.doc_id) if dropped else None
            place, document = of_corpus or (0, None)
            return PlacedChange(change.doc_id, document, place)
        place = added_place(change, self.mark.documents)
        if change.place is None and position is not None:
            place = position
        return PlacedChange(change.doc_id, change.document, place)


def added_place(change: Change, n_documents: int) -> int:
    """The place of a document that was put, behind the `n_documents` of the corpus."""
    return n_documents + (change.sequence if change.place is None else change.place)


def new_path(folder: Path, mark: Mark) -> Path:
    """The folder of a new index, below an index folder."""
    return folder / f"{PREFIX}{mark.journal[:8]}-{index_name(mark.fingerprint, analysis_by_name(mark.analysis))}"


def live_folders(folder: Path) -> list[Path]:
    """All folders of live indexes below an index folder."""
    return sorted(path for path in folder.glob(f"{PREFIX}*") if path.is_dir())


def live_indexes(folder: Path, journal: ChangeJournal) -> list[LiveIndex]:
    """All live indexes below an index folder that follow a journal."""
    indexes = (LiveIndex.at(path) for path in live_folders(folder))
    return [index for index in indexes if index is not None and index.mark.journal == journal.journal_id]


def changed_corpus(corpus: Corpus, changes: Sequence[Change]) -> Iterator[Placed]:
    """The documents of a corpus and of a journal's changes, in the order of their places."""
    by_id = {change.doc_id: change for change in changes if change.kind is not ChangeKind.DROPPED}
    of_corpus = {document.doc_id for document in corpus.documents} if by_id else set()
    for position, document in enumerate(corpus.documents):
        change = by_id.get(document.doc_id)
        if change is None:
            yield position, document
        elif change.document is not None and change.place is None:
            yield position, change.document
    added = [
        (added_place(change, len(corpus.documents)), change.document)
        for change in by_id.values()
        if change.document is not None and (change.place is not None or change.doc_id not in of_corpus)
    ]
    yield from sorted(added, key=lambda placed: placed[0])


@contextmanager
def built(path: Path, placed: Iterable[Placed], mark: Mark) -> Iterator[LiveIndex]:
    """Build an index beside `path`, in a folder that is removed when the block ends unless it was renamed.

    Raises EngineError if that fails.
    """
    try:
        with built_beside(path, placed, analysis_by_name(mark.analysis)) as temporary:
            index = LiveIndex(temporary, mark)
            index.write_mark(mark)
            yield index
    except (OSError, ValueError) as error:
        raise EngineError(f"{path}: the index cannot be built ({error}). Check the folder and its disk") from error


def _reread(index: LiveIndex) -> LiveIndex:
    """The index with the mark that is on the disk now. Raises EngineError if the folder has none any more."""
    reread = LiveIndex.at(index.path)
    if reread is None:
        raise EngineError(f"{index.path} is no longer an index. Restart the service to have it built again")
    return reread
