"""BM25 by the library rank-bm25: in memory, small corpora, the textbook reference with k1 and b free.

Scores of a plain query are BM25Okapi's own, to the last bit. Where its idf is negative (a term in more than half of
the documents) the library puts a small positive value instead; scores of 0 and below are not returned.
"""

from __future__ import annotations

from collections.abc import Collection as AbstractCollection
from collections.abc import Sequence
from operator import attrgetter
from threading import Lock

import numpy as np
from cachetools import LRUCache, cachedmethod
from numpy.typing import NDArray
from rank_bm25 import BM25Okapi

from untilclick.search.engines.clauses import query_tokens
from untilclick.search.engines.feedback import FEEDBACK_DOCUMENTS, AnalysedDocuments, feedback
from untilclick.search.errors import EngineError, UnknownDocumentError
from untilclick.search.records import Corpus, Document, Feedback, ScoredDoc, WeightedQuery
from untilclick.search.text.analysis import terms

CACHE_BYTES = 64 * 2**20
"""Memory for the score vectors of the latest query terms."""


class RankBm25Engine:
    """`SearchEngine` over BM25Okapi. A search costs one pass over the corpus per term not seen lately."""

    def __init__(self, corpus: Corpus, *, k1: float = 0.9, b: float = 0.4) -> None:
        """Analyse and count the whole corpus; k1 and b default to the values of most published BM25 baselines.

        Raises `EngineError` for a corpus without a single indexable word.
        """
        bags = [terms(document.content) for document in corpus.documents]
        if not any(bags):
            remedy = "Give documents with text, or use the engine tantivy"
            raise EngineError(f"The corpus {corpus.source!r} has no indexable word. {remedy}")
        self._documents = corpus.documents
        self._rows = {document.doc_id: row for row, document in enumerate(corpus.documents)}
        self._bm25 = BM25Okapi(bags, k1=k1, b=b)
        self._vectors = LRUCache[str, NDArray[np.float64]](max(16, CACHE_BYTES // (8 * len(bags))))
        self._lock = Lock()
        self._analysed = AnalysedDocuments(self.documents)

    @property
    def name(self) -> str:
        """`rank-bm25`."""
        return "rank-bm25"

    def search(self, queries: Sequence[WeightedQuery], k: int) -> list[list[ScoredDoc]]:
        """See `SearchEngine.search`."""
        return [self._top(self.scores(query), k) for query in queries]

    def rank_of(self, query: WeightedQuery, doc_ids: AbstractCollection[str]) -> dict[str, int | None]:
        """See `SearchEngine.rank_of`. Raises `EngineError` for an unknown id."""
        rows = {doc_id: self._row(doc_id) for doc_id in doc_ids}
        scores = self.scores(query)
        return {doc_id: _rank(scores, row) for doc_id, row in rows.items()}

    def feedback_terms(self, query: WeightedQuery, n: int) -> list[tuple[str, float]]:
        """See `SearchEngine.feedback_terms`."""
        return self.feedback(query, n).terms

    def feedback(self, query: WeightedQuery, n: int) -> Feedback:
        """See `SearchEngine.feedback`."""
        return feedback(self._top(self.scores(query), FEEDBACK_DOCUMENTS), self._analysed, n)

    def documents(self, doc_ids: Sequence[str]) -> list[Document]:
        """See `SearchEngine.documents`."""
        return [self._documents[self._row(doc_id)] for doc_id in doc_ids]

    def scores(self, query: WeightedQuery) -> NDArray[np.float64]:
        """(D,) score of every document in corpus order; zeros for a query without known terms."""
        total = np.zeros(len(self._documents))
        for term, weight in query_tokens(query):
            if term in self._bm25.idf:
                total += weight * self._vector(term)
        return total

    @cachedmethod(attrgetter("_vectors"), lock=attrgetter("_lock"))
    def _vector(self, term: str) -> NDArray[np.float64]:
        """(D,) BM25Okapi scores of one term."""
        return np.asarray(self._bm25.get_scores([term]), dtype=np.float64)

    def _top(self, scores: NDArray[np.float64], k: int) -> list[ScoredDoc]:
        found = np.flatnonzero(scores > 0)
        best = found[np.argsort(-scores[found], kind="stable")[: max(k, 0)]]
        return [ScoredDoc(self._documents[row].doc_id, float(scores[row])) for row in best]

    def _row(self, doc_id: str) -> int:
        row = self._rows.get(doc_id)
        if row is None:
            raise UnknownDocumentError(f"No document {doc_id!r} in the index. Check the id, or build the index anew")
        return row


def _rank(scores: NDArray[np.float64], row: int) -> int | None:
    """1 + the number of documents that score higher, or the same and come earlier; None for a score <= 0."""
    score = scores[row]
    if score <= 0:
        return None
    return int((scores > score).sum() + (scores[:row] == score).sum()) + 1
