"""BM25 by the library rank-bm25: in memory, for small corpora, a textbook reference with adjustable k1 and b.

The scores of a plain query equal BM25Okapi's to the last bit where its idf is positive. The library replaces the
negative idf of a term in more than half of the documents by a share of the mean idf. That leaves an idf of 0 for a
term in exactly half of them, and a negative one where the mean is negative, as in a corpus of one document. Such a
term would match nothing, so it gets a small positive idf here. Every document with a term of the query is returned.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection as AbstractCollection
from collections.abc import Sequence
from math import log1p
from operator import attrgetter
from threading import Lock

import numpy as np
from cachetools import LRUCache, cachedmethod
from numpy.typing import NDArray
from rank_bm25 import BM25Okapi

from untilclick.search.analysis.analysis import NO_TERM, Analysis
from untilclick.search.analysis.by_name import english
from untilclick.search.engines.clauses import query_tokens
from untilclick.search.engines.document_terms import document_terms
from untilclick.search.engines.feedback import FEEDBACK_DOCUMENTS, AnalysedDocuments, feedback
from untilclick.search.errors import EngineError, UnknownDocumentError
from untilclick.search.records import Corpus, Document, Feedback, ScoredDoc, WeightedQuery
from untilclick.search.text.heaviest import heaviest
from untilclick.search.text.titles import Titles

CACHE_BYTES = 64 * 2**20
"""Memory for the score vectors of recent query terms, in bytes."""


class RankBm25Engine:
    """`SearchEngine` over BM25Okapi. A search reads the whole corpus once for each term that is not in the cache.

    Threads may share an engine.
    """

    def __init__(self, corpus: Corpus, analysis: Analysis | None = None, *, k1: float = 0.9, b: float = 0.4) -> None:
        """Analyse and count the whole corpus. The defaults of k1 and b are those of most published BM25 baselines.
        `analysis` is English's by default.

        Raises EngineError for a corpus without an indexable word.
        """
        self.analysis = analysis or english()
        indexed = [*document_terms(corpus.documents, self.analysis)]
        bags = [terms.body.split() for terms in indexed]
        if not any(bags):
            remedy = "Give documents with text, or use the engine tantivy"
            raise EngineError(f"The corpus {corpus.source!r} has no indexable word. {remedy}")
        self._documents = corpus.documents
        self._rows = {document.doc_id: row for row, document in enumerate(corpus.documents)}
        self._body = BM25Okapi(bags, k1=k1, b=b)
        self._aside = BM25Okapi([terms.aside.split() or [NO_TERM] for terms in indexed], k1=k1, b=b)
        _lift_idf(self._body)
        _lift_idf(self._aside)
        self._vectors = LRUCache[tuple[BM25Okapi, str], NDArray[np.float64]](max(16, CACHE_BYTES // (8 * len(bags))))
        self._lock = Lock()
        documents, rows = self._documents, self._rows  # no reference to the engine, which could then not be released
        self._analysed = AnalysedDocuments(lambda ids: [documents[rows[doc_id]] for doc_id in ids], self.analysis)
        self._titles = Titles.of(corpus.documents)

    @property
    def name(self) -> str:
        """`rank-bm25`."""
        return "rank-bm25"

    def search(self, queries: Sequence[WeightedQuery], k: int) -> list[list[ScoredDoc]]:
        """See `SearchEngine.search`."""
        return [self._top(self._all_scores(query), k) for query in queries]

    def scores(self, queries: Sequence[WeightedQuery], doc_ids: Sequence[Sequence[str]]) -> list[list[float]]:
        """See `SearchEngine.scores`. The scores equal those of `search` to the last bit."""
        rows = [[self._row(doc_id) for doc_id in ids] for ids in doc_ids]
        return [self._all_scores(query)[places].tolist() for query, places in zip(queries, rows, strict=True)]

    def rank_of(self, query: WeightedQuery, doc_ids: AbstractCollection[str]) -> dict[str, int | None]:
        """See `SearchEngine.rank_of`."""
        rows = {doc_id: self._row(doc_id) for doc_id in doc_ids}
        scores = self._all_scores(query)
        return {doc_id: _rank(scores, row) for doc_id, row in rows.items()}

    def feedback_terms(self, query: WeightedQuery, n: int) -> list[tuple[str, float]]:
        """See `SearchEngine.feedback_terms`."""
        return self.feedback(query, n).terms

    def feedback(self, query: WeightedQuery, n: int) -> Feedback:
        """See `SearchEngine.feedback`."""
        return feedback(self._top(self._all_scores(query), FEEDBACK_DOCUMENTS), self._analysed, n)

    def documents(self, doc_ids: Sequence[str]) -> list[Document]:
        """See `SearchEngine.documents`."""
        return [self._documents[self._row(doc_id)] for doc_id in doc_ids]

    def with_title(self, title: str) -> list[str]:
        """See `TitleLookup.with_title`."""
        return self._titles.with_title(title)

    def _all_scores(self, query: WeightedQuery) -> NDArray[np.float64]:
        """(D,) float64, the score of every document in corpus order; zeros for a query without a known term."""
        total = np.zeros(len(self._documents))
        tokens = query_tokens(query, self.analysis)
        for field, of_field in ((self._body, tokens.body), (self._aside, tokens.aside)):
            for term, weight in of_field:
                if term in field.idf:
                    total += weight * self._vector(field, term)
        return total

    @cachedmethod(attrgetter("_vectors"), lock=attrgetter("_lock"))
    def _vector(self, field: BM25Okapi, term: str) -> NDArray[np.float64]:
        """(D,) float64, the scores of one term in a field."""
        return np.asarray(field.get_scores([term]), dtype=np.float64)

    def _top(self, scores: NDArray[np.float64], k: int) -> list[ScoredDoc]:
        """The k documents with the highest scores (D,) above 0; ties in corpus order."""
        matching = np.flatnonzero(scores > 0)  # (M,), rows of documents
        best = matching[heaviest(scores[matching], max(k, 0))]  # (at most k,)
        return [ScoredDoc(self._documents[row].doc_id, float(scores[row])) for row in best]

    def _row(self, doc_id: str) -> int:
        row = self._rows.get(doc_id)
        if row is None:
            raise UnknownDocumentError(f"No document {doc_id!r} in the index. Check the id, or build the index again")
        return row


def _lift_idf(bm25: BM25Okapi) -> None:
    """Give each term with an idf of 0 or less epsilon times the idf of Lucene, which is above 0.

    For a term in n of N documents that is epsilon * log(1 + (N - n + 0.5) / (n + 0.5)).
    """
    low = {term for term, idf in bm25.idf.items() if idf <= 0}
    for term, n in Counter(term for counts in bm25.doc_freqs for term in low.intersection(counts)).items():
        bm25.idf[term] = bm25.epsilon * log1p((bm25.corpus_size - n + 0.5) / (n + 0.5))


def _rank(scores: NDArray[np.float64], row: int) -> int | None:
    """The 1-based rank of the document `row` among scores (D,), ties in corpus order; None if its score is <= 0."""
    score = scores[row]
    if score <= 0:
        return None
    return int((scores > score).sum() + (scores[:row] == score).sum()) + 1
