"""Words that no document holds: which of them a policy reads, and where their embeddings start.

They come from two lists alone, the documents aside: the most frequent English words of the list that symspellpy
ships, and the words that several visitors typed in the sessions that are learned from. No query of an evaluation adds
a word or leaves one out.

A sentence encoder knows something of most words. Its vectors are mapped into the space of the policy's embedding by
ridge regression (Hoerl & Kennard, Technometrics 12(1), 1970) on the words that have both, as Mikolov, Le & Sutskever,
"Exploiting Similarities among Languages for Machine Translation", arXiv 1309.4168, 2013, map one language's words
into another's. Without an encoder nothing is known of a word: it starts as the mean of all terms.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from importlib.resources import files
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from untilclick.rewriter.language.vocabulary import SPECIAL_TOKENS, TermVocabulary
from untilclick.search.analysis.analysis import Analysis
from untilclick.search.records import Session
from untilclick.search.text.encoders.encoder import Encoder

LEAST_VISITORS = 3
"""Visitors, by their client ids, that must have typed a word: a word of fewer may be a secret or a slip."""
MOST_FITTED = 5_000
"""Number of terms that the mapping is fitted on, those of most documents."""
RIDGE = 1.0
"""Weight of the squared coefficients beside the squared errors of all terms."""


class OutsideWord(NamedTuple):
    """A word that no document holds."""

    term: str
    """Its index term."""
    text: str
    """The word as it is typed most often; of words of visitors, the form that most of them typed."""


class KnownWords(Protocol):
    """The part of `untilclick.search.text.spelling.SpellingCorrector` that tells which words documents hold."""

    def is_known(self, word: str) -> bool:
        """Whether the index can match the word."""


def common_words(analysis: Analysis, known: KnownWords, n: int) -> list[OutsideWord]:
    """The n most frequent English words that no document holds, one for each index term, most frequent first. Empty
    for documents in which Latin words are not English: there is no list of their language."""
    if "en" not in analysis.languages:
        return []
    words: dict[str, str] = {}
    for word in _frequent_first():
        if len(words) >= n:
            break
        term = analysis.term_of(word)
        if term is not None and not known.is_known(word):
            words.setdefault(term, word)
    return [OutsideWord(*word) for word in words.items()]


def _frequent_first() -> Iterator[str]:
    """The English words of symspellpy's list, most frequent first."""
    lines = (files("symspellpy") / "frequency_dictionary_en_82_765.txt").read_text(encoding="utf-8-sig").splitlines()
    pairs = [line.split() for line in lines]
    return (word for word, _ in sorted(pairs, key=lambda pair: -int(pair[1])))


def typed_words(sessions: Iterable[Session], analysis: Analysis, known: KnownWords) -> list[OutsideWord]:
    """The words that no document holds and that `LEAST_VISITORS` visitors or more typed, in the same form, in
    sessions with a click, by their index terms in alphabetical order. Sessions without a client id count as no
    visitor's."""
    visitors: defaultdict[tuple[str, str], set[str]] = defaultdict(set)  # (term, its form) -> clients
    for session in sessions:
        if session.client_id is None or session.abandoned:
            continue
        for word in dict.fromkeys(word for turn in session.turns for word in analysis.words(turn.query)):
            term = analysis.term_of(word)
            if term is not None and not known.is_known(word):
                visitors[term, word].add(session.client_id)
    common = [(-len(clients), *form) for form, clients in visitors.items() if len(clients) >= LEAST_VISITORS]
    forms: dict[str, str] = {}
    for _, term, word in sorted(common):  # the form of most visitors comes first
        forms.setdefault(term, word)
    return [OutsideWord(term, forms[term]) for term in sorted(forms)]


def start_vectors(
    words: Sequence[OutsideWord], vocabulary: TermVocabulary, embedding: NDArray[np.float32], encoder: Encoder | None
) -> NDArray[np.float32]:
    """(n, d) embeddings of outside words at the start, given those of the vocabulary's tokens (V, d): what the
    encoder says of each word, mapped into their space, or their mean without an encoder or terms."""
    of_terms = embedding[len(SPECIAL_TOKENS) :]  # (T, d)
    if not len(of_terms):
        return np.zeros((len(words), embedding.shape[1]), dtype=np.float32)
    mean = of_terms.mean(axis=0)  # (d,)
    if encoder is None:
        return np.tile(mean, (len(words), 1))
    frequent = np.argsort(-np.asarray(vocabulary.document_frequencies), kind="stable")[:MOST_FITTED]
    texts = [vocabulary.surfaces[row] for row in frequent]
    encoded = encoder.encode([*texts, *(word.text for word in words)], "query").astype(np.float64)  # (m + n, e)
    x, new = np.split(encoded, [len(texts)])
    centre = x.mean(axis=0)  # (e,)
    x, y = x - centre, of_terms[frequent] - mean  # (m, e), (m, d)
    squares = x.T @ x + RIDGE * np.eye(x.shape[1])  # (e, e)
    mapped = (new - centre) @ linalg.solve(squares, x.T @ y, assume_a="pos") + mean  # (n, d)
    return np.asarray(mapped, dtype=np.float32)
