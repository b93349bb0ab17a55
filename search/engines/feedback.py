"""RM1, the relevance model of a query's first documents, from their stored texts alone.

No term index of the corpus is needed, so this works alike for an index on disk and for a remote one. Combining the
model with the query (the interpolation that makes it RM3) is the caller's part: both are clauses of a weighted query.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock

import numpy as np
from cachetools import FIFOCache
from numpy.typing import NDArray

from untilclick.search.records import Document, Feedback, ScoredDoc
from untilclick.search.text.analysis import term_of, words
from untilclick.search.text.heaviest import heaviest

FEEDBACK_DOCUMENTS = 10
"""First documents of the ranking that the model is made from; the usual choice of RM3 baselines."""

CAPACITY = 16_384
"""Analysed documents that are kept; one of 200 different words takes about 4 kB."""

MAX_WORDS = 1_000_000
"""Words of a lexicon, of about 200 bytes each, after which it and the analysed documents are begun anew."""


class Lexicon:
    """Numbers of words and of their index terms. Threads may share it."""

    def __init__(self) -> None:
        self.words: list[str] = []
        self.terms: list[str] = []
        self._numbers: dict[str, tuple[int, int] | None] = {}
        self._term_ids: dict[str, int] = {}
        self._lock = Lock()

    def numbers(self, word: str) -> tuple[int, int] | None:
        """(word id, term id); None for what has no index term, such as a stop word."""
        try:
            return self._numbers[word]
        except KeyError:
            with self._lock:
                return self._numbers.setdefault(word, self._new(word))

    def _new(self, word: str) -> tuple[int, int] | None:
        term = term_of(word)
        if term is None or word in self._numbers:
            return None
        term_id = self._term_ids.setdefault(term, len(self.terms))
        if term_id == len(self.terms):
            self.terms.append(term)
        self.words.append(word)
        return len(self.words) - 1, term_id


@dataclass(frozen=True, slots=True, eq=False)
class AnalysedDocument:
    """Counts of one document; stop words are in neither."""

    term_ids: NDArray[np.int32]
    """(T,) its index terms."""
    term_counts: NDArray[np.int32]
    """(T,) their occurrences."""
    length: int
    """Sum of these, at least 1."""
    words: NDArray[np.int32]
    """(3, W) word id, term id and occurrences of its surface words."""

    @classmethod
    def of(cls, document: Document, lexicon: Lexicon) -> AnalysedDocument:
        """Count title and text; an empty document gives empty counts."""
        counted = Counter(words(document.content)).items()
        rows = [(*numbers, count) for word, count in counted if (numbers := lexicon.numbers(word))]
        found = np.array(rows, dtype=np.int32).reshape(-1, 3).T
        term_ids, places = np.unique(found[1], return_inverse=True)
        term_counts = np.bincount(places, found[2], len(term_ids)).astype(np.int32)
        return cls(term_ids, term_counts, max(int(term_counts.sum()), 1), found)


class AnalysedDocuments:
    """The latest analysed documents, first come, first dropped. One per state of an index, since documents change;
    threads may share it: two of them may analyse the same document twice, nothing worse."""

    def __init__(
        self,
        fetch: Callable[[Sequence[str]], list[Document]],
        capacity: int = CAPACITY,
        max_words: int = MAX_WORDS,
    ) -> None:
        self._fetch = fetch
        self._max_words = max_words
        self._lexicon = Lexicon()
        self._analysed: FIFOCache[str, AnalysedDocument] = FIFOCache(capacity)
        self._lock = Lock()

    def get(self, doc_ids: Sequence[str]) -> tuple[list[AnalysedDocument], Lexicon]:
        """Analysed documents in the order asked, and the lexicon of their numbers."""
        with self._lock:
            if len(self._lexicon.words) > self._max_words:
                self._lexicon = Lexicon()
                self._analysed = FIFOCache(self._analysed.maxsize)
            lexicon, cache = self._lexicon, self._analysed
            analysed = {doc_id: cache[doc_id] for doc_id in doc_ids if doc_id in cache}
        missing = [doc_id for doc_id in dict.fromkeys(doc_ids) if doc_id not in analysed]
        if missing:
            new = {document.doc_id: AnalysedDocument.of(document, lexicon) for document in self._fetch(missing)}
            analysed |= new
            with self._lock:
                cache.update(new)
        return [analysed[doc_id] for doc_id in doc_ids if doc_id in analysed], lexicon


def feedback(ranking: Sequence[ScoredDoc], analysed: AnalysedDocuments, n: int) -> Feedback:
    """Of a query's first documents; for n <= 0 none of them is looked at."""
    scores = [entry.score for entry in ranking]
    if n <= 0:
        return Feedback([], scores)
    documents, lexicon = analysed.get([entry.doc_id for entry in ranking])
    return Feedback(relevance_model(ranking, documents, lexicon, n), scores)


def relevance_model(
    ranking: Sequence[ScoredDoc], documents: Sequence[AnalysedDocument], lexicon: Lexicon, n: int
) -> list[tuple[str, float]]:
    """The n heaviest terms as surface words with weights that sum to 1, heaviest first, ties alphabetically.

    p(t|R) = sum over d of p(d) tf(t,d) / |d|, with p(d) = score(d) / sum of scores: Lavrenko & Croft,
    "Relevance-Based Language Models", SIGIR 2001, eq. 8, as simplified for RM3 by Abdul-Jaleel et al., TREC 2004.
    An empty ranking or n <= 0 gives an empty list.
    """
    if not documents or n <= 0:
        return []
    total = sum(entry.score for entry in ranking)
    shares = [entry.score / total / document.length for entry, document in zip(ranking, documents, strict=True)]
    weighted = [share * document.term_counts for share, document in zip(shares, documents, strict=True)]
    term_ids, places = np.unique(np.concatenate([document.term_ids for document in documents]), return_inverse=True)
    model = np.asarray(np.bincount(places, np.concatenate(weighted), len(term_ids)), dtype=np.float64)
    best = heaviest(model, n, ties=[lexicon.terms[i] for i in term_ids.tolist()])
    mass = float(model[best].sum())
    surfaces = _surfaces(term_ids[best], documents, lexicon)
    return [(surfaces[int(term_ids[place])], float(model[place]) / mass) for place in best]


def _surfaces(term_ids: NDArray[np.int32], documents: Sequence[AnalysedDocument], lexicon: Lexicon) -> dict[int, str]:
    """Term id -> its most frequent surface word in these documents; ties go to the alphabetically first."""
    found = np.concatenate([document.words for document in documents], axis=1)
    counts: dict[int, Counter[str]] = {term_id: Counter() for term_id in term_ids.tolist()}
    for word_id, term_id, count in found[:, np.isin(found[1], term_ids)].T.tolist():
        counts[term_id][lexicon.words[word_id]] += count
    return {term_id: min(of, key=lambda word: (-of[word], word)) for term_id, of in counts.items()}
