"""Documents that are added, replaced and deleted while the service runs."""

from __future__ import annotations

import logging
from threading import Event, Thread

from untilclick.search.engines.protocol import LiveEngine
from untilclick.search.errors import EngineError, UntilclickError
from untilclick.search.records import Document

FOLLOW_S = 0.5
"""Seconds between two looks at the changes of other processes."""

_log = logging.getLogger(__name__)


class FixedDocumentsError(UntilclickError):
    """The documents of this service cannot be changed."""


class LiveDocuments:
    """Changes an engine's documents, and applies the changes of other processes. May be shared between threads."""

    def __init__(self, engine: LiveEngine) -> None:
        self._engine = engine
        self._stop = Event()
        self._thread = Thread(target=self._follow, name="follow-documents", daemon=True)
        self._thread.start()

    def put(self, document: Document) -> None:
        """Add a document, or replace the one with its id; it is searchable on return. Raises EngineError."""
        self._engine.put(document)

    def delete(self, doc_id: str) -> None:
        """Delete a document. Raises UnknownDocumentError, or another EngineError."""
        self._engine.delete(doc_id)

    def close(self) -> None:
        """Stop applying changes of other processes."""
        self._stop.set()
        self._thread.join()

    def _follow(self) -> None:
        while not self._stop.wait(FOLLOW_S):
            try:
                self._engine.refresh()
            except EngineError as error:
                _log.error("Changes of documents by other processes cannot be applied: %s", error)
            except Exception:  # an error must not end the thread: this process would miss all later changes
                _log.exception("Changes of documents by other processes cannot be applied")
