"""The names that people use for a concept of the documents, with the share of people who use each.

A vocabulary belongs to a corpus and not to a user: what many users type for the same thing is what a log can teach.
Lay words come from WordNet (`names.py`), in the sense that the documents mean (`senses.py`). No sentence encoder is
asked. Hypernyms (diabetic: sick person), hyponyms, the verbs that definitions begin with, and words of other
definitions were tried and left out, as most were wrong.

Compiling takes seconds. A vocabulary of many documents is kept in the user's cache directory, by the fingerprint of
the documents; the file may be deleted at any time.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from untilclick.search.errors import DataError
from untilclick.search.files.cache_folder import cache_directory
from untilclick.search.files.whole_files import write_whole
from untilclick.search.records import Corpus
from untilclick.search.text.term_index import TermIndex
from untilclick.search.text.wordnet.sense_table import Name, shipped_senses
from untilclick.search.users.vocabulary.concepts import Concept, concepts_of, read_uses
from untilclick.search.users.vocabulary.names import NameChooser
from untilclick.search.users.vocabulary.senses import DOCUMENTS, LatentSemantics, SenseChooser

LANGUAGE = "en"
"""The language of the shipped senses."""
FEWEST_DOCUMENTS = 30
"""Documents of the smallest corpus whose latent semantics tell a sense."""
KEPT_FROM = 500
"""Documents of the smallest corpus whose vocabulary is kept; that of fewer is compiled in a second."""
FORMAT_VERSION = 1
"""Version of kept vocabularies, part of their files' names. Raise it with every change of what is compiled."""
LEAST_DOCUMENTS, DOCUMENT_SHARE = 3, 0.0005
"""Documents that use a concept: at least so many, and at least this share of all."""
LEAST_PROB = 0.4
"""Probability of a sense from which on it is sure. Chosen, as the bounds in `names.py`, on the Linux manual pages, so
that more than three of four lay words are right or passable."""
LARGEST_SHARE = 0.35
"""Share of the people who use the most frequent lay word. A query term is missing from 30 to 40 % of the relevant
documents (Zhao & Callan, "Term necessity prediction", CIKM 2010)."""
AGREEMENT = 0.2
"""Probability below which two people choose the same name (Furnas et al., "The vocabulary problem in human-system
communication", CACM 30(11), 1987)."""
SEVERAL = 5
"""Lay words from which on AGREEMENT can be met: with the documents' word they are six names."""
_ROUNDING = 1e-9

_log = logging.getLogger(__name__)


class LayWord(NamedTuple):
    """A name that people use for a concept which the documents name otherwise."""

    text: str
    """One or a few lower-case words, separated by spaces."""
    share: float
    """Probability in [0, 1] that a person calls the concept so. The shares of a concept's lay words add up to 1 at
    most; the rest of the people use the documents' own word."""


class Vocabulary(Protocol):
    """What the people of a site call the concepts of its documents. Threads may share it."""

    def of(self, word: str) -> tuple[LayWord, ...]:
        """The lay words of the concept that a lower-case word of the documents stands for, most used first. Empty if
        none is sure."""


class NoVocabulary:
    """A vocabulary without any lay word: people call everything as the documents do."""

    def of(self, word: str) -> tuple[LayWord, ...]:  # noqa: ARG002
        """Always empty."""
        return ()


@dataclass(frozen=True)
class LayVocabulary:
    """The vocabulary of the people who search one corpus."""

    concepts: Mapping[str, Concept]
    """Lower-case word of the documents -> its concept; only those with a sure sense."""
    lay_words: Mapping[Concept, tuple[LayWord, ...]]
    """The lay words of each of these concepts that has any."""
    definitions: Mapping[Concept, tuple[str, ...]]
    """The content words of the definition of each of these concepts, in order, for people who judge its sense."""

    @classmethod
    def from_json(cls, text: str) -> LayVocabulary:
        """The vocabulary that `to_json` wrote. Raises ValueError, KeyError or TypeError for another text."""
        concepts, words = {}, {}
        definitions: dict[Concept, tuple[str, ...]] = {}
        for entry in json.loads(text):
            concept = Concept(entry["lemma"], entry["part"])
            concepts.update(dict.fromkeys(entry["forms"], concept))
            definitions[concept] = tuple(entry["definition"])
            if entry["lay_words"]:
                words[concept] = tuple(LayWord(text, share) for text, share in entry["lay_words"])
        return cls(concepts, words, definitions)

    def to_json(self) -> str:
        """The vocabulary as text, an entry for each concept; equal vocabularies give equal texts."""
        forms: dict[Concept, list[str]] = {}
        for word in sorted(self.concepts):
            forms.setdefault(self.concepts[word], []).append(word)
        entries = (
            {
                "lemma": concept.lemma,
                "part": concept.part,
                "forms": forms[concept],
                "definition": self.definitions[concept],
                "lay_words": self.lay_words.get(concept, ()),
            }
            for concept in sorted(forms)
        )
        return "[" + ",\n".join(json.dumps(entry) for entry in entries) + "]\n"

    def of(self, word: str) -> tuple[LayWord, ...]:
        """See `Vocabulary.of`."""
        concept = self.concepts.get(word)
        return () if concept is None else self.lay_words.get(concept, ())


