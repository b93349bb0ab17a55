"""The documents of a corpus while a service needs them, and again from their source after it has released them."""

from __future__ import annotations

from untilclick.search.corpora.load import load_corpus
from untilclick.search.errors import EngineError
from untilclick.search.records import Corpus, Document


class HeldCorpus:
    """The documents of a corpus, in memory until they are released. Threads may share it."""

    def __init__(self, corpus: Corpus) -> None:
        self._corpus: Corpus | None = corpus
        self._source, self._fingerprint = corpus.source, corpus.fingerprint

    @property
    def released(self) -> bool:
        """Whether the documents are no longer in memory."""
        return self._corpus is None

    def release(self) -> None:
        """Let the memory go."""
        self._corpus = None

    def documents(self) -> tuple[Document, ...]:
        """The documents in corpus order. Raises EngineError if they were released and are no longer where they
        were, and DataError if their source cannot be read."""
        corpus = self._corpus or load_corpus(self._source)
        if corpus.fingerprint != self._fingerprint:
            raise EngineError(f"{self._source} was edited. Restart the service to have its documents read again")
        return corpus.documents
