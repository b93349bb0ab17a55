"""Documents that are put and deleted while the service runs."""

from __future__ import annotations

import logging
from threading import Event, Thread

from untilclick.search.engines.protocol import LiveEngine
from untilclick.search.errors import EngineError, UntilclickError
from untilclick.search.records import Document

FOLLOW_S = 0.5
"""Seconds after which a process has what another one changed."""

_log = logging.getLogger(__name__)


class FixedDocumentsError(UntilclickError):
    """The service searches one corpus for good."""


class LiveDocuments:
    """Changes an engine's documents, and follows what other processes change. May be shared between threads."""

    def __init__(self, engine: LiveEngine) -> None:
        self._engine = engine
        self._stop = Event()
        self._thread = Thread(target=self._follow, name="follow-documents", daemon=True)
        self._thread.start()

    def put(self, document: Document) -> None:
        """Add a document or replace the one of its id; searchable when this returns. Raises EngineError."""
        self._engine.put(document)

    def delete(self, doc_id: str) -> None:
        """Remove a document. Raises UnknownDocumentError, or another EngineError."""
        self._engine.delete(doc_id)

    def close(self) -> None:
        """Follow no longer."""
        self._stop.set()
        self._thread.join()

    def _follow(self) -> None:
        while not self._stop.wait(FOLLOW_S):
            try:
                self._engine.refresh()
            except EngineError as error:
                _log.error("Changes of documents are not followed: %s", error)
            except Exception:  # a thread that ends would follow nothing any more
                _log.exception("Following the documents failed")
