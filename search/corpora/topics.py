"""Known-item topics for documents that nobody judged: a short query that states the need, and the document it means.

Azzopardi, de Rijke & Balog, "Building Simulated Queries for Known-Item Topics", SIGIR 2007, section 3: draw a
document, then its query terms from a mixture of what is characteristic of it and what is common. The words are clean;
misspellings and vague wording are the simulated user's part (`untilclick.search.users.user`).
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from untilclick.search.records import Document, Topic
from untilclick.search.text.analysis import term_of, terms, words
from untilclick.search.text.near_duplicates import near_duplicate_groups

SPLITS = (("train", 80), ("dev", 10), ("test", 10))
"""Split name and share in percent."""

LENGTHS, LENGTH_PROBS = (2, 3, 4, 5), (0.25, 0.4, 0.25, 0.1)
"""Query length in words, and how often: about three words, as in logs of site search."""

LEAD_WORDS = 40
"""The need is stated with words from the first sentence, at most this many of them."""

TITLE_WEIGHT = 0.35
"""How likely a word that only the title has is drawn, relative to one of the first sentence: those who look for a
thing often do not know its name."""

MIN_CANDIDATES = 4
"""Documents with fewer different content words in title and first sentence get no topic."""

FUNCTION_WORDS = frozenset({
    "about", "after", "all", "also", "any", "been", "before", "being", "between", "both", "can", "could",
    "does", "done", "each", "either", "else", "even", "ever", "every", "from", "given", "gives", "had", "has",
    "have", "how", "however", "its", "itself", "just", "like", "made", "make", "makes", "may", "more", "most",
    "must", "neither", "none", "nor", "now", "once", "one", "only", "other", "otherwise", "our", "out", "over",
    "own", "same", "set", "should", "since", "so", "some", "still", "than", "them", "those", "through", "thus",
    "too", "under", "until", "upon", "use", "used", "uses", "using", "very", "via", "want", "were", "what",
    "when", "where", "whether", "which", "while", "who", "whose", "why", "within", "without", "would", "yet",
    "you", "your",
})  # fmt: skip
"""Words that state no need; the index's own stop words are a shorter list."""

_SENTENCE_END = re.compile(r"(?<=[.!?])\s|\n\s*\n")
_CALL = re.compile(r"^[\w.]+\(.*|^module [\w.]+$|^[\w.]+$")
"""A line that is a bare name or a call signature, not prose."""


@dataclass(frozen=True, slots=True)
class _Lead:
    """What a query can be made from."""

    title: tuple[str, ...]
    sentence: tuple[str, ...]
    prose: frozenset[str]
    """Index terms of the whole text without its signature."""

    @property
    def candidates(self) -> dict[str, float]:
        """Word -> relative weight; one word per index term, the sentence's form before the title's."""
        found: dict[str, tuple[str, float]] = {}
        for source, weight in ((self.sentence, 1.0), (self.title, TITLE_WEIGHT)):
            for word in source:
                term = term_of(word)
                if term is not None and len(word) > 2 and word.isalpha() and word not in FUNCTION_WORDS:
                    found.setdefault(term, (word, weight))
        return dict(found.values())


def topics_from_documents(documents: Sequence[Document], seed: int) -> Mapping[str, tuple[Topic, ...]]:
    """One topic per document with enough text, in the order of the documents, split 80/10/10.

    The split follows a hash of the document id, not the seed, so a document's topic is always in the same split;
    documents that begin with the same sentence or say nearly the same share a split, so that nothing held out was
    all but seen in training. The topic id is the document id. The seed decides the wording; equal seeds give equal
    topics. No documents give three empty splits.
    """
    leads = [_lead(document) for document in documents]
    frequencies = Counter(term for d in documents for term in set(terms(d.content)))
    topics: dict[str, list[Topic]] = {name: [] for name, _ in SPLITS}
    groups = near_duplicate_groups([lead.prose for lead in leads], [lead.sentence for lead in leads])
    for document, lead, first in zip(documents, leads, groups, strict=True):
        if len(lead.candidates) >= MIN_CANDIDATES:
            query = _query(lead, frequencies, len(documents), _generator(seed, document.doc_id))
            split = _split(documents[first].doc_id)
            topics[split].append(Topic(document.doc_id, query, {document.doc_id: 1}))
    return {name: tuple(found) for name, found in topics.items()}


def _lead(document: Document) -> _Lead:
    """Title words, the words of the first sentence of prose, and the terms of all prose."""
    lines = document.text.strip().splitlines()
    while lines and (not lines[0].strip() or _CALL.match(lines[0].strip())):
        lines.pop(0)
    sentence = _SENTENCE_END.split("\n".join(lines).strip(), maxsplit=1)[0]
    prose = frozenset(terms("\n".join(lines)))
    return _Lead(tuple(words(document.title)), tuple(words(sentence))[:LEAD_WORDS], prose)


def _query(lead: _Lead, frequencies: Mapping[str, int], n_documents: int, rng: np.random.Generator) -> str:
    """Draw words without replacement, in proportion to weight x idf, and put them in the order of the text."""
    candidates = list(lead.candidates.items())
    idf = np.array([np.log1p(n_documents / frequencies[str(term_of(word))]) for word, _ in candidates])
    weights = idf * np.array([weight for _, weight in candidates])
    size = min(int(rng.choice(LENGTHS, p=LENGTH_PROBS)), len(candidates))
    chosen = rng.choice(len(candidates), size=size, replace=False, p=weights / weights.sum())
    return " ".join(candidates[i][0] for i in sorted(chosen))


def _generator(seed: int, doc_id: str) -> np.random.Generator:
    return np.random.default_rng([seed, _hash(doc_id)])


def _split(doc_id: str) -> str:
    point, limit = _hash(doc_id) % 100, 0
    for name, share in SPLITS:
        limit += share
        if point < limit:
            return name
    raise AssertionError("the shares add up to 100")


def _hash(doc_id: str) -> int:
    """A 64-bit number that is the same in every process."""
    return int.from_bytes(hashlib.sha256(doc_id.encode("utf-8", "surrogatepass")).digest()[:8], "big")
