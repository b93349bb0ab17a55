"""Known-item topics for documents without judgments: a short query, and the document that it is meant to find.

After Azzopardi, de Rijke & Balog, "Building Simulated Queries for Known-Item Topics", SIGIR 2007, section 3: the
terms of a query are drawn from a document in proportion to how characteristic they are. The words are spelt
correctly; simulated users add misspellings and vague wording (`untilclick.search.users.user`).
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from untilclick.search.analysis.analysis import Analysis
from untilclick.search.analysis.guess import analysis_for
from untilclick.search.records import Document, Topic
from untilclick.search.text.near_duplicates import near_duplicate_groups

SPLITS = (("train", 80), ("dev", 10), ("test", 10))
"""Name and share, in percent, of each split."""

LENGTHS, LENGTH_PROBS = (2, 3, 4, 5), (0.25, 0.4, 0.25, 0.1)
"""Query lengths in words and their probabilities: about three words, as in logs of site search."""

LEAD_WORDS = 40
"""Words of the first sentence that a query may use."""

TITLE_WEIGHT = 0.35
"""Weight of a word that only the title has, relative to a word of the first sentence: people who search for a thing
often do not know its name."""

MIN_CANDIDATES = 4
"""A document with fewer distinct content words in title and first sentence gets no topic."""

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
"""Words that say nothing about a need. The stop words of the index are a shorter list."""

_SENTENCE_END = re.compile(r"(?<=[.!?])\s|\n\s*\n")
_CALL = re.compile(r"^[\w.]+\(.*|^(?:class|function|module) [\w.]+(?:\(.*)?$|^[\w.]+$")
"""Matches a line that is a name, a call signature or a list of base classes instead of prose."""


@dataclass(frozen=True, slots=True)
class _Lead:
    """The parts of a document that a query is made from."""

    title: tuple[str, ...]
    """Words of the title."""
    sentence: tuple[str, ...]
    """Words of the first sentence, at most LEAD_WORDS."""
    prose: frozenset[str]
    """Index terms of the whole text, without the signature at its beginning."""
    analysis: Analysis

    @property
    def candidates(self) -> dict[str, float]:
        """Word -> relative weight; one word per index term, in the form of the sentence if both have the term."""
        by_term: dict[str, tuple[str, float]] = {}
        for source, weight in ((self.sentence, 1.0), (self.title, TITLE_WEIGHT)):
            for word in source:
                term = self.analysis.term_of(word)
                if term is not None and len(word) > 2 and word.isalpha() and word not in FUNCTION_WORDS:
                    by_term.setdefault(term, (word, weight))
        return dict(by_term.values())


def topics_from_documents(
    documents: Sequence[Document], seed: int, analysis: Analysis | None = None
) -> Mapping[str, tuple[Topic, ...]]:
    """One topic for each document with enough text, in the order of the documents, split 80/10/10.

    The topic id is the document id. The seed decides the wording; equal seeds give equal topics. The split follows a
    hash of the document id, so a document's topic is in the same split for every seed. Documents that begin with the
    same sentence or have nearly the same content share a split, so that no near copy of a held-out document is seen
    in training. No documents give three empty splits.
    """
    analysis = analysis or analysis_for(documents)
    leads = [_lead(document, analysis) for document in documents]
    terms = (term for document in documents for term in set(analysis.terms(document.content)))
    document_frequencies = Counter(terms)
    topics: dict[str, list[Topic]] = {name: [] for name, _ in SPLITS}
    groups = near_duplicate_groups([lead.prose for lead in leads], [lead.sentence for lead in leads])
    for document, lead, first in zip(documents, leads, groups, strict=True):
        if len(lead.candidates) >= MIN_CANDIDATES:
            query = _query(lead, document_frequencies, len(documents), _generator(seed, document.doc_id))
            split = _split(documents[first].doc_id)
            topics[split].append(Topic(document.doc_id, query, {document.doc_id: 1}))
    return {name: tuple(of_split) for name, of_split in topics.items()}


def _lead(document: Document, analysis: Analysis) -> _Lead:
    """The lead of a document. Lines with names and signatures before the prose are skipped."""
    lines = document.text.strip().splitlines()
    while lines and (not lines[0].strip() or _CALL.match(lines[0].strip())):
        lines.pop(0)
    sentence = _SENTENCE_END.split("\n".join(lines).strip(), maxsplit=1)[0]
    prose = frozenset(analysis.terms("\n".join(lines)))
    words = analysis.words
    return _Lead(tuple(words(document.title)), tuple(words(sentence))[:LEAD_WORDS], prose, analysis)


def _query(lead: _Lead, document_frequencies: Mapping[str, int], n_documents: int, rng: np.random.Generator) -> str:
    """Words drawn without replacement, with probabilities in proportion to weight x idf, in the order of the text."""
    candidates = list(lead.candidates.items())
    idf = np.array(
        [np.log1p(n_documents / document_frequencies[str(lead.analysis.term_of(word))]) for word, _ in candidates]
    )
    weights = idf * np.array([weight for _, weight in candidates])  # (C,)
    size = min(int(rng.choice(LENGTHS, p=LENGTH_PROBS)), len(candidates))
    chosen = rng.choice(len(candidates), size=size, replace=False, p=weights / weights.sum())
    return " ".join(candidates[i][0] for i in sorted(chosen))


def _generator(seed: int, doc_id: str) -> np.random.Generator:
    """A generator per document, so that a query does not depend on the other documents."""
    return np.random.default_rng([seed, _hash(doc_id)])


def _split(doc_id: str) -> str:
    """The split of a document, in proportion to the shares."""
    point, limit = _hash(doc_id) % 100, 0
    for name, share in SPLITS:
        limit += share
        if point < limit:
            return name
    raise AssertionError("the shares add up to 100")


def _hash(doc_id: str) -> int:
    """A 64-bit hash that is the same in every process."""
    return int.from_bytes(hashlib.sha256(doc_id.encode("utf-8", "surrogatepass")).digest()[:8], "big")
