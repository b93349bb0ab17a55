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
from typing import NamedTuple

import numpy as np

from untilclick.search.analysis.analysis import Analysis
from untilclick.search.analysis.guess import analysis_for
from untilclick.search.analysis.query_words import QueryWords, count_runs
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

_SENTENCE_END = re.compile(r"(?<=[.!?؟۔])\s|(?<=[。．！？｡।॥։။។])|\n\s*\n")
"""End of a sentence: a full stop before a space, or one of a script that has its own, or an empty line."""
_CALL = re.compile(r"^[\w.]+\(.*|^(?:class|function|module) [\w.]+(?:\(.*)?$|^[\w.]+$", re.ASCII)
"""Matches a line that is a name, a call signature or a list of base classes instead of prose."""


@dataclass(frozen=True, slots=True)
class Lead:
    """The parts of a document that a query is made from."""

    title: str
    sentence: str
    """The first sentence of the prose."""
    prose: str
    """The text without the signature at its beginning."""

    @classmethod
    def of(cls, document: Document) -> Lead:
        """The lead of a document. Lines with names and signatures before the prose are skipped."""
        lines = document.text.strip().splitlines()
        while lines and (not lines[0].strip() or _CALL.match(lines[0].strip())):
            lines.pop(0)
        prose = "\n".join(lines).strip()
        return cls(document.title, _SENTENCE_END.split(prose, maxsplit=1)[0], prose)


def topics_from_documents(
    documents: Sequence[Document], seed: int, analysis: Analysis | None = None
) -> Mapping[str, tuple[Topic, ...]]:
    """One topic for each document with enough text, in the order of the documents, split 80/10/10.

    The topic id is the document id. The seed decides the wording; equal seeds give equal topics. The split follows a
    hash of the document id, so a document's topic is in the same split for every seed. Documents that begin with the
    same sentence or have nearly the same content share a split, so that no near copy of a held-out document is seen
    in training. No documents give three empty splits. `analysis` is that of the documents' languages by default.
    """
    analysis = analysis or analysis_for(documents)
    leads = [Lead.of(document) for document in documents]
    terms = (term for document in documents for term in set(analysis.terms(document.content)))
    runs = count_runs(analysis, (document.content for document in documents))
    words = QueryWords(analysis, Counter(terms), runs)
    topics: dict[str, list[Topic]] = {name: [] for name, _ in SPLITS}
    proses = [frozenset(analysis.terms(lead.prose)) for lead in leads]
    groups = near_duplicate_groups(proses, [tuple(analysis.keywords(lead.sentence)[:LEAD_WORDS]) for lead in leads])
    for document, lead, first in zip(documents, leads, groups, strict=True):
        candidates = _candidates(lead, words)
        if len(candidates) >= MIN_CANDIDATES:
            query = _query(candidates, len(documents), _generator(seed, document.doc_id))
            split = _split(documents[first].doc_id)
            topics[split].append(Topic(document.doc_id, query, {document.doc_id: 1}))
    return {name: tuple(of_split) for name, of_split in topics.items()}


class _Candidate(NamedTuple):
    """A word that a query may use."""

    word: str
    weight: float
    """Relative to that of a word of the first sentence."""
    document_frequency: int


def _candidates(lead: Lead, words: QueryWords) -> list[_Candidate]:
    """One word for the same index terms, in the form of the sentence if title and sentence have them."""
    by_terms: dict[tuple[str, ...], _Candidate] = {}
    sentence, title = words.of(lead.sentence, LEAD_WORDS), words.of(lead.title)
    for source, weight in ((sentence, 1.0), (title, TITLE_WEIGHT)):
        for word in source:
            by_terms.setdefault(words.terms(word), _Candidate(word, weight, words.document_frequency(word)))
    return list(by_terms.values())


def _query(candidates: Sequence[_Candidate], n_documents: int, rng: np.random.Generator) -> str:
    """Words drawn without replacement, with probabilities in proportion to weight x idf, in the order of the text."""
    idf = np.array([np.log1p(n_documents / candidate.document_frequency) for candidate in candidates])
    weights = idf * np.array([candidate.weight for candidate in candidates])  # (C,)
    size = min(int(rng.choice(LENGTHS, p=LENGTH_PROBS)), len(candidates))
    chosen = rng.choice(len(candidates), size=size, replace=False, p=weights / weights.sum())
    return " ".join(candidates[i].word for i in sorted(chosen))


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
