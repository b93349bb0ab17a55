"""Words of the subject: what a user types who knows the subject and not the words of the document.

A query term is absent from 30-40 % of the documents that are relevant to the query (Zhao & Callan, "Term Necessity
Prediction", CIKM 2010). Such a word is about the subject all the same. Here the words of the subject are those of the
documents most like the wanted one, as in the language models of Liu & Croft, "Cluster-Based Retrieval Using Language
Models", SIGIR 2004, without the words that the wanted one has. Names are left out, since who types the name of
another document wants that one: in English documents a word of a subject is an English word, in others it has letters
alone. They come from counts of words: a sentence encoder, which is tried on the sessions, has no part in them.
"""

from __future__ import annotations

from itertools import islice

import numpy as np

from untilclick.search.records import Topic
from untilclick.search.text.document_vectors import unit_tf_idf
from untilclick.search.text.heaviest import heaviest
from untilclick.search.text.prominence import english_words
from untilclick.search.text.term_index import TermIndex

N_LIKE = 10
"""Number of documents like the wanted one that are read. An assumption."""
N_WORDS = 20
"""Number of words of the subject that a user thinks of; as many as of the document, see `need.VOCABULARY_SIZE`."""


MOST_TERMS = 500
"""Number of terms of the subject that are looked at: many are names, or terms of the wanted document."""
LEAST_LETTERS = 3
"""Letters of an English word; the list of English words has abbreviations of two."""


class SubjectWords:
    """The words of the subjects of topics; those of a topic are found once."""

    def __init__(self, index: TermIndex) -> None:
        self._index = index
        self._vectors = unit_tf_idf(index.counts)  # (D, T)
        self._english = english_words() if index.analysis.language == "en" else None
        self._words: dict[Topic, tuple[str, ...]] = {}

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
        likeness = self._vectors @ np.asarray(self._vectors[rows].sum(axis=0)).ravel()  # (D,)
        likeness[rows] = 0.0
        like = heaviest(likeness, N_LIKE)
        sums = likeness[like] @ self._vectors[like]  # (T,)
        wanted = {index.terms[i] for i in index.counts[rows].indices}
        words = (index.word(i) for i in heaviest(sums, MOST_TERMS).tolist() if sums[i] > 0)
        named = (word for word in dict.fromkeys(words) if self._is_no_name(word))
        new = (word for word in named if wanted.isdisjoint(index.analysis.terms(word)))
        return tuple(islice(new, N_WORDS))

    def _is_no_name(self, word: str) -> bool:
        if self._english is None:
            return word.isalpha()
        return len(word) >= LEAST_LETTERS and word in self._english
