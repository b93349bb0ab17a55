"""Synonyms of a word, from the files of Princeton WordNet if these are installed.

The files come with Debian's package `wordnet-base` (/usr/share/wordnet), or lie in the folder that the variable
WNSEARCHDIR names. Without them no word has a synonym, and simulated users type none. The reader looks words up in
the files on disk, so that opening takes no time. It reads synonyms only. Format: wndb(5WN), Fellbaum (ed.), "WordNet:
An Electronic Lexical Database", MIT Press 1998.
"""

from __future__ import annotations

import logging
import mmap
import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Protocol

logger = logging.getLogger(__name__)

DEFAULT_FOLDER = Path("/usr/share/wordnet")
SENSES = 2
"""Number of senses that are used for each part of speech, most frequent first. Rarer senses are seldom meant."""

WITHOUT = (
    "WordNet (optional) is not in %s: simulated users type no synonyms. Debian and Ubuntu have it as wordnet-base."
)
"""The note for an installation without WordNet; the argument is the folder that was searched."""

_PARTS_OF_SPEECH = ("noun", "verb", "adj", "adv")
_ENDINGS = (("", ""), ("s", ""), ("ies", "y"), ("es", ""), ("ing", ""), ("ing", "e"), ("ed", ""), ("ed", "e"))
"""(ending, replacement) pairs that lead to a base form, tried in turn; a subset of WordNet's morphy rules."""


class Synonyms(Protocol):
    """A source of synonyms."""

    def of(self, word: str) -> tuple[str, ...]:
        """Single-word synonyms of a lower-case word, without the word itself; those of its most frequent sense come
        first. Empty if there are none."""


class NoSynonyms:
    """A source without any synonym."""

    def of(self, word: str) -> tuple[str, ...]:  # noqa: ARG002
        """Always empty."""
        return ()


class WordNetSynonyms:
    """Synonyms from the files `index.*` and `data.*` of a WordNet folder."""

    def __init__(self, folder: Path) -> None:
        self._index = {pos: _mapped(folder / f"index.{pos}") for pos in _PARTS_OF_SPEECH}
        self._data = {pos: _mapped(folder / f"data.{pos}") for pos in _PARTS_OF_SPEECH}
        self._cache: dict[str, tuple[str, ...]] = {}  # without a limit: a run types a few thousand different words

    def of(self, word: str) -> tuple[str, ...]:
        """See `Synonyms.of`. An inflected form that WordNet lacks is looked up by its base form."""
        synonyms = self._cache.get(word)
        if synonyms is None:
            synonyms = self._cache[word] = self._look_up(word)
        return synonyms

    def _look_up(self, word: str) -> tuple[str, ...]:
        for ending, replacement in _ENDINGS:
            if word.endswith(ending) and len(word) > len(ending) + 2:
                base = word[: len(word) - len(ending)] + replacement
                if synonyms := self._of_base(base):
                    return tuple(synonym for synonym in synonyms if synonym != word)
        return ()

    def _of_base(self, lemma: str) -> list[str]:
        """Synonyms of a base form over all parts of speech, each once."""
        synonyms: dict[str, None] = {}  # a set that keeps its order
        for pos in _PARTS_OF_SPEECH:
            for offset in _synset_offsets(self._index[pos], lemma)[:SENSES]:
                synonyms.update(dict.fromkeys(_single_words(self._data[pos], offset)))
        return [synonym for synonym in synonyms if synonym != lemma]


@lru_cache(maxsize=8)
def _open_folder(folder: Path) -> Synonyms:
    if all((folder / f"{kind}.{pos}").is_file() for kind in ("index", "data") for pos in _PARTS_OF_SPEECH):
        return WordNetSynonyms(folder)
    logger.info(WITHOUT, folder)
    return NoSynonyms()


def open_synonyms(environment: Mapping[str, str] | None = None) -> Synonyms:
    """WordNet from the folder WNSEARCHDIR or else its usual folder; without it a source without synonyms.

    `environment` holds the variable; None means the environment of the process. A missing WordNet is logged once at
    level INFO.
    """
    return _open_folder(_folder(environment))


def note_on_synonyms(environment: Mapping[str, str] | None = None) -> str:
    """The sentence that tells a user that `open_synonyms` found no WordNet; empty if it found one."""
    without = isinstance(open_synonyms(environment), NoSynonyms)
    return WITHOUT % _folder(environment) if without else ""


def _folder(environment: Mapping[str, str] | None) -> Path:
    variables = os.environ if environment is None else environment
    return Path(variables.get("WNSEARCHDIR") or DEFAULT_FOLDER)


def _mapped(path: Path) -> mmap.mmap:
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _synset_offsets(index: mmap.mmap, lemma: str) -> list[int]:
    """The offsets of the lemma's synsets in the data file, most frequent sense first; empty for an unknown lemma.

    An index line is `lemma pos synset_cnt p_cnt [pointers...] sense_cnt tagsense_cnt offset [offset...]`.
    """
    line = _line_of(index, lemma.encode())
    if line is None:
        return []
    fields = line.split()
    return [int(offset) for offset in fields[len(fields) - int(fields[2]) :]]


def _line_of(index: mmap.mmap, key: bytes) -> bytes | None:
    """The line whose first word is the key, by binary search; None if there is none.

    The lines of the file are sorted by their bytes. The lines of the licence, which begin with blanks, come first.
    """
    low, high = 0, len(index)
    while low < high:
        middle = (low + high) // 2
        start = index.rfind(b"\n", 0, middle) + 1
        end = index.find(b"\n", start)
        end = len(index) if end < 0 else end
        line = index[start:end]
        first_word = line.split(b" ", 1)[0]
        if first_word == key:
            return line
        if first_word < key:
            low = end + 1
        else:
            high = start
    return None


def _single_words(data: mmap.mmap, offset: int) -> list[str]:
    """The single-word lemmas of the synset at an offset of the data file, in lower case.

    A data line is `offset file type w_cnt(hex) word lex_id word lex_id ... | gloss`. A marker such as `(p)` may
    follow an adjective.
    """
    fields = data[offset : data.find(b"\n", offset)].decode("ascii", "replace").split(" ")
    count = int(fields[3], 16)
    lemmas = (fields[4 + 2 * i].partition("(")[0].lower() for i in range(count))
    return [lemma for lemma in lemmas if lemma.isalpha()]
