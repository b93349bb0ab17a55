"""The senses of common English words, as a small table that the package carries.

The table is derived from Princeton WordNet 3.0 under the licence in `LICENSE-wordnet.txt`, so that no installation
needs WordNet's files. It holds nouns, verbs and adjectives that are one word and have a synonym in common English
(verbs: or a hypernym), and all their senses. `python -m benchmarks.wordnet_table` makes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cache, cached_property
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

TABLE_FILE = "senses.npz"
"""Name of the file of the shipped table, in this room."""

PartOfSpeech = Literal["n", "v", "a"]
"""Noun, verb, adjective."""
PARTS: tuple[PartOfSpeech, ...] = ("n", "v", "a")
"""The parts of speech in the order of the table's columns."""
ZIPF_STEP = 0.1
"""Precision of the frequencies of words."""
RELATED_WEIGHT = 0.3
"""Weight of a gloss word of a related synset against a word of its own gloss. Banerjee & Pedersen ("Extended gloss
overlaps as a measure of semantic relatedness", IJCAI 2003) count both alike; the value is an assumption."""

_SUFFIXES: Mapping[PartOfSpeech, tuple[tuple[str, str], ...]] = {
    "n": (("ses", "s"), ("xes", "x"), ("zes", "z"), ("ches", "ch"), ("shes", "sh"), ("ies", "y"), ("s", "")),
    "v": (("ies", "y"), ("es", "e"), ("es", ""), ("s", ""), ("ed", "e"), ("ed", ""), ("ing", "e"), ("ing", "")),
    "a": (("er", ""), ("est", ""), ("er", "e"), ("est", "e")),
}  # fmt: skip
"""(ending, its replacement) of the rules of detachment of morphy(7WN)."""

Ints = NDArray[Any]
"""Numbers of an unsigned type that the values fit in."""


class Name(NamedTuple):
    """A lemma of a synset that is common English."""

    text: str
    """One or two lower-case words."""
    tag_count: int
    """Occurrences of the lemma in this sense in SemCor."""
    share: float
    """Share of the lemma's uses that have this sense, in [0, 1]: by SemCor, and by the rank of the sense where SemCor
    has few."""


