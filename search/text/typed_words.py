"""What a query, beyond the letters of an unknown word, says about whether the word is a mistake.

Three things speak against a mistake: capitals inside the word (`NumPy`), letters that the words of the corpus do not
have (another alphabet, an accent), and a query whose other words the corpus does not have either: somebody writes in
another language or about another field. Where the other words are the corpus's own, less evidence is enough.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from enum import Enum
from functools import lru_cache

RARE_LETTER = 0.005
"""Share of the corpus's words below which a letter with an accent counts as foreign to the corpus."""

ACRONYM_LENGTH = 5
"""Letters of the longest word in capitals that is taken for an acronym."""

_UNSPELT_SCRIPTS = frozenset(
    ("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO", "YI", "THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN")
)
"""Scripts without words of letters between spaces: another character makes another word, not a misspelling."""

_WORD = re.compile(r"[^\W_]+")


class Company(Enum):
    """The company of an unknown word: the other words of its query, without stop words."""

    NONE = "none"
    """There are no others, or they tell nothing."""
    FAMILIAR = "familiar"
    """At least half of them are words of the corpus, or evident misspellings of such words."""
    FOREIGN = "foreign"
    """At least two others, and at least half of them are correct words that the corpus lacks."""


def company(n_others: int, n_familiar: int, n_foreign: int) -> Company:
    """The company of a word in a query with `n_others` other words."""
    if n_others and 2 * n_familiar >= n_others:
        return Company.FAMILIAR
    return Company.FOREIGN if n_others > 1 and 2 * n_foreign >= n_others else Company.NONE


def deliberate_words(query: str) -> frozenset[str]:
    """The words, in lower case, whose capitals show that they are meant as they are: capitals after a small letter
    (`NumPy`, `gRPC`), and short words in capitals (`OAUTH`), unless the whole query is in capitals."""
    shouted = query.isupper()
    return frozenset(word.lower() for word in _WORD.findall(query) if _has_capitals_inside(word, shouted))


def _has_capitals_inside(word: str, shouted: bool) -> bool:
    if word.isupper():
        return not shouted and 1 < len(word) <= ACRONYM_LENGTH
    return any(letter.isupper() for letter in word[1:])


class Letters:
    """The letters that the words of a corpus are written with."""

    def __init__(self, words: Iterable[str]) -> None:
        """Count the letters of words in lower case."""
        listed = list(words)
        counts = Counter(letter for word in listed for letter in set(word))
        self._usual = {letter for letter, n in counts.items() if n >= RARE_LETTER * len(listed)}
        self._scripts = {_script(letter) for letter in self._usual} - _UNSPELT_SCRIPTS

    def spell(self, word: str) -> bool:
        """Whether a word in lower case could be a misspelt word of the corpus: its letters are of one script that the
        corpus uses, and none has an accent that the corpus's words do not have."""
        scripts = {_script(letter) for letter in word}
        if len(scripts) != 1 or not scripts <= self._scripts:
            return False
        return scripts != {"LATIN"} or all(letter.isascii() or letter in self._usual for letter in word)


def same_script(a: str, b: str) -> bool:
    """Whether two words of letters are written in the same script."""
    return (a.isascii() and b.isascii()) or {_script(letter) for letter in a} == {_script(letter) for letter in b}


@lru_cache(maxsize=1 << 12)
def _script(letter: str) -> str:
    """The first word of a letter's Unicode name, which is its script; empty for what has no name."""
    return unicodedata.name(letter, "").partition(" ")[0].partition("-")[0]
