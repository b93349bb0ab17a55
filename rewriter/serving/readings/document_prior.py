"""How prominent documents are, as a part of the sum that ranks them: a prior that does not depend on the query.

The values are those of `search/text/prominence.py`, computed when a model is trained and kept in its bundle. A
document that was put while the service runs has the value of its title among those; a title that no document of the
training had is named by none of them, and has 0. A deleted document is no candidate. Values for the documents as they
are now would need all texts at every start.

The prior ranks the candidates of the readings anew and finds none. A query that is searched by words alone is ranked
by the engine, without a sum, and has no prior.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from zipfile import BadZipFile

import numpy as np
from cachetools import LRUCache, cached
from numpy.typing import NDArray

from untilclick.search.analysis.normal_form import text_key
from untilclick.search.engines.vectors.protocol import VectorIndex
from untilclick.search.errors import ModelError, UnknownDocumentError
from untilclick.search.records import Corpus, Document
from untilclick.search.text.prominence import prominence, shares_of_most

Stored = Callable[[Sequence[str]], Sequence[Document]]
"""Gives documents by their ids. Raises UnknownDocumentError for an unknown id."""


@dataclass(frozen=True)
class DocumentPrior:
    """The prominence of the documents of a training, 0 for all that are not listed."""

    values: Mapping[str, float] = field(default_factory=dict)
    """doc_id -> prominence, in (0, 1]."""
    titles: Mapping[str, float] = field(default_factory=dict)
    """`text_key` of a title -> the largest prominence of the documents with such a title, in (0, 1]."""

    @classmethod
    def of(cls, corpus: Corpus) -> DocumentPrior:
        """The prior of a corpus; empty if no document names another."""
        shares = shares_of_most(prominence(corpus)).tolist()
        named = [(each, share) for each, share in zip(corpus.documents, shares, strict=True) if share > 0]
        values = {document.doc_id: share for document, share in named}
        titles: dict[str, float] = {}
        for document, share in named:
            key = text_key(document.title)  # `Open` and `open` have one key, and a prominence each
            titles[key] = max(share, titles.get(key, 0.0))
        return cls(values, titles)

    def __bool__(self) -> bool:
        """Whether a document is named."""
        return bool(self.values)

    def save(self, path: Path) -> None:
        """Write an `.npz` file. Its texts are the bytes of a JSON list: an array of strings has all of them as long
        as the longest title."""
        keys = {"doc_ids": list(self.values), "titles": list(self.titles)}
        names = {name: np.frombuffer(json.dumps(each).encode(), np.uint8) for name, each in keys.items()}
        of_documents, of_titles = (np.array([*each.values()], np.float32) for each in (self.values, self.titles))
        np.savez(path, allow_pickle=False, values=of_documents, of_titles=of_titles, **names)

    @classmethod
    def load(cls, path: Path) -> DocumentPrior:
        """Read a file that `save` wrote. Raises ModelError if it cannot be read."""
        try:
            with np.load(path, allow_pickle=False) as parts:
                ids, titles = (json.loads(parts[name].tobytes()) for name in ("doc_ids", "titles"))
                values, of_titles = (parts[name].tolist() for name in ("values", "of_titles"))
                return cls(dict(zip(ids, values, strict=True)), dict(zip(titles, of_titles, strict=True)))
        except (OSError, EOFError, ValueError, KeyError, TypeError, BadZipFile) as error:
            raise ModelError(f"{path} cannot be read ({error}); make it again with `untilclick export`") from error


@cached(LRUCache(maxsize=2), key=lambda corpus: corpus.fingerprint, lock=Lock())
def prior_of(corpus: Corpus) -> DocumentPrior:
    """See `DocumentPrior.of`; the prior of equal documents is computed once. No corpus is kept for it."""
    return DocumentPrior.of(corpus)


@dataclass(frozen=True, eq=False)
class PresentPrior:
    """The prior of the documents as they are now, see `PriorScores`."""

    prior: DocumentPrior
    index: VectorIndex
    """Knows which documents have changed."""

    def values(self, doc_ids: Sequence[str], stored: Stored) -> NDArray[np.float64]:
        """(n,) the values of given documents, in [0, 1]; 0 for one that is gone. The titles of changed documents are
        read by `stored`."""
        changed = self._by_title([doc_id for doc_id in doc_ids if self.index.is_changed(doc_id)], stored)
        values = {doc_id: self.prior.values.get(doc_id, 0.0) for doc_id in doc_ids} | changed
        return np.array([values[doc_id] for doc_id in doc_ids], dtype=np.float64)

    def _by_title(self, doc_ids: Sequence[str], stored: Stored) -> dict[str, float]:
        """doc_id -> value; 0 for a document that is gone, the only ones to be asked for one by one."""
        if not doc_ids:
            return {}
        try:
            documents = stored(doc_ids)
        except UnknownDocumentError:
            documents = [document for doc_id in doc_ids for document in _if_stored(doc_id, stored)]
        found = {each.doc_id: self.prior.titles.get(text_key(each.title), 0.0) for each in documents}
        return {doc_id: found.get(doc_id, 0.0) for doc_id in doc_ids}


def _if_stored(doc_id: str, stored: Stored) -> Sequence[Document]:
    """The document, or nothing if it is gone."""
    with suppress(UnknownDocumentError):
        return stored([doc_id])
    return ()
