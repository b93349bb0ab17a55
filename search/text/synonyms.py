"""Other words for a word, from Princeton WordNet's own files where they are installed.

They come with Debian's `wordnet-base` (/usr/share/wordnet) or lie where the variable WNSEARCHDIR points. Where there
are none, no word has a synonym: simulated users then do without. The files are searched on disk, so opening costs
nothing; the reader covers synonyms and nothing else of WordNet. Format: wndb(5WN), Fellbaum (ed.), "WordNet: An
Electronic Lexical Database", MIT Press 1998.
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
"""Senses of each part of speech that count, most frequent first: rarer senses are seldom what is meant."""

WITHOUT = (
    "WordNet (optional) is not in %s: simulated users type no synonyms. Debian and Ubuntu have it as wordnet-base."
)
"""What is said where there is none, with the folder."""

_PARTS_OF_SPEECH = ("noun", "verb", "adj", "adv")
_ENDINGS = (("", ""), ("s", ""), ("ies", "y"), ("es", ""), ("ing", ""), ("ing", "e"), ("ed", ""), ("ed", "e"))
"""(ending, what replaces it) tried in turn, a subset of WordNet's morphy rules."""


class Synonyms(Protocol):
    """A source of synonyms."""

    def of(self, word: str) -> tuple[str, ...]:
        """Single-word synonyms of a lower-case word, most frequent sense first, without the word itself; empty where
        none is known."""


class NoSynonyms:
    """Knows none."""

    def of(self, word: str) -> tuple[str, ...]:  # noqa: ARG002
        """Always empty."""
        return ()


class WordNetSynonyms:
    """Reads `index.*` and `data.*` of one WordNet folder."""

    def __init__(self, folder: Path) -> None:
        self._index = {pos: _mapped(folder / f"index.{pos}") for pos in _PARTS_OF_SPEECH}
        self._data = {pos: _mapped(folder / f"data.{pos}") for pos in _PARTS_OF_SPEECH}
        self._known: dict[str, tuple[str, ...]] = {}

    def of(self, word: str) -> tuple[str, ...]:
        """See `Synonyms.of`. A form that WordNet lacks is looked up by its base form."""
        found = self._known.get(word)
        if found is None:
            found = self._known[word] = self._look_up(word)
        return found

    def _look_up(self, word: str) -> tuple[str, ...]:
        for ending, replacement in _ENDINGS:
            if word.endswith(ending) and len(word) > len(ending) + 2:
                base = word[: len(word) - len(ending)] + replacement
                if found := self._of_base(base):
                    return tuple(synonym for synonym in found if synonym != word)
        return ()

    def _of_base(self, lemma: str) -> dict[str, None]:
        found: dict[str, None] = {}
        for pos in _PARTS_OF_SPEECH:
            for offset in _synset_offsets(self._index[pos], lemma)[:SENSES]:
                found.update(dict.fromkeys(_single_words(self._data[pos], offset)))
        found.pop(lemma, None)
        return found


@lru_cache(maxsize=8)
def _open_folder(folder: Path) -> Synonyms:
    if all((folder / f"{kind}.{pos}").is_file() for kind in ("index", "data") for pos in _PARTS_OF_SPEECH):
        return WordNetSynonyms(folder)
    logger.info(WITHOUT, folder)
    return NoSynonyms()


def open_synonyms(environment: Mapping[str, str] | None = None) -> Synonyms:
    """WordNet from WNSEARCHDIR (in `environment`, by default that of the process) or its usual folder; where it is
    not, a source without synonyms, said once in the log at level INFO."""
    return _open_folder(_folder(environment))


def note_on_synonyms(environment: Mapping[str, str] | None = None) -> str:
    """What to tell a person where `open_synonyms` has no WordNet; empty where it has."""
    without = isinstance(open_synonyms(environment), NoSynonyms)
    return WITHOUT % _folder(environment) if without else ""


def _folder(environment: Mapping[str, str] | None) -> Path:
    variables = os.environ if environment is None else environment
    return Path(variables.get("WNSEARCHDIR") or DEFAULT_FOLDER)


def _mapped(path: Path) -> mmap.mmap:
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _synset_offsets(index: mmap.mmap, lemma: str) -> list[int]:
    """Offsets in the data file of the lemma's synsets, most frequent sense first; empty for an unknown lemma.

    A line is `lemma pos synset_cnt p_cnt [pointers...] sense_cnt tagsense_cnt offset [offset...]`.
    """
    line = _line_of(index, lemma.encode())
    if line is None:
        return []
    fields = line.split()
    return [int(offset) for offset in fields[len(fields) - int(fields[2]) :]]


def _line_of(index: mmap.mmap, key: bytes) -> bytes | None:
    """Binary search for the line that starts with the key; lines are sorted by bytes, the licence (which starts with
    blanks) coming first."""
    low, high = 0, len(index)
    while low < high:
        middle = (low + high) // 2
        start = index.rfind(b"\n", 0, middle) + 1
        end = index.find(b"\n", start)
        end = len(index) if end < 0 else end
        line = index[start:end]
        found = line.split(b" ", 1)[0]
        if found == key:
            return line
        if found < key:
            low = end + 1
        else:
            high = start
    return None


def _single_words(data: mmap.mmap, offset: int) -> list[str]:
    """The single-word lemmas of the synset at an offset, in lower case. A line is `offset file type w_cnt(hex) word
    lex_id word lex_id ... | gloss`; adjectives may carry a marker such as `(p)`."""
    fields = data[offset : data.find(b"\n", offset)].decode("ascii", "replace").split(" ")
    count = int(fields[3], 16)
    lemmas = (fields[4 + 2 * i].partition("(")[0].lower() for i in range(count))
    return [lemma for lemma in lemmas if lemma.isalpha()]
