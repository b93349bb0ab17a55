"""Which journal of an index folder has the changes of a source's documents.

An index folder may serve several sources, and changes to the documents of one must never reach another. A journal is
that of a source if it was made for it, or if it was last used with equal documents, which then have another name. If
the source of a journal is gone, its changes may belong to a source under a new name. No program can tell, so the
setting `UNTILCLICK_LIVE_CHANGES` decides.
"""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path
from typing import Literal

from filelock import FileLock

from untilclick.search.errors import EngineError
from untilclick.search.live.journal import ChangeJournal
from untilclick.search.records import Corpus

Unclear = Literal["refuse", "keep", "drop"]
"""What happens to earlier changes if it is not clear what they are, or whether they are of these documents."""

REMEDY = (
    "Set UNTILCLICK_LIVE_CHANGES=keep to {keep}, or UNTILCLICK_LIVE_CHANGES=drop to begin with the documents as they "
    "are"
)
"""The end of a refusal."""

_log = logging.getLogger(__name__)


class UnclearChangesError(EngineError):
    """There are earlier changes that may or may not be changes of these documents."""


def open_journal(folder: Path, corpus: Corpus, unclear: Unclear) -> ChangeJournal:
    """The journal of a corpus's source; a new one if the folder has none.

    Raises UnclearChangesError if a journal may be that of this source under another name and `unclear` is `refuse`.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".changes.lock"):
            return _open_journal(folder, corpus, unclear)
    except OSError as error:
        raise EngineError(f"{folder} cannot be a folder of indexes ({error.strerror}). Choose another") from error


def journal_ids(folder: Path) -> set[str]:
    """The ids of all journals in an index folder. Raises EngineError."""
    ids = set()
    for path in folder.glob("changes-*.db"):
        journal = ChangeJournal(path)
        ids.add(journal.journal_id)
        journal.close()
    return ids


def source_key(source: str) -> str:
    """A source as a journal notes it: the whole path of a file or folder, any other source as it is."""
    path = Path(source)
    return str(path.resolve()) if path.exists() else source


def _open_journal(folder: Path, corpus: Corpus, unclear: Unclear) -> ChangeJournal:
    key = source_key(corpus.source)
    journals = [ChangeJournal(path) for path in sorted(folder.glob("changes-*.db"))]
    chosen = next((journal for journal in journals if key in journal.sources), None) or next(
        (journal for journal in journals if journal.fingerprint == corpus.fingerprint), None
    )
    if chosen is None:
        chosen = _journal_of_a_gone_source(journals, corpus.source, unclear)
    if chosen is None:
        _tell_of_others(journals, corpus.source)
        chosen = ChangeJournal(folder / f"changes-{hashlib.sha256(key.encode()).hexdigest()[:12]}.db")
    for journal in journals:
        if journal is not chosen:
            journal.close()
    chosen.add_source(key)
    return chosen


def _journal_of_a_gone_source(journals: list[ChangeJournal], source: str, unclear: Unclear) -> ChangeJournal | None:
    """The journal with changes whose sources no longer exist, if it is to be kept; of several the newest."""
    orphans = [journal for journal in journals if journal.counts.total and _gone(journal)]
    if not orphans or unclear == "drop":
        return None
    orphan = max(orphans, key=lambda journal: journal.path.stat().st_mtime)
    names = " or ".join(orphan.sources)
    if unclear == "refuse":
        keep = f"apply these changes to {source}"
        raise UnclearChangesError(
            f"{orphan.path} has changed documents ({orphan.counts}) of {names}, which is gone. "
            f"{REMEDY.format(keep=keep)}"
        )
    _log.warning("The changed documents of %s (%s) now apply to %s", names, orphan.counts, source)
    return orphan


def _tell_of_others(journals: list[ChangeJournal], source: str) -> None:
    """Log that the changes of other sources do not apply to a new one."""
    for journal in journals:
        if (counts := journal.counts).total:
            names = " or ".join(journal.sources)
            _log.warning("The changed documents of %s (%s) do not apply to %s", names, counts, source)


def _gone(journal: ChangeJournal) -> bool:
    """Whether all sources of a journal were files or folders that no longer exist."""
    return all(Path(source).is_absolute() and not Path(source).exists() for source in journal.sources)
