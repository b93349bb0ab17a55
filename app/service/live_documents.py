"""Documents that are added, replaced and deleted while the service runs."""

from __future__ import annotations

import logging
from threading import Event, Thread

from untilclick.search.errors import EngineError, UntilclickError
from untilclick.search.live.live_indexes import LiveIndexes
from untilclick.search.records import Document

FOLLOW_S = 0.5
"""Seconds between two looks at the changes of other processes."""

_log = logging.getLogger(__name__)


class FixedDocumentsError(UntilclickError):
    """The documents of this service cannot be changed."""


class LiveDocuments:
    """Changes the documents of all indexes, and follows the changes of other processes. Threads may share it."""

    def __init__(self, indexes: LiveIndexes) -> None:
        self._indexes = indexes
        self._stop = Event()
        self._thread = Thread(target=self._follow, name="follow-documents", daemon=True)
        self._thread.start()

    def put(self, document: Document) -> None:
        """Add a document, or replace the one with its id; it is searchable on return. Raises EngineError."""
        self._indexes.put(document)

    def delete(self, doc_id: str) -> None:
        """Delete a document. Raises UnknownDocumentError, or another EngineError."""
        self._indexes.delete(doc_id)

    def close(self) -> None:
        """Stop following, and close the journal."""
        self._stop.set()
        self._thread.join()
        self._indexes.close()

    def _follow(self) -> None:
        while not self._stop.wait(FOLLOW_S):
            try:
                self._indexes.follow()
            except EngineError as error:
                _log.error("Changes of documents by other processes cannot be applied: %s", error)
            except Exception:  # an error must not end the thread: this process would miss all later changes
                _log.exception("Changes of documents by other processes cannot be applied")
