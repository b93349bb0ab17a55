"""What a query, beyond the letters of an unknown word, says about whether the word is a mistake.

Three things speak against a mistake: capitals inside the word (`NumPy`), letters that the words of the corpus do not
have (another alphabet, an accent), and a query whose other words the corpus lacks, too, because it is in another
language or about another field. If the other words are words of the corpus, less evidence is enough.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from enum import Enum

from untilclick.search.analysis.scripts import script_name

RARE_LETTER = 0.005
"""Share of the words of a corpus below which a letter with an accent counts as foreign to it: a few loan words do not
make it usual."""

ACRONYM_LENGTH = 5
"""Letters of the longest word in capitals that is taken for an acronym."""

_UNSPELT_SCRIPTS = frozenset(
    ("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO", "YI", "THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN")
)
"""Scripts without words of letters between spaces: another character makes another word, not a misspelling."""

_WORD = re.compile(r"[^\W_]+")


class QueryContext(Enum):
    """What the other words of an unknown word's query are; stop words do not count."""

    NONE = "none"
    """There are no others, or they tell nothing."""
    FAMILIAR = "familiar"
    """At least half of them are words of the corpus, or evident misspellings of such words."""
    FOREIGN = "foreign"
    """At least two others, and at least half of them are correct words that the corpus lacks."""


def query_context(n_others: int, n_familiar: int, n_foreign: int) -> QueryContext:
    """The context of a word in a query with `n_others` other words: `n_familiar` of the corpus or evidently misspelt,
    `n_foreign` correct words that the corpus lacks."""
    if n_others and 2 * n_familiar >= n_others:
        return QueryContext.FAMILIAR
    return QueryContext.FOREIGN if n_others > 1 and 2 * n_foreign >= n_others else QueryContext.NONE


def deliberate_words(query: str) -> frozenset[str]:
    """The words, in lower case, whose capitals show that they are meant as they are: capitals after a small letter
    (`NumPy`, `gRPC`), and short words in capitals (`OAUTH`), unless the whole query is in capitals."""
    shouted = query.isupper()
    return frozenset(word.lower() for word in _WORD.findall(query) if _has_capitals_inside(word, shouted))


def _has_capitals_inside(word: str, shouted: bool) -> bool:
    """Whether a word has capitals after its first letter; `shouted`: the whole query is in capitals."""
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


def _script(letter: str) -> str:
    """The script of a letter by `script_name`; the sound mark of both Kana counts as Katakana."""
    return script_name(letter).partition("-")[0]
