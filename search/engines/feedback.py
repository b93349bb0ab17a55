"""RM1, the relevance model of a query's first documents, from their stored texts.

It needs no term index of the corpus, so it works in the same way for an index on disk and for a remote index. The
caller combines the model with the query, which makes it RM3: both become clauses of a weighted query.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import NamedTuple

import numpy as np
from cachetools import FIFOCache
from numpy.typing import NDArray

from untilclick.search.analysis.analysis import Analysis
from untilclick.search.records import Document, Feedback, ScoredDoc
from untilclick.search.text.heaviest import heaviest

FEEDBACK_DOCUMENTS = 10
"""Number of documents that the model is made from, the usual number in RM3 baselines."""

CAPACITY = 16_384
"""Number of analysed documents in the cache. A document of 200 distinct words takes about 4 kB."""

MAX_WORDS = 1_000_000
"""Maximum number of words in a `WordNumbers`, each of about 200 bytes. A larger one is replaced by an empty one, and
so is the cache of documents that were analysed with it."""


class WordIds(NamedTuple):
    """The numbers of a word and of its index term."""

    word_id: int
    term_id: int


class WordNumbers:
    """Numbers the words it meets and their index terms. Threads may share it."""

    def __init__(self, analysis: Analysis) -> None:
        self.analysis = analysis
        self.words: list[str] = []
        """Words by word id."""
        self.terms: list[str] = []
        """Index terms by term id."""
        self._ids: dict[str, WordIds | None] = {}
        self._term_ids: dict[str, int] = {}
        self._lock = Lock()

    def ids(self, word: str) -> WordIds | None:
        """The ids of a word; new ones for a new word. None for a word without an index term, such as a stop word."""
        try:
            return self._ids[word]
        except KeyError:
            with self._lock:
                return self._ids.setdefault(word, self._new(word))

    def _new(self, word: str) -> WordIds | None:
        """Number a word. Called with the lock held; another thread may have numbered the word before."""
        term = self.analysis.term_of(word)
        if term is None or word in self._ids:
            return None
        term_id = self._term_ids.setdefault(term, len(self.terms))
        if term_id == len(self.terms):
            self.terms.append(term)
        self.words.append(word)
        return WordIds(len(self.words) - 1, term_id)


@dataclass(frozen=True, slots=True, eq=False)
class AnalysedDocument:
    """The counts of terms and words in a document, without stop words."""

    term_ids: NDArray[np.int32]
    """(T,) the document's distinct index terms."""
    term_counts: NDArray[np.int32]
    """(T,) occurrences of each term."""
    length: int
    """Sum of the occurrences; 1 for an empty document."""
    words: NDArray[np.int32]
    """(3, W) word id, term id and occurrences of each distinct word."""

    @classmethod
    def of(cls, document: Document, numbers: WordNumbers) -> AnalysedDocument:
        """Count the words of title and text. An empty document gives empty counts."""
        written, made = numbers.analysis.document_words(document.content)
        counts = Counter(written)
        if made:
            counts.update(made)
        rows = [(*ids, count) for word, count in counts.items() if (ids := numbers.ids(word))]
        columns = np.array(rows, dtype=np.int32).reshape(-1, 3).T  # (3, W)
        term_ids, places = np.unique(columns[1], return_inverse=True)  # (T,) and (W,), the place of each word's term
        term_counts = np.bincount(places, columns[2], len(term_ids)).astype(np.int32)  # (T,)
        return cls(term_ids, term_counts, max(int(term_counts.sum()), 1), columns)