def lay_vocabulary(index: TermIndex, corpus: Corpus, cache: Path | None = None) -> Vocabulary:
    """The vocabulary of the people who search a corpus; `NoVocabulary` for one in another language than English, and
    for one of a few documents. Equal documents give equal vocabularies.

    `cache` is the directory that keeps it; None means the user's cache directory. If it cannot be written, the
    vocabulary is compiled at every call.
    """
    if index.analysis.language != LANGUAGE or len(corpus.documents) < FEWEST_DOCUMENTS:
        return NoVocabulary()
    if len(corpus.documents) < KEPT_FROM:
        return _compiled(index, corpus)
    folder = cache_directory(os.environ) if cache is None else cache
    path = folder / f"vocabulary-{FORMAT_VERSION}-{index.analysis.name}-{corpus.fingerprint}.json"
    if path.is_file():
        try:
            return LayVocabulary.from_json(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, KeyError, TypeError) as error:
            _log.warning("The vocabulary is compiled again, since the file %s is broken: %s", path, error)
    vocabulary = _compiled(index, corpus)
    try:
        write_whole(path, vocabulary.to_json())
    except (DataError, OSError) as error:
        _log.info("The vocabulary is not kept: %s", error)
    return vocabulary


def _compiled(index: TermIndex, corpus: Corpus) -> LayVocabulary:
    """The vocabulary of English documents, of which a sample of DOCUMENTS is read."""
    table = shipped_senses()
    documents = corpus.documents[:: 1 + len(corpus.documents) // DOCUMENTS]
    least = max(LEAST_DOCUMENTS, round(DOCUMENT_SHARE * len(documents)))
    concepts = concepts_of(read_uses(documents), table, least)
    semantics = LatentSemantics(index)
    chooser = SenseChooser(semantics, table)
    senses = {concept: chooser.choose(concept) for concept in sorted(set(concepts.values()))}
    sure = {concept: sense for concept, sense in senses.items() if sense is not None and sense.prob >= LEAST_PROB}
    names = NameChooser(semantics, table)
    lay_words = {concept: _with_shares(names.names(concept, sense)) for concept, sense in sure.items()}
    return LayVocabulary(
        {word: concept for word, concept in sorted(concepts.items()) if concept in sure},
        {concept: words for concept, words in lay_words.items() if words},
        {concept: table.definition(sense.synset) for concept, sense in sure.items()},
    )


def _with_shares(names: Sequence[Name]) -> tuple[LayWord, ...]:
    """The names with their shares, by their occurrences in SemCor."""
    shares = shares_of_names([name.tag_count + 1.0 for name in names])
    return tuple(LayWord(name.text, share) for name, share in zip(names, shares, strict=True))


def shares_of_names(weights: Sequence[float]) -> tuple[float, ...]:
    """The shares of people who use each of the lay words with these weights, largest first.

    One lay word is used by LARGEST_SHARE of the people; n of them by n / (n + 1) at most, so that the documents' word
    is one name among the others. The weights are flattened, as far as needed, until no share is above LARGEST_SHARE
    and, of SEVERAL lay words, two people choose the same name with a probability below AGREEMENT.
    """
    n = len(weights)
    if not n:
        return ()
    total = min(LARGEST_SHARE * n, n / (n + 1))
    shares = np.zeros(n)
    for power in np.linspace(1.0, 0.0, 21):
        flattened = np.asarray(weights, dtype=np.float64) ** power
        shares = total * flattened / flattened.sum()
        if shares.max() <= LARGEST_SHARE + _ROUNDING and (n < SEVERAL or agreement(shares.tolist()) < AGREEMENT):
            break
    return tuple(shares.round(6).tolist())


def agreement(shares: Sequence[float]) -> float:
    """The probability that two people choose the same name of a concept, whose lay words have these shares and whose
    own word has the rest."""
    return sum(share**2 for share in shares) + (1.0 - sum(shares)) ** 2
