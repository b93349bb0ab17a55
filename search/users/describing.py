"""Descriptions of what a user wants ("how to remove a folder with everything in it"), in place of keywords.

A description is the first clause of the wanted document's first sentence, as a person would say it: without names of
code, in the imperative, at most `MOST_WORDS` words. Documents whose first sentence gives no clause are looked for by
keywords alone. This is English only, as the vocabulary of users is.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache

import numpy as np

from untilclick.search.analysis.analysis import Analysis
from untilclick.search.corpora.topics import Lead
from untilclick.search.records import Document, Topic
from untilclick.search.users.draws import pick

FRAMES = ("how to", "how do i", "")
"""Beginnings of a description of something to do, equally likely. An assumption."""

MOST_WORDS = 10
"""Number of words of the longest description. An assumption; longer clauses end before a phrase."""

LEAST_CONTENT_WORDS = 2
"""Number of content words of the shortest description."""

LEAST_OPENINGS = 3
"""Number of documents that begin with a verb of a corpus and an article, or more: fewer may be names."""

_ARTICLES = frozenset({"a", "an", "the"})
_PROSE = re.compile(r"([A-Za-z][A-Za-z0-9]*(?:['’-][A-Za-z0-9]+)*)([.,;:!?]*)")
"""A word of prose, and the marks after it. Anything else is a number or code."""
_IN_BRACKETS = re.compile(r"\s*\([^()]*\)")
_CLAUSE_STARTS = frozenset({"that", "which", "who", "whose", "when", "where", "while", "because", "so", "unless"})
"""Words that begin a clause of their own."""
_PHRASE_STARTS = frozenset({
    "as", "at", "by", "for", "from", "if", "in", "into", "of", "on", "that", "to", "using", "when", "which", "with",
})  # fmt: skip
"""Words before which a clause can end."""
_REMARKS = frozenset({"given", "see", "note", "like", "same", "just", "similar", "equivalent", "deprecated"})
"""Words that begin a remark on something else."""


class Descriptions:
    """The descriptions of the documents of a corpus."""

    def __init__(self, documents: Iterable[Document], analysis: Analysis) -> None:
        self._documents: Mapping[str, Document] = {document.doc_id: document for document in documents}
        self._analysis = analysis
        verbs = _opening_verbs(self._documents.values())
        self._verbs = frozenset(verb for verb in verbs if not analysis.is_stop_word(verb)) - _REMARKS
        self._clause = lru_cache(maxsize=1 << 16)(self._read)

    def clause(self, topic: Topic) -> str:
        """What the most relevant document of a topic is about, in lower case; empty if it has no such clause."""
        wanted = max(topic.relevance, key=lambda doc_id: topic.relevance[doc_id], default="")
        return self._clause(wanted) if topic.relevance.get(wanted, 0) > 0 else ""

    def frame(self, clause: str, rng: np.random.Generator) -> str:
        """The words before a clause: one of `FRAMES` if it begins with a verb, else none."""
        return pick(FRAMES, rng) if clause.partition(" ")[0] in self._verbs else ""

    def _read(self, doc_id: str) -> str:
        document = self._documents.get(doc_id)
        words = self._shortened(Lead.of(document).sentence) if document else []
        first = _imperative(words[0]) if words else ""
        if first in self._verbs or set(words[1:2]) & _ARTICLES:
            words[0] = first
        elif first in _ARTICLES:
            words = words[1:]
        content = [word for word in words if not self._analysis.is_stop_word(word)]
        if len(content) < LEAST_CONTENT_WORDS or len(content) == len(words):  # without function words: keywords
            return ""
        return "" if words[0] in _REMARKS or words[0] not in content else " ".join(words)

    def _shortened(self, sentence: str) -> list[str]:
        """The first clause in at most `MOST_WORDS` words; if it is cut, it ends with a content word."""
        words, is_whole = _first_clause(sentence)
        if is_whole and len(words) <= MOST_WORDS:
            return words
        last = min(len(words) - 1, MOST_WORDS)
        end = max((i for i in range(2, last + 1) if words[i] in _PHRASE_STARTS), default=0)
        while end and self._analysis.is_stop_word(words[end - 1]):
            end -= 1
        return words[:end]


def _first_clause(sentence: str) -> tuple[list[str], bool]:
    """The words of prose at the beginning of a sentence, in lower case, up to the first mark, clause or piece of
    code; and whether they end as the clause does."""
    words: list[str] = []
    for token in _IN_BRACKETS.sub("", sentence).split():
        match = _PROSE.fullmatch(token)
        if match is None:
            return words, False
        if len(words) > LEAST_CONTENT_WORDS and match[1].lower() in _CLAUSE_STARTS:
            break
        words.append(match[1].lower())
        if match[2]:
            break
    return words, True


def _opening_verbs(documents: Iterable[Document]) -> frozenset[str]:
    """The verbs that documents begin with, in the imperative: words before an article."""
    openings = (_first_clause(Lead.of(document).sentence)[0][:2] for document in documents)
    verbs = Counter(_imperative(words[0]) for words in openings if len(words) == 2 and words[1] in _ARTICLES)
    return frozenset(verb for verb, count in verbs.items() if count >= LEAST_OPENINGS)


def _imperative(verb: str) -> str:
    """A verb without the ending of the third person: `return` for `returns`, `copy` for `copies`."""
    if verb.endswith("ies"):
        return f"{verb[:-3]}y"
    if verb.endswith(("sses", "shes", "ches", "xes", "zes")):
        return verb[:-2]
    return verb[:-1] if verb.endswith("s") and not verb.endswith(("ss", "us", "is")) else verb