class AnalysedDocuments:
    """A cache of analysed documents that drops the oldest first.

    Documents can change, so each state of an index has a cache of its own. Threads may share a cache; at worst two of
    them analyse the same document.
    """

    def __init__(
        self,
        fetch: Callable[[Sequence[str]], list[Document]],
        analysis: Analysis,
        capacity: int = CAPACITY,
        max_words: int = MAX_WORDS,
    ) -> None:
        """`fetch` reads stored documents by their ids."""
        self._fetch = fetch
        self._max_words = max_words
        self._analysis = analysis
        self._numbers = WordNumbers(analysis)
        self._analysed: FIFOCache[str, AnalysedDocument] = FIFOCache(capacity)
        self._lock = Lock()

    def get(self, doc_ids: Sequence[str]) -> tuple[list[AnalysedDocument], WordNumbers]:
        """The analysed documents in the order of the ids, and the words that their numbers belong to."""
        with self._lock:
            if len(self._numbers.words) > self._max_words:
                self._numbers = WordNumbers(self._analysis)
                self._analysed = FIFOCache(self._analysed.maxsize)
            numbers, cache = self._numbers, self._analysed
            analysed = {doc_id: cache[doc_id] for doc_id in doc_ids if doc_id in cache}
        missing = [doc_id for doc_id in dict.fromkeys(doc_ids) if doc_id not in analysed]
        if missing:
            new = {document.doc_id: AnalysedDocument.of(document, numbers) for document in self._fetch(missing)}
            analysed |= new
            with self._lock:
                cache.update(new)
        return [analysed[doc_id] for doc_id in doc_ids if doc_id in analysed], numbers


def feedback(ranking: Sequence[ScoredDoc], analysed: AnalysedDocuments, n: int) -> Feedback:
    """The relevance model of a query's first documents, with n terms, and the documents' scores and ids.

    `ranking` holds these documents. For n <= 0 no document is read and the model is empty.
    """
    scores = [entry.score for entry in ranking]
    doc_ids = [entry.doc_id for entry in ranking]
    if n <= 0:
        return Feedback([], scores, doc_ids)
    documents, numbers = analysed.get(doc_ids)
    return Feedback(relevance_model(ranking, documents, numbers, n), scores, doc_ids)


def relevance_model(
    ranking: Sequence[ScoredDoc], documents: Sequence[AnalysedDocument], numbers: WordNumbers, n: int
) -> list[tuple[str, float]]:
    """The n heaviest terms of the model as surface words with weights that sum to 1, heaviest first.

    Equally heavy terms are in alphabetical order. An empty ranking or n <= 0 gives an empty list.

    p(t|R) = sum over d of p(d) tf(t,d) / |d|, with p(d) = score(d) / sum of scores: Lavrenko & Croft,
    "Relevance-Based Language Models", SIGIR 2001, eq. 8, as simplified for RM3 by Abdul-Jaleel et al., TREC 2004.
    """
    if not documents or n <= 0:
        return []
    total = sum(entry.score for entry in ranking)
    # p(d) / |d| of each document, and p(d) tf(t,d) / |d| of each of its terms
    shares = [entry.score / total / document.length for entry, document in zip(ranking, documents, strict=True)]
    weighted = [share * document.term_counts for share, document in zip(shares, documents, strict=True)]
    term_ids, places = np.unique(np.concatenate([document.term_ids for document in documents]), return_inverse=True)
    model = np.asarray(np.bincount(places, np.concatenate(weighted), len(term_ids)), dtype=np.float64)  # (T,), p(t|R)
    best = heaviest(model, n, ties=[numbers.terms[i] for i in term_ids.tolist()])  # (at most n,)
    mass = float(model[best].sum())
    surfaces = _surfaces(term_ids[best], documents, numbers)
    return [(surfaces[int(term_ids[place])], float(model[place]) / mass) for place in best]


def _surfaces(
    term_ids: NDArray[np.int32], documents: Sequence[AnalysedDocument], numbers: WordNumbers
) -> dict[int, str]:
    """Term id -> its most frequent word in the documents; of equally frequent words the alphabetically first."""
    columns = np.concatenate([document.words for document in documents], axis=1)  # (3, words of all documents)
    counts: dict[int, Counter[str]] = {term_id: Counter() for term_id in term_ids.tolist()}
    for word_id, term_id, count in columns[:, np.isin(columns[1], term_ids)].T.tolist():
        counts[term_id][numbers.words[word_id]] += count
    return {term_id: min(of, key=lambda word: (-of[word], word)) for term_id, of in counts.items()}
