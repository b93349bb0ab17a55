"""The names that people use for a concept of the documents, with the share of people who use each.

A vocabulary belongs to a corpus and not to a user: what many users type for the same thing is what a log can teach.
Lay words come from WordNet: synonyms in the sense that the documents mean, if they are common English, mean this
mostly, and are not what the documents themselves say. Hypernyms (diabetic: sick person), hyponyms, the verbs that
definitions begin with, and words of other definitions were tried and left out, as most were wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from untilclick.search.records import Corpus
from untilclick.search.text.term_index import TermIndex
from untilclick.search.text.wordnet.sense_table import Name, SenseTable, shipped_senses
from untilclick.search.users.vocabulary.concepts import Concept, concepts_of, read_uses
from untilclick.search.users.vocabulary.senses import DOCUMENTS, ChosenSense, LatentSemantics, SenseChooser

LANGUAGE = "en"
"""The language of the shipped senses."""
FEWEST_DOCUMENTS = 30
"""Documents of the smallest corpus whose latent semantics tell a sense."""
LEAST_DOCUMENTS, DOCUMENT_SHARE = 3, 0.0005
"""Documents that use a concept: at least so many, and at least this share of all."""
LEAST_PROB = 0.5
"""Probability of a sense from which on it is sure. Chosen, as the bounds below, on the Linux manual pages, so that
more than three of four lay words are right or passable."""
LEAST_NOUN_FIT = 1.0
"""Fit of the sense of a noun: the names of rare things (sentinel: scout) fit no corpus that means something else."""
MOST_FREQUENT = 5.55
"""Zipf frequency of the commonest concept. People say the commonest words themselves."""
LEAST_NAME_SHARE = 0.3
"""Share of the uses of a lay word that have the concept's sense, unless the definition uses the word itself."""
LEAST_TAGS = 1
"""Occurrences of a lay word in this sense in SemCor: dictionaries list names that nobody uses (die: pop off)."""
LEAST_PART_SHARE = 0.2
"""Share of the uses of a lay word that have the concept's part of speech."""
LARGEST_LOSS = 0.3
"""How much rarer in English than the concept a lay word may be, as log10 of the ratio."""
MOST_TOGETHER = 0.2
"""Share of the documents with a concept from which on a word in them is the documents' own name of it."""
FAMILIAR = 5
"""Documents from which on the company of a lay word in the corpus is compared with that of the concept."""
LEAST_LIKENESS = 0.1
"""Cosine, in the latent semantics, of the concept and such a lay word."""
SHARED_BEGINNING = 5
"""Letters that two words may not begin with alike: `encode` and `encoding` are spellings of one name."""
LARGEST_SHARE = 0.35
"""Share of the people who use the most frequent lay word. A query term is missing from 30 to 40 % of the relevant
documents (Zhao & Callan, "Term necessity prediction", CIKM 2010)."""
AGREEMENT = 0.2
"""Probability below which two people choose the same name (Furnas et al., "The vocabulary problem in human-system
communication", CACM 30(11), 1987)."""
SEVERAL = 5
"""Lay words from which on AGREEMENT can be met: with the documents' word they are six names."""
_ROUNDING = 1e-9

_VAGUE = frozenset(
    ["do", "make", "be", "have", "put", "take", "get", "go", "come", "give", "thing", "part", "kind", "form", "way"]
)
"""Names that name nothing when they are typed."""


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

    def definition(self, word: str) -> tuple[str, ...]:
        """The content words of the definition of that concept, in order. Empty if its sense is not sure."""


class NoVocabulary:
    """A vocabulary without any lay word: people call everything as the documents do."""

    def of(self, word: str) -> tuple[LayWord, ...]:  # noqa: ARG002
        """Always empty."""
        return ()

    def definition(self, word: str) -> tuple[str, ...]:  # noqa: ARG002
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
    """The content words of the definition of each of these concepts."""

    def of(self, word: str) -> tuple[LayWord, ...]:
        """See `Vocabulary.of`."""
        concept = self.concepts.get(word)
        return () if concept is None else self.lay_words.get(concept, ())

    def definition(self, word: str) -> tuple[str, ...]:
        """See `Vocabulary.definition`."""
        concept = self.concepts.get(word)
        return () if concept is None else self.definitions[concept]


