"""The live indexes of one source's documents, one for each analysis in use, and changes that reach all of them.

A change is in the journal, on the disk, before any index gets it. Then every index that some process searches gets
it: the folders are read from the disk at each change. If a process ends in between, its indexes lack the change; the
next process that changes, follows or opens them applies it. An index that no process searches misses changes, and
gets them when it is opened again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from threading import Lock
from weakref import WeakSet

from untilclick.search.analysis.analysis import Analysis
from untilclick.search.corpora.held_corpus import HeldCorpus
from untilclick.search.engines.tantivy_engine import TantivyEngine
from untilclick.search.engines.vectors.shared_vectors import SharedVectors
from untilclick.search.errors import EngineError, UnknownDocumentError, UntilclickError
from untilclick.search.live.changes import Change, ChangeCounts, ChangeKind
from untilclick.search.live.earlier_indexes import take_earlier_indexes
from untilclick.search.live.journals import Unclear, open_journal
from untilclick.search.live.live_index import (
    IN_USE_S,
    LiveIndex,
    Mark,
    Placed,
    built,
    changed_corpus,
    live_indexes,
    new_path,
)
from untilclick.search.live.live_vectors import LiveVectors
from untilclick.search.records import Corpus, Document
from untilclick.search.text.titles import Titles

TOUCH_S = IN_USE_S / 10
"""Seconds between two signs that this process searches its indexes: some may be late before an index counts as
left."""

_log = logging.getLogger(__name__)


class LiveIndexes:
    """Opens the live indexes of a corpus and changes their documents. Threads may share it."""

    def __init__(self, corpus: Corpus, folder: Path, unclear: Unclear = "refuse") -> None:
        """Open the journal of the corpus's source in an index folder, and take the changes of earlier versions into
        it.

        Raises UnclearChangesError if there are changes that may be of these documents and `unclear` is `refuse`, and
        EngineError if the folder cannot be used.
        """
        self._folder = folder
        self._source, self._fingerprint = corpus.source, corpus.fingerprint
        self._titles = Titles.of(corpus.documents)
        self._titles_at = 0  # number of the last change that the table has
        self._retitling = Lock()
        self._corpus: Corpus | None = corpus
        self._engines: WeakSet[TantivyEngine] = WeakSet()
        self._touched = 0.0
        self._held = HeldCorpus(corpus)
        self.journal = open_journal(folder, corpus, unclear)
        with self.journal.lock():
            take_earlier_indexes(folder, self.journal, corpus, unclear)
            self._tell_of_changes()
            self.journal.note_fingerprint(corpus.fingerprint)
        self.vectors = LiveVectors(SharedVectors(self._held.documents, folder), self.journal)
        """The documents as vectors, see `DocumentVectors`."""

    @property
    def analysis(self) -> str | None:
        """Name of the analysis that the first index of these documents was made by; None without an index."""
        return self.journal.analysis

    def forget_corpus(self) -> None:
        """Release the documents of the corpus. Further indexes are built from the documents of an index."""
        self._corpus = None
        self._held.release()

    def open(self, analysis: Analysis) -> TantivyEngine:
        """An engine over the index of an analysis, which is built first if it does not exist.

        The index is built while other threads and processes change documents; it gets their changes before it has
        its name. Raises EngineError.
        """
        if self._find(analysis.name) is None:
            self._build(analysis)
        with self.journal.lock():
            index = self._find(analysis.name)
            if index is None:
                raise EngineError(f"The index by {analysis.name} was removed from {self._folder}. Try again")
            index.touch()
            index.catch_up(self.journal, self._dropped())
            self.journal.note_analysis(analysis.name)
        engine = TantivyEngine.open_live(index.path, analysis, self._titles)
        self._engines.add(engine)
        self._refresh([engine])
        return engine

    def put(self, document: Document) -> None:
        """Add a document or replace the document of the same id. Searches of this process find it on return, by its
        words and by the encoders in use.

        A replaced document keeps its place among ties. As in Lucene, replaced and deleted documents count towards idf
        and mean length until tantivy merges their segment. Raises EngineError if the change cannot be recorded, or if
        it is recorded and an index cannot be changed; that index gets it later.
        """
        vectors = self.vectors.encode(document)
        with self._changing():
            self.vectors.keep(vectors, document)
            self.journal.put(document, exists=self._exists(document.doc_id))

    def delete(self, doc_id: str) -> None:
        """Remove a document. Raises UnknownDocumentError for an unknown id, and EngineError as `put` does."""
        with self._changing():
            if not self._exists(doc_id):
                raise UnknownDocumentError(f"No document {doc_id!r} in the index. Check the id")
            self.journal.delete(doc_id)

    def drop_changes(self) -> ChangeCounts:
        """Make the documents those of the corpus again. Returns the numbers of the changes that were dropped.

        Raises EngineError as `put` does.
        """
        with self.journal.lock():
            counts = self.journal.drop()
            self._apply(live_indexes(self._folder, self.journal))
        return counts

    def follow(self) -> None:
        """Load the changes of other processes, and apply those that a process left undone when it ended.

        Raises EngineError.
        """
        engines = list(self._engines)
        if time.monotonic() - self._touched > TOUCH_S:
            self._touched = time.monotonic()
            for engine in engines:
                self._index_of(engine).touch()
        last = self.journal.last
        behind = [index for index in map(self._index_of, engines) if index.mark.sequence < last]
        if behind:
            with self.journal.lock():
                self._apply(behind)
        self._refresh(engines)

    def close(self) -> None:
        """Stop encoding, and close the journal."""
        self.vectors.close()
        self.journal.close()

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Change the journal in a block, then all indexes in use."""
        engines = list(self._engines)
        searched = {engine.path for engine in engines}  # by this process
        with self.journal.lock():
            yield
            indexes = live_indexes(self._folder, self.journal)
            self._apply([index for index in indexes if index.path in searched or index.in_use])
        self._refresh(engines)

    def _exists(self, doc_id: str) -> bool:
        """Whether there is a document of this id, in the corpus or by a change."""
        change = self.journal.of(doc_id)
        if change is None or change.kind is ChangeKind.DROPPED:
            return doc_id in self._titles.doc_ids
        return change.kind is ChangeKind.PUT

    def _apply(self, indexes: Sequence[LiveIndex]) -> None:
        """Apply the changes that indexes lack, to as many of them as possible. Raises the EngineError of the last
        one that failed."""
        fault: UntilclickError | None = None
        dropped = self._dropped()
        for index in indexes:
            is_of_corpus = index.mark.fingerprint == self._fingerprint
            try:
                index.catch_up(self.journal, dropped if is_of_corpus else None)
            except UntilclickError as error:
                _log.error("%s does not have the latest changes of documents yet: %s", index.path, error)
                fault = error
        if fault is not None:
            raise EngineError("A change of documents is recorded, but not in all indexes yet") from fault

    def _build(self, analysis: Analysis) -> None:
        """Build an index, and give it its name with all changes applied. If another process was faster, its index
        stays."""
        sequence, placed = self._documents()
        mark = Mark(self.journal.journal_id, sequence, analysis.name, self._fingerprint, len(self._titles.doc_ids))
        path = new_path(self._folder, mark)
        _log.info("Building the live index %s", path)
        with built(path, placed, mark) as index, self.journal.lock():
            if self._find(analysis.name) is None:
                index.catch_up(self.journal, self._dropped())
                index.path.rename(path)

    def _documents(self) -> tuple[int, Iterator[Placed]]:
        """The documents of a new index, and the number of the last change in them."""
        if self._corpus is not None:
            changes = self.journal.since(0)
            return (changes[-1].sequence if changes else 0), changed_corpus(self._corpus, changes)
        index = self._find(None)
        if index is None:
            raise EngineError(f"{self._folder} has no index of these documents any more. Restart the service")
        return index.mark.sequence, index.documents()

    def _find(self, analysis: str | None) -> LiveIndex | None:
        """The index of this corpus by an analysis, or by any; None if there is none."""
        for index in live_indexes(self._folder, self.journal):
            if index.mark.fingerprint == self._fingerprint and analysis in (None, index.mark.analysis):
                return index
        return None

    def _index_of(self, engine: TantivyEngine) -> LiveIndex:
        """The index of an engine as it is on the disk. Raises EngineError if it is no longer there."""
        assert engine.path is not None
        index = LiveIndex.at(engine.path)
        if index is None or index.mark.journal != self.journal.journal_id:
            raise EngineError(f"{engine.path} is no longer an index of these documents. Restart the service")
        return index

    def _dropped(self) -> Callable[[str], Placed | None]:
        """A function that gives the document of the corpus of an id, with its place.

        It raises EngineError if the corpus was released and is no longer where it was.
        """

        @cache
        def documents() -> dict[str, Placed]:
            return {document.doc_id: (place, document) for place, document in enumerate(self._held.documents())}

        return lambda doc_id: documents().get(doc_id)

    def _refresh(self, engines: Sequence[TantivyEngine]) -> None:
        """Load the last committed state of the engines' indexes, and the titles and vectors of its documents."""
        for engine in engines:
            engine.refresh()
        self.vectors.follow()
        with self._retitling:
            changes = self.journal.since(self._titles_at)
            if changes and engines:
                self._titles = self._titles.with_changes({each.doc_id: _title(each, engines[0]) for each in changes})
                self._titles_at = changes[-1].sequence
            for engine in engines:
                engine.titles = self._titles

    def _tell_of_changes(self) -> None:
        """Log that changes apply to another corpus than before."""
        before, counts = self.journal.fingerprint, self.journal.counts
        if before not in (None, self._fingerprint) and counts.total:
            _log.warning(
                "%s has other documents than at the last start; documents that were changed while the service ran "
                "(%s) stay as they were changed. `untilclick changes` lists and drops them",
                self._source, counts,
            )  # fmt: skip


def _title(change: Change, engine: TantivyEngine) -> str | None:
    """The title of a changed document; None if there is no such document any more."""
    if change.kind is not ChangeKind.DROPPED:
        return change.document.title if change.document else None
    try:
        return engine.documents([change.doc_id])[0].title
    except UnknownDocumentError:
        return None
