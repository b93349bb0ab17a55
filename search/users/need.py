"""The words that a simulated user may type: those of its topic's query and of the relevant documents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import numpy as np

from untilclick.search.analysis.analysis import Analysis
from untilclick.search.engines.bm25 import idf
from untilclick.search.records import Topic
from untilclick.search.text.heaviest import heaviest
from untilclick.search.text.term_index import TermIndex
from untilclick.search.users.subject_words import SubjectWords

VOCABULARY_SIZE = 20
"""Number of words of the relevant documents that a user thinks of."""

TERMS_PER_WORD = 5
"""Terms that are read for each word of the vocabulary in scripts without spaces; many are fragments of words."""


@dataclass(frozen=True)
class Need:
    """The words that a user with one topic may type."""

    topic_id: str
    words: tuple[str, ...]
    """Content words of the topic's query, in order."""
    vocabulary: tuple[str, ...]
    """Characteristic words of the relevant documents that are not in `words`, most characteristic first; empty if the
    corpus has no relevant document."""
    rarity: Mapping[str, float] = field(default_factory=dict)
    """Inverse document frequency of these words: high for specific words, low for general ones. Absent words count
    0."""


def content_words(text: str, analysis: Analysis) -> tuple[str, ...]:
    """The words of a text in lower case, in order, without stop words."""
    return tuple(word for word in analysis.keywords(text) if not analysis.is_stop_word(word))


class NeedReader:
    """Makes the needs of topics from the index of a corpus, and keeps them: each is made once."""

    def __init__(self, index: TermIndex) -> None:
        self.index = index
        self.analysis = index.analysis
        self._idf = idf(index.document_frequencies, len(index.doc_ids))
        self._idf_of_none = float(idf(np.zeros(1, np.int64), len(index.doc_ids))[0])
        self._idf_of_rarest = lru_cache(maxsize=1 << 16)(self._largest_idf)
        self._needs: dict[Topic, Need] = {}
        self._wanted_terms: dict[Topic, frozenset[str]] = {}

    @cached_property
    def subject_words(self) -> SubjectWords:
        """The words of the topics' subjects."""
        return SubjectWords(self.index)

    def need(self, topic: Topic) -> Need:
        """The need of a topic. Its vocabulary are the words with the largest (1 + log tf) idf, summed over the
        relevant documents with their grades as weights (Salton & Buckley, IP&M 24(5), 1988)."""
        if topic not in self._needs:
            self._needs[topic] = self._read(topic)
        return self._needs[topic]

    def idf_of(self, text: str) -> float:
        """The sum of the inverse document frequencies of the index terms of a text; that of terms which no document
        has is the largest. 0 for a stop word."""
        ids = self.index.term_ids
        return sum(float(self._idf[ids[t]]) if t in ids else self._idf_of_none for t in self.analysis.terms(text))

    def wanted_terms(self, topic: Topic) -> frozenset[str]:
        """The index terms of the relevant documents that the corpus has."""
        if topic not in self._wanted_terms:
            counts, terms = self.index.counts, self.index.terms
            rows = [self.index.doc_rows.get(doc_id) for doc_id, grade in topic.relevance.items() if grade > 0]
            ids = [counts.indices[counts.indptr[row] : counts.indptr[row + 1]] for row in rows if row is not None]
            self._wanted_terms[topic] = frozenset(terms[i] for of_row in ids for i in of_row.tolist())
        return self._wanted_terms[topic]

    def _read(self, topic: Topic) -> Need:
        query_words = content_words(topic.query, self.analysis)
        query_terms = set(self.analysis.terms(topic.query))
        new_ids = (i for i in self._heaviest_terms(topic) if self.index.terms[i] not in query_terms)
        new_words = dict.fromkeys(word for i in new_ids if (word := self.index.word(i)) and word not in query_words)
        vocabulary = tuple(new_words)[:VOCABULARY_SIZE]
        return Need(topic.topic_id, query_words, vocabulary, self._rarity(query_words + vocabulary))

    def _heaviest_terms(self, topic: Topic) -> list[int]:
        """Term ids, heaviest first, ties by id. The list is longer than VOCABULARY_SIZE by the number of words of the
        topic's query, because terms of the query are left out afterwards, and several times as long in scripts
        without spaces, where several terms make a word."""
        counts = self.index.counts  # (documents, terms), sparse by row
        ids, weights = [np.empty(0, np.int64)], [np.empty(0)]
        for doc_id, grade in topic.relevance.items():
            row = self.index.doc_rows.get(doc_id)
            if row is None or grade <= 0:
                continue
            entries = slice(counts.indptr[row], counts.indptr[row + 1])  # of the document's row
            ids.append(counts.indices[entries].astype(np.int64))
            weights.append(grade * (1.0 + np.log(counts.data[entries])) * self._idf[ids[-1]])
        term_ids, places = np.unique(np.concatenate(ids), return_inverse=True)  # (T,), (entries,)
        sums = np.asarray(np.bincount(places, np.concatenate(weights), len(term_ids)), dtype=np.float64)  # (T,)
        size = VOCABULARY_SIZE * (TERMS_PER_WORD if self.index.whole_words else 1)
        best = heaviest(sums, size + len(topic.query.split()))
        return [int(term_id) for term_id in term_ids[best]]

    def _rarity(self, need_words: tuple[str, ...]) -> dict[str, float]:
        """The inverse document frequency of each word that the corpus has."""
        rarity = {word: self._idf_of_rarest(word) for word in need_words}
        return {word: idf_of_word for word, idf_of_word in rarity.items() if idf_of_word is not None}

    def _largest_idf(self, word: str) -> float | None:
        """The inverse document frequency of the rarest term of a word, of those that the corpus has; None if it has
        none. A word of a script without spaces has several terms."""
        ids = (self.index.term_ids.get(term) for term in self.analysis.terms(word))
        return max((float(self._idf[i]) for i in ids if i is not None), default=None)
