"""The changes in live indexes that follow no journal, which are taken into the journal once.

Such an index was written before there were journals, and has no mark, or its journal was deleted. Its name ends in
the fingerprint of the corpus that it was built from. If that is the corpus of now, the difference between the two is
what was changed. If the corpus has been edited since, an index whose documents still have the fingerprint in its name
was never changed. Otherwise an edit of the corpus and a change of a document look alike, except for documents whose
ids the corpus lacks.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

from untilclick.search.analysis.by_name import FIRST_NAME
from untilclick.search.corpora.load import fingerprint
from untilclick.search.engines.tantivy_index import commit_stamp, open_at, placed_documents
from untilclick.search.live.changes import NewChange
from untilclick.search.live.journal import ChangeJournal
from untilclick.search.live.journals import REMEDY, Unclear, UnclearChangesError, journal_ids
from untilclick.search.live.live_index import LiveIndex, Mark, Placed, live_folders
from untilclick.search.records import Corpus

SHARED_IDS = 0.5
"""Share of its ids that an index has in common with the corpus if it is an index of these documents."""

KEPT, DROPPED, UNCHANGED, OTHER = "kept", "dropped", "unchanged", "other documents"
"""What was decided about an index of another corpus."""

_log = logging.getLogger(__name__)


def take_earlier_indexes(folder: Path, journal: ChangeJournal, corpus: Corpus, unclear: Unclear) -> None:
    """Take the changes in all indexes without a journal into this one. The caller holds the journal's lock.

    The changes that the journal has already are later ones and stay. Raises UnclearChangesError for changes of which
    it is not clear whether they are wanted, if `unclear` is `refuse`; then nothing of that index is taken.
    """
    began_empty = journal.last == 0
    of_corpus = []  # folders of indexes that were built from this very corpus
    for path in sorted(_without_journal(folder, journal), key=_stamp):
        if _fingerprint_of(path) == corpus.fingerprint:
            of_corpus.append(path)
        elif journal.decision(path.name, _stamp(path)) is None:
            journal.decide(path.name, _stamp(path), _decide(path, journal, corpus, unclear))
    for path in of_corpus:
        if journal.decision(path.name, _stamp(path)) == DROPPED:
            aside = path.with_name(f".dropped-{path.name}")
            path.rename(aside)
            _log.warning("%s is now %s: its changes were dropped", path, aside)
        else:
            _take(path, journal, corpus, holds_all=began_empty and len(of_corpus) == 1)


def _without_journal(folder: Path, journal: ChangeJournal) -> list[Path]:
    """The folders of the indexes that follow no journal."""
    others = [
        (path, index)
        for path in live_folders(folder)
        if (index := LiveIndex.at(path)) is None or index.mark.journal != journal.journal_id
    ]
    known = journal_ids(folder) if any(index is not None for _, index in others) else set()
    return [path for path, index in others if index is None or index.mark.journal not in known]


def _take(path: Path, journal: ChangeJournal, corpus: Corpus, *, holds_all: bool) -> None:
    """Take the changes in an index of this very corpus, and mark it as one that follows the journal.

    `holds_all`: the journal gets no other changes. The index is then left as it is, since a change of a document
    also changes scores: replaced documents count towards idf for a while.
    """
    analysis = _analysis_of(path)
    taken = journal.take(_difference(path, corpus), keep_known=True)
    if taken:
        _log.warning("%s: %d changed documents are kept, now in %s", path, taken, journal.path)
    journal.note_analysis(analysis)
    sequence = journal.last if holds_all else 0
    mark = Mark(journal.journal_id, sequence, analysis, corpus.fingerprint, len(corpus.documents))
    LiveIndex(path, mark).write_mark(mark)


def _difference(path: Path, corpus: Corpus) -> list[NewChange]:
    """The changes that make the documents of the corpus those of an index that was built from it."""
    n = len(corpus.documents)
    stored = {document.doc_id: (place, document) for place, document in _documents(path)}
    changes = [NewChange(document.doc_id, None) for document in corpus.documents if document.doc_id not in stored]
    of_corpus = {document.doc_id: document for document in corpus.documents}
    for place, document in stored.values():
        if place >= n:
            changes.append(NewChange(document.doc_id, document, place - n))
        elif document != of_corpus.get(document.doc_id):
            changes.append(NewChange(document.doc_id, document))
    return changes


def _decide(path: Path, journal: ChangeJournal, corpus: Corpus, unclear: Unclear) -> str:
    """Take what is to be kept of an index of another corpus. Returns the decision. Raises UnclearChangesError."""
    documents = [document for _, document in _documents(path)]
    if fingerprint(documents) == _fingerprint_of(path):
        return UNCHANGED
    of_corpus = {document.doc_id: document for document in corpus.documents}
    lacking = [document for document in documents if document.doc_id not in of_corpus]
    if len(lacking) > (1 - SHARED_IDS) * len(documents):
        _log.warning("%s is left alone: most of its documents are not in %s", path, corpus.source)
        return OTHER
    if unclear == "refuse":
        differing = sum(document != of_corpus.get(document.doc_id) for document in documents) - len(lacking)
        absent = len(of_corpus) - (len(documents) - len(lacking))
        keep = f"keep the documents that {corpus.source} lacks"
        raise UnclearChangesError(
            f"{path} has documents that were changed while the service ran, and {corpus.source} was edited since. It "
            f"is not clear which of these visitors changed: documents that {corpus.source} lacks ({len(lacking):,}), "
            f"that differ ({differing:,}) and that only it has ({absent:,}). {REMEDY.format(keep=keep)}"
        )
    if unclear == "drop":
        _log.warning("%s: its changed documents are dropped", path)
        return DROPPED
    first = 1 + max((change.place or 0 for change in journal.present()), default=-1)
    changes = [NewChange(document.doc_id, document, first + i) for i, document in enumerate(lacking)]
    taken = journal.take(changes, keep_known=True)
    _log.warning("%s: %d documents that %s lacks are kept, now in %s", path, taken, corpus.source, journal.path)
    journal.note_analysis(_analysis_of(path))
    return KEPT


def _documents(path: Path) -> Iterator[Placed]:
    return placed_documents(open_at(path))


def _fingerprint_of(path: Path) -> str:
    """Fingerprint of the corpus that an index was built from."""
    return path.name.rsplit("-", 1)[-1]


def _analysis_of(path: Path) -> str:
    """Name of the analysis of an index; an index without a mark has the first."""
    index = LiveIndex.at(path)
    return FIRST_NAME if index is None else index.mark.analysis


def _stamp(path: Path) -> str:
    """Identifies the state of an index, so that a later change is noticed. Later states have later stamps."""
    return "{:020d}.{}".format(*(commit_stamp(path) or (0, 0)))