@dataclass(frozen=True, eq=False)
class SenseTable:
    """W words, C lemmas with their part of speech, S synsets, N names. Rows of different lengths are concatenated;
    the array of their lengths is named `n_...`."""

    words: NDArray[np.uint8]
    """UTF-8 text of the words, sorted, one a line."""
    zipf: Ints
    """(W,) frequency in English text as log10 of occurrences in 10^9 words (van Heuven et al., QJEP 67(6), 2014), in
    steps of ZIPF_STEP; 0 for a word that the frequency list lacks."""
    tag_totals: Ints
    """(W, 3) 1 + occurrences in SemCor as a noun, verb and adjective; 0 where WordNet has no such sense."""
    exceptions: Ints
    """(E, 3) word of an irregular form, column of its part of speech, word of its base form."""
    lemmas: Ints
    """(C,) 3 * word + column of the part of speech, ascending; differences in the file."""
    n_senses: Ints
    """(C,)"""
    senses: Ints
    """Synsets of each lemma, most frequent first."""
    sense_tags: Ints
    """Occurrences of the lemma in SemCor in each of these senses."""
    kinds: Ints
    """(S,) number of the lexicographer file."""
    domains: Ints
    """(S,) 1 + synset of the domain, such as *computing*; 0 for none."""
    hypernyms: Ints
    """(S,) 1 + synset of the first hypernym of a verb; 0 for none, and for other parts of speech."""
    n_related: Ints
    """(S,)"""
    related: Ints
    """Hypernyms, similar synsets and derivations of each synset."""
    n_gloss: Ints
    """(S, 3) number of words of the lemmas, of the definition and of the examples."""
    gloss: Ints
    """These words of each synset in order, without stop words."""
    n_names: Ints
    """(S,)"""
    names: Ints
    """(N, 2) the words of each name; the second is 1 + the word, 0 for none."""
    name_tags: Ints
    """(N,) `Name.tag_count`"""
    name_shares: Ints
    """(N,) `Name.share` in per cent."""

    @classmethod
    def load(cls, path: Path) -> SenseTable:
        """Read a table that `save` wrote."""
        with np.load(path) as file:
            arrays = {field.name: file[field.name] for field in fields(cls)}
        return cls(**arrays | {"lemmas": np.cumsum(arrays["lemmas"], dtype=np.int64)})

    def save(self, path: Path) -> None:
        """Write the table, each array in the smallest type that holds it."""
        arrays = {field.name: getattr(self, field.name) for field in fields(self)}
        arrays["lemmas"] = np.diff(arrays["lemmas"], prepend=0)
        small = {name: array.astype(np.min_scalar_type(int(array.max(initial=0)))) for name, array in arrays.items()}
        np.savez_compressed(path, allow_pickle=False, **small)

    @cached_property
    def vocabulary(self) -> tuple[str, ...]:
        """(W,) the words."""
        return tuple(self.words.tobytes().decode().split("\n"))

    @cached_property
    def word_ids(self) -> dict[str, int]:
        """Word -> its place in `vocabulary`."""
        return {word: i for i, word in enumerate(self.vocabulary)}

    @cached_property
    def _rows(self) -> dict[int, int]:
        return {int(lemma): row for row, lemma in enumerate(self.lemmas)}

    @cached_property
    def _irregular(self) -> dict[tuple[str, PartOfSpeech], str]:
        text = self.vocabulary
        return {(text[form], PARTS[part]): text[base] for form, part, base in self.exceptions.tolist()}

    def frequency(self, text: str) -> float:
        """The Zipf frequency of the rarest word of a text; 0 if the list lacks one."""
        ids = [self.word_ids.get(word) for word in text.split()]
        return min((0.0 if i is None else float(self.zipf[i]) * ZIPF_STEP for i in ids), default=0.0)

    def uses(self, lemma: str, part: PartOfSpeech) -> int:
        """1 + the occurrences of a lemma in SemCor as this part of speech; 0 if WordNet does not know it as such."""
        word = self.word_ids.get(lemma)
        return 0 if word is None else int(self.tag_totals[word, PARTS.index(part)])

    def base_form(self, word: str, part: PartOfSpeech) -> str | None:
        """The lemma of an inflected or basic form, as morphy(7WN) finds it; None if the table has none. A form that
        is a lemma too, as `clocks`, which is a plant, belongs to the lemma that SemCor has more often."""
        lemmas = [lemma for lemma in self._bases(word, part) if self.uses(lemma, part)]
        return max(lemmas, key=lambda lemma: self.uses(lemma, part), default=None)

    def _bases(self, word: str, part: PartOfSpeech) -> Iterator[str]:
        """The forms that a word may be inflected from, the likeliest first."""
        if (base := self._irregular.get((word, part))) is not None:
            yield base
            return
        for ending, replacement in _SUFFIXES[part]:
            stem = word[: len(word) - len(ending)]
            if word.endswith(ending) and len(stem) > 1:
                yield stem + replacement
                if ending in ("ed", "ing") and stem[-2:-1] == stem[-1:]:
                    yield stem[:-1]
        yield word

    def senses_of(self, lemma: str, part: PartOfSpeech) -> tuple[Ints, Ints]:
        """The synsets of a lemma, most frequent first, and its occurrences in each of them in SemCor. Empty for a
        lemma that has no common synonym."""
        row = self._rows.get(3 * self.word_ids.get(lemma, -1) + PARTS.index(part))
        place = slice(0) if row is None else slice(*self._sense_ends[row : row + 2])
        return self.senses[place].astype(np.int64), self.sense_tags[place].astype(np.int64)

    @cached_property
    def _sense_ends(self) -> NDArray[np.int64]:
        return _ends(self.n_senses)

    @cached_property
    def _name_ends(self) -> NDArray[np.int64]:
        return _ends(self.n_names)

    @cached_property
    def _gloss_ends(self) -> NDArray[np.int64]:
        return _ends(self.n_gloss.sum(axis=1, dtype=np.int64))

    def names_of(self, synset: int) -> list[Name]:
        """The lemmas of a synset that are common English."""
        text = self.vocabulary
        names = []
        for i in range(*self._name_ends[synset : synset + 2]):
            first, second = self.names[i].tolist()
            phrase = f"{text[first]} {text[second - 1]}" if second else text[first]
            names.append(Name(phrase, int(self.name_tags[i]), float(self.name_shares[i]) / 100.0))
        return names

    def definition(self, synset: int) -> tuple[str, ...]:
        """The words of a synset's definition, in order, without stop words."""
        start = int(self._gloss_ends[synset]) + int(self.n_gloss[synset, 0])
        return tuple(self.vocabulary[i] for i in self.gloss[start : start + int(self.n_gloss[synset, 1])])

    def domain_words(self, synset: int) -> tuple[str, ...]:
        """The words that name the domain of a synset, such as `computing`; empty if it has none."""
        domain = int(self.domains[synset]) - 1
        if domain < 0:
            return ()
        start = int(self._gloss_ends[domain])
        return tuple(self.vocabulary[i] for i in self.gloss[start : start + int(self.n_gloss[domain, 0])])

    @cached_property
    def signatures(self) -> csr_array:
        """(S, W) float64, the words that tell what a synset means: those of its own lemmas and gloss, 1 + log of
        their occurrences, and RELATED_WEIGHT for each of the lemmas and definitions of related synsets."""
        n = self.n_gloss.sum(axis=1, dtype=np.int64)
        own = _count_rows(n, self.gloss, len(self.vocabulary))
        own.data = 1.0 + np.log(own.data)
        links = _count_rows(self.n_related, self.related, len(n))
        told = np.concatenate([np.arange(start, start + part) for start, part in self._told])
        short = _count_rows(self.n_gloss[:, :2].sum(axis=1, dtype=np.int64), self.gloss[told], len(self.vocabulary))
        short.data[:] = RELATED_WEIGHT
        return csr_array(own + links @ short)

    @cached_property
    def _told(self) -> list[tuple[int, int]]:
        """Place and length of the lemmas and the definition of each synset in `gloss`."""
        lengths = self.n_gloss[:, :2].sum(axis=1, dtype=np.int64).tolist()
        return list(zip(self._gloss_ends[:-1].tolist(), lengths, strict=True))


@cache
def shipped_senses() -> SenseTable:
    """The table of the package, read once."""
    with as_file(files(__package__) / TABLE_FILE) as path:
        return SenseTable.load(path)


def _ends(lengths: Ints) -> NDArray[np.int64]:
    """(R + 1,) where each of R concatenated rows begins, and where the last ends."""
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])


def _count_rows(lengths: Ints, columns: Ints, n_columns: int) -> csr_array:
    """(R, n_columns) float64, how often each column is in each of R concatenated rows."""
    data = np.ones(len(columns), dtype=np.float64)
    matrix = csr_array((data, columns.astype(np.int64), _ends(lengths)), shape=(len(lengths), n_columns))
    matrix.sum_duplicates()
    return matrix
