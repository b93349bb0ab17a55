"""Words of the subject: what a user types who knows the subject and not the words of the document.

A query term is absent from 30-40 % of the documents that are relevant to the query (Zhao & Callan, "Term Necessity
Prediction", CIKM 2010). Such a word is about the subject all the same. Here the words of the subject are those of the
documents most like the wanted one, as in the language models of Liu & Croft, "Cluster-Based Retrieval Using Language
Models", SIGIR 2004, without the words that the wanted one has. Names are left out, since who types the name of
another document wants that one: in English documents a word of a subject is an English word, in others it has letters
alone. They come from counts of words: a sentence encoder, which is tried on the sessions, has no part in them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from functools import cached_property, lru_cache
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from untilclick.search.records import Topic
from untilclick.search.text.document_vectors import unit_tf_idf
from untilclick.search.text.heaviest import heaviest
from untilclick.search.text.prominence import english_words
from untilclick.search.text.term_index import TermIndex

N_LIKE = 10
"""Number of documents like the wanted one that are read. An assumption."""
N_WORDS = 20
"""Number of words of the subject that a user thinks of; as many as of the document, see `need.VOCABULARY_SIZE`."""


LEAST_LETTERS = 3
"""Letters of an English word; the list of English words has abbreviations of two."""


class SubjectWords:
    """The words of the subjects of topics; those of a topic are found once."""

    def __init__(self, index: TermIndex) -> None:
        self._index = index
        self._vectors = unit_tf_idf(index.counts)  # (D, T)
        self._english = english_words() if index.analysis.language == "en" else None
        self._words: dict[Topic, tuple[str, ...]] = {}
        self._ids_of = lru_cache(maxsize=1 << 16)(self._ids_in_corpus)

    def of(self, topic: Topic) -> tuple[str, ...]:
        """The words that the documents most like the relevant ones have and these lack, most characteristic first:
        the largest entries of their tf-idf vectors, summed with the cosines as weights. Empty if no relevant document
        is in the corpus."""
        if topic not in self._words:
            self._words[topic] = self._read(topic)
        return self._words[topic]

    def _read(self, topic: Topic) -> tuple[str, ...]:
        index = self._index
        relevant = [doc_id for doc_id, grade in topic.relevance.items() if grade > 0]
        rows = [index.doc_rows[doc_id] for doc_id in relevant if doc_id in index.doc_rows]
        if not rows:
            return ()
        wanted = np.zeros(self._vectors.shape[1])
        for row in rows:
            wanted[self._vectors.indices[self._entries(row)]] += self._vectors.data[self._entries(row)]
        likeness = self._vectors @ wanted  # (D,)
        likeness[rows] = 0.0
        like = heaviest(likeness, N_LIKE)
        ids = np.concatenate([self._vectors.indices[self._entries(row)] for row in like])
        weights = np.concatenate([likeness[row] * self._vectors.data[self._entries(row)] for row in like])
        held = np.concatenate([self._held(row) for row in rows])
        sums = np.asarray(np.bincount(ids, weights, len(index.terms)), dtype=np.float64)  # (T,)
        sums[held] = 0.0
        usable = np.flatnonzero(sums)
        usable = usable[self._no_names[usable]]
        ordered = usable[heaviest(sums[usable], usable.size)].tolist()
        return tuple(islice(self._lacking(ordered, set(held.tolist())), N_WORDS))

    def _lacking(self, term_ids: Iterable[int], held: AbstractSet[int]) -> Iterator[str]:
        """The words of terms, each once, that have no term among those that are held."""
        seen: set[str] = set()
        for term_id in term_ids:
            word = self._index.word(term_id)
            if word not in seen and held.isdisjoint(self._ids_of(word)):
                yield word
            seen.add(word)

    def _ids_in_corpus(self, word: str) -> list[int]:
        """The ids of those terms of a word that the corpus has."""
        ids = self._index.term_ids
        return [ids[term] for term in self._index.analysis.terms(word) if term in ids]

    def _held(self, row: int) -> NDArray[np.int32]:
        """The ids of the terms of a document."""
        counts = self._index.counts
        return np.asarray(counts.indices[counts.indptr[row] : counts.indptr[row + 1]], dtype=np.int32)

    def _entries(self, row: int) -> slice:
        """The entries of a document's vector."""
        return slice(self._vectors.indptr[row], self._vectors.indptr[row + 1])

    @cached_property
    def _no_names(self) -> NDArray[np.bool_]:
        """(T,) whether the word of each term is no name."""
        words = map(self._index.word, range(len(self._index.terms)))
        return np.array([self._is_no_name(word) for word in words], dtype=np.bool_)

    def _is_no_name(self, word: str) -> bool:
        if self._english is None:
            return word.isalpha()
        return len(word) >= LEAST_LETTERS and word in self._english
