"""Which names of a sense are lay words: what people type and the documents do not say.

A lay word is a synonym that is common English, often has the concept's sense, is not much rarer in English than the
documents' word, and is not what the documents themselves say.
"""

from __future__ import annotations

from functools import partial, reduce

import numpy as np
from numpy.typing import NDArray

from untilclick.search.text.wordnet.sense_table import PARTS, Name, SenseTable
from untilclick.search.users.vocabulary.concepts import Concept
from untilclick.search.users.vocabulary.senses import ChosenSense, LatentSemantics

LEAST_NOUN_FIT = 0.7
"""Fit of the sense of a noun: the names of rare things (sentinel: scout) fit no corpus that means something else."""
MOST_FREQUENT = 5.55
"""Zipf frequency of the commonest concept. People say the commonest words themselves."""
LEAST_NAME_SHARE = 0.3
"""Share of the uses of a lay word that have the concept's sense, unless the definition uses the word itself."""
LEAST_TAGS = 1
"""Occurrences of a lay word in this sense in SemCor: dictionaries list names that nobody uses (die: pop off)."""
LEAST_PART_SHARE = 0.2
"""Share of the uses of a lay word that have the concept's part of speech."""
LARGEST_LOSS = 0.5
"""How much rarer in English than the concept a lay word may be, as log10 of the ratio."""
MOST_TOGETHER = 0.2
"""Share of the documents with a concept from which on a word in them is the documents' own name of it."""
SHARED_BEGINNING = 5
"""Letters that two words may not begin with alike: `encode` and `encoding` are spellings of one name."""

_VAGUE = frozenset(
    ["do", "make", "be", "have", "put", "take", "get", "go", "come", "give", "thing", "part", "kind", "form", "way"]
)
"""Names that name nothing when they are typed."""


class NameChooser:
    """Chooses the lay words of a concept whose sense is known."""

    def __init__(self, semantics: LatentSemantics, table: SenseTable) -> None:
        self._semantics = semantics
        self._table = table
        self._columns = semantics.index.counts.tocsc()

    def names(self, concept: Concept, sense: ChosenSense) -> list[Name]:
        """The lay words of a concept, most used first; empty if no name of its sense is one."""
        is_common = self._table.frequency(concept.lemma) > MOST_FREQUENT
        if is_common or (concept.part == "n" and sense.fit < LEAST_NOUN_FIT):
            return []
        names = [name for name in self._table.names_of(sense.synset) if self._is_lay(name, concept, sense)]
        return sorted(names, key=lambda name: (-name.tag_count, name.text))

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
        uses = {part: self._table.uses(name.text, part) for part in PARTS}
        if " " in name.text:
            is_part = concept.part != "a"  # phrases such as `through with` need a noun after them
        else:
            is_part = uses[concept.part] >= LEAST_PART_SHARE * sum(uses.values())
        return is_part and name.share >= LEAST_NAME_SHARE and name.tag_count >= LEAST_TAGS

    def _is_commoner(self, text: str, concept: Concept) -> bool:
        return self._table.frequency(text) >= self._table.frequency(concept.lemma) - LARGEST_LOSS

    def _is_not_of_the_documents(self, text: str, concept: Concept) -> bool:
        """Whether a name is rarer in the documents than the concept's own word, and seldom beside it."""
        index = self._semantics.index
        own = self._rows(concept.lemma)
        rows = [self._rows(word) for word in text.split() if not index.analysis.is_stop_word(word)]
        if not rows:
            return False
        holds = reduce(partial(np.intersect1d, assume_unique=True), rows)
        together = len(np.intersect1d(holds, own, assume_unique=True))
        return len(holds) < len(own) and together < MOST_TOGETHER * len(own)

    def _rows(self, word: str) -> NDArray[np.int32]:
        """The documents that hold a word."""
        term = self._semantics.term_id(word)
        if term is None:
            return np.empty(0, np.int32)
        return self._columns.indices[self._columns.indptr[term] : self._columns.indptr[term + 1]]