def lay_vocabulary(index: TermIndex, corpus: Corpus) -> Vocabulary:
    """The vocabulary of the people who search a corpus; `NoVocabulary` for one in another language than English, and
    for one of a few documents. It takes some seconds for thousands of documents; a sample of DOCUMENTS is read.

    Equal documents give equal vocabularies.
    """
    if index.analysis.language != LANGUAGE or len(corpus.documents) < FEWEST_DOCUMENTS:
        return NoVocabulary()
    table = shipped_senses()
    documents = corpus.documents[:: 1 + len(corpus.documents) // DOCUMENTS]
    least = max(LEAST_DOCUMENTS, round(DOCUMENT_SHARE * len(documents)))
    concepts = concepts_of(read_uses(documents), table, least)
    semantics = LatentSemantics(index)
    chooser = SenseChooser(semantics, table)
    senses = {concept: chooser.choose(concept) for concept in sorted(set(concepts.values()))}
    sure = {concept: sense for concept, sense in senses.items() if sense is not None and sense.prob >= LEAST_PROB}
    names = NameChooser(semantics, table)
    lay_words = {concept: names.lay_words(concept, sense) for concept, sense in sure.items()}
    return LayVocabulary(
        {word: concept for word, concept in sorted(concepts.items()) if concept in sure},
        {concept: words for concept, words in lay_words.items() if words},
        {concept: table.definition(sense.synset) for concept, sense in sure.items()},
    )


class NameChooser:
    """Chooses the lay words of a concept whose sense is known."""

    def __init__(self, semantics: LatentSemantics, table: SenseTable) -> None:
        self._semantics = semantics
        self._table = table
        self._frequencies = semantics.index.document_frequencies
        self._columns = semantics.index.counts.tocsc()

    def lay_words(self, concept: Concept, sense: ChosenSense) -> tuple[LayWord, ...]:
        """The lay words of a concept, most used first; empty if no name of the sense is one."""
        is_common = self._table.frequency(concept.lemma) > MOST_FREQUENT
        if is_common or (concept.part == "n" and sense.fit < LEAST_NOUN_FIT):
            return ()
        names = [name for name in self._table.names_of(sense.synset) if self._is_lay(name, concept, sense)]
        names.sort(key=lambda name: (-name.tag_count, name.text))
        shares = shares_of_names([name.tag_count + 1.0 for name in names])
        return tuple(LayWord(name.text, share) for name, share in zip(names, shares, strict=True))

    def _is_lay(self, name: Name, concept: Concept, sense: ChosenSense) -> bool:
        return (
            self._is_another_word(name.text, concept)
            and self._means_this(name, concept, sense)
            and self._is_commoner(name.text, concept)
            and self._is_not_of_the_documents(name.text, concept)
        )

    def _is_another_word(self, text: str, concept: Concept) -> bool:
        """Whether a name is neither vague nor a form of the concept's own word."""
        term_of = self._semantics.index.analysis.term_of
        words = text.split()
        own = term_of(concept.lemma)
        alike = any(word[:SHARED_BEGINNING] == concept.lemma[:SHARED_BEGINNING] for word in words)
        return text not in _VAGUE and len(text) > 2 and not alike and all(term_of(word) != own for word in words)

    def _means_this(self, name: Name, concept: Concept, sense: ChosenSense) -> bool:
        """Whether a name mostly has the concept's sense and part of speech."""
        if name.text in self._table.definition(sense.synset):
            return True
        uses = {part: self._table.uses(name.text, part) for part in ("n", "v", "a")}
        if " " in name.text:
            is_part = concept.part != "a"  # phrases such as `through with` need a noun after them
        else:
            is_part = uses[concept.part] >= LEAST_PART_SHARE * sum(uses.values())
        return is_part and name.share >= LEAST_NAME_SHARE and name.tag_count >= LEAST_TAGS

    def _is_commoner(self, text: str, concept: Concept) -> bool:
        return self._table.frequency(text) >= self._table.frequency(concept.lemma) - LARGEST_LOSS

    def _is_not_of_the_documents(self, text: str, concept: Concept) -> bool:
        """Whether a name is rarer in the documents than the concept's own word, seldom beside it, and in like company
        where it stands often enough to tell."""
        own = self._semantics.term_id(concept.lemma)
        is_stop_word = self._semantics.index.analysis.is_stop_word
        terms = [self._semantics.term_id(word) for word in text.split() if not is_stop_word(word)]
        ids = [term for term in terms if term is not None]
        if own is None or not terms or len(ids) < len(terms):
            return own is not None and bool(terms)  # no document holds all of it
        rows = [self._rows(term) for term in (own, *ids)]
        holds = rows[1]
        for each in rows[2:]:
            holds = np.intersect1d(holds, each, assume_unique=True)
        together = len(np.intersect1d(holds, rows[0], assume_unique=True)) / len(rows[0])
        likeness = min(float(self._semantics.vectors[own] @ self._semantics.vectors[term]) for term in ids)
        is_near = len(holds) < FAMILIAR or likeness >= LEAST_LIKENESS
        return len(holds) < len(rows[0]) and together < MOST_TOGETHER and is_near

    def _rows(self, term: int) -> NDArray[np.int32]:
        """The documents that hold a term."""
        return self._columns.indices[self._columns.indptr[term] : self._columns.indptr[term + 1]]


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
    return tuple(shares.tolist())


def agreement(shares: Sequence[float]) -> float:
    """The probability that two people choose the same name of a concept, whose lay words have these shares and whose
    own word has the rest."""
    return sum(share**2 for share in shares) + (1.0 - sum(shares)) ** 2
