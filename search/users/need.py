"""What a simulated user knows of its own need: the words of the topic and of the documents that satisfy it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from untilclick.search.engines.bm25 import idf
from untilclick.search.records import Topic
from untilclick.search.text.analysis import STOP_WORDS, term_of, words
from untilclick.search.text.heaviest import heaviest
from untilclick.search.text.term_index import TermIndex

VOCABULARY_SIZE = 20
"""Words of the relevant documents that come to a user's mind."""


@dataclass(frozen=True)
class Need:
    """The words a user with one need may type."""

    topic_id: str
    words: tuple[str, ...]
    """Content words of the topic's query, in order."""
    vocabulary: tuple[str, ...]
    """Characteristic words of relevant documents that are not in `words`, most characteristic first; empty where the
    corpus holds no relevant document."""
    rarity: Mapping[str, float] = field(default_factory=dict)
    """Inverse document frequency of the words above, for telling specific from general; absent words count 0."""


def content_words(text: str) -> tuple[str, ...]:
    """Lower-case words without stop words, in order."""
    return tuple(word for word in words(text) if word not in STOP_WORDS)


class NeedReader:
    """Makes the needs of topics from a corpus, each once."""

    def __init__(self, index: TermIndex) -> None:
        self._index = index
        self._idf = idf(index.document_frequencies, len(index.doc_ids))
        self._needs: dict[Topic, Need] = {}

    def need(self, topic: Topic) -> Need:
        """The need behind a topic. Vocabulary: the words heaviest by (1 + log tf) idf, summed over relevant documents
        with their grades as weights (Salton & Buckley, IP&M 24(5), 1988)."""
        if topic not in self._needs:
            self._needs[topic] = self._read(topic)
        return self._needs[topic]

    def _read(self, topic: Topic) -> Need:
        own_words = content_words(topic.query)
        own_terms = {term_of(word) for word in own_words}
        kept = [i for i in self._heaviest_terms(topic) if self._index.terms[i] not in own_terms][:VOCABULARY_SIZE]
        vocabulary = tuple(self._index.surfaces[i] for i in kept)
        return Need(topic.topic_id, own_words, vocabulary, self._rarity(own_words + vocabulary))

    def _heaviest_terms(self, topic: Topic) -> list[int]:
        """Term ids, heaviest first, at most VOCABULARY_SIZE more than the topic has words; ties by term id."""
        counts = self._index.counts
        found, weights = [np.empty(0, np.int64)], [np.empty(0)]
        for doc_id, grade in topic.relevance.items():
            row = self._index.doc_rows.get(doc_id)
            if row is None or grade <= 0:
                continue
            own = slice(counts.indptr[row], counts.indptr[row + 1])
            found.append(counts.indices[own].astype(np.int64))
            weights.append(grade * (1.0 + np.log(counts.data[own])) * self._idf[found[-1]])
        term_ids, places = np.unique(np.concatenate(found), return_inverse=True)
        sums = np.asarray(np.bincount(places, np.concatenate(weights), len(term_ids)), dtype=np.float64)
        best = heaviest(sums, VOCABULARY_SIZE + len(topic.query.split()))
        return [int(term_id) for term_id in term_ids[best]]

    def _rarity(self, known: tuple[str, ...]) -> dict[str, float]:
        ids = {word: self._index.term_ids.get(term_of(word) or "") for word in known}
        return {word: float(self._idf[i]) for word, i in ids.items() if i is not None}
