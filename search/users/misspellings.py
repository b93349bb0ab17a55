"""Misspellings of words: real ones from a list, and likely slips of hand or ear for words that the list lacks.

The list is codespell's dictionary: tens of thousands of misspellings that were committed to public source code and
corrected later. A hash of the misspelling splits the list in two halves, so that a rewriter can be tested on
misspellings that it never met in training. Nothing is corrected here; that is the rewriter's task.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal
from zlib import crc32

import numpy as np

from untilclick.search.analysis.scripts import script_name
from untilclick.search.errors import MissingDependencyError
from untilclick.search.text.keyboard import neighbours
from untilclick.search.users.draws import pick

Part = Literal["all", "train", "test"]

MIN_SLIP_LENGTH = 4
"""Letters of the shortest word that gets a slip: shorter words cannot be recognised with a wrong letter."""

_INPUT_METHOD_SCRIPTS = frozenset({"CJK", "IDEOGRAPHIC", "HANGUL"})
"""Scripts whose characters an input method makes. A slip there gives other words, not characters in another order."""

_SOUNDS = (
    ("ph", "f"), ("ie", "ei"), ("ei", "ie"), ("ck", "k"), ("qu", "kw"), ("ce", "se"), ("ci", "si"), ("tion", "sion"),
    ("able", "ible"), ("ible", "able"), ("ance", "ence"), ("ence", "ance"), ("ant", "ent"), ("ent", "ant"),
    ("er", "or"), ("or", "er"), ("ea", "ee"), ("ee", "ea"), ("ou", "u"), ("x", "cks"), ("c", "k"), ("z", "s"),
    ("y", "i"), ("i", "y"),
)  # fmt: skip
"""Letters of a word, and letters that sound alike."""


@dataclass(frozen=True)
class Misspellings:
    """Real misspellings by correct word; other words get slips."""

    listed: Mapping[str, tuple[str, ...]]
    """Correct word in lower case -> its misspellings."""

    def of(self, word: str) -> tuple[str, ...]:
        """The listed misspellings of a word in lower case; empty if the list has none."""
        return self.listed.get(word, ())

    def misspell(self, word: str, real_share: float, rng: np.random.Generator) -> str:
        """A misspelling of the word: with probability `real_share` a listed one, if the list has any, else one slip.
        A word that is too short for a slip and has no listed misspelling is returned unchanged."""
        listed = self.of(word)
        if listed and rng.random() < real_share:
            return pick(listed, rng)
        return slip(word, rng)


@lru_cache(maxsize=3)
def load_misspellings(part: Part = "all") -> Misspellings:
    """Read codespell's dictionary, or the half of it that a hash assigns to `part`.

    Entries with characters other than letters are left out; a misspelling with several corrections belongs to the
    first one. Raises MissingDependencyError if codespell is not installed.
    """
    by_word: dict[str, list[str]] = {}
    for line in dictionary_path().read_text(encoding="utf-8").splitlines():
        wrong, _, corrections = line.partition("->")
        right = corrections.split(",")[0].strip().lower()
        wrong = wrong.strip().lower()
        if wrong.isalpha() and right.isalpha() and (part == "all" or part_of(wrong) == part):
            by_word.setdefault(right, []).append(wrong)
    return Misspellings({word: tuple(wrongs) for word, wrongs in by_word.items()})


def part_of(misspelling: str) -> Part:
    """The half, `train` or `test`, that a misspelling belongs to; the same on every machine."""
    return "train" if crc32(misspelling.encode()) & 1 else "test"


def dictionary_path() -> Path:
    """The path of codespell's dictionary. Raises MissingDependencyError if codespell is not installed."""
    spec = importlib.util.find_spec("codespell_lib")
    if spec is None or spec.origin is None:
        raise MissingDependencyError.of("codespell", "train")
    return Path(spec.origin).parent / "data" / "dictionary.txt"


def slip(word: str, rng: np.random.Generator) -> str:
    """The word with one slip after its first letter: a letter replaced by a neighbouring key, left out, inserted or
    doubled, two letters swapped, or a spelling that sounds alike. The kinds that change the word are equally likely.

    Damerau, "A Technique for Computer Detection and Correction of Spelling Errors", CACM 7(3), 1964: four of five
    errors are one omission, insertion, substitution or transposition. Pollock & Zamora, CACM 27(4), 1984: the first
    letter is seldom wrong. Words shorter than MIN_SLIP_LENGTH are returned unchanged, and Chinese and Korean words.
    """
    if len(word) < MIN_SLIP_LENGTH or (not word.isascii() and script_name(word[0]) in _INPUT_METHOD_SCRIPTS):
        return word
    for _ in range(4):
        changed = pick(_SLIPS, rng)(word, rng)
        if changed != word:
            return changed
    return _leave_out(word, rng)


def _place(word: str, rng: np.random.Generator) -> int:
    """The index of a letter after the first."""
    return 1 + int(rng.random() * (len(word) - 1))


def _neighbour_key(word: str, rng: np.random.Generator) -> str:
    i = _place(word, rng)
    keys = neighbours().get(word[i])
    return word[:i] + pick(keys, rng) + word[i + 1 :] if keys else word


def _leave_out(word: str, rng: np.random.Generator) -> str:
    i = _place(word, rng)
    return word[:i] + word[i + 1 :]


def _put_in(word: str, rng: np.random.Generator) -> str:
    i = _place(word, rng)
    keys = (*neighbours().get(word[i], ()), word[i])
    return word[: i + 1] + pick(keys, rng) + word[i + 1 :]


def _swap(word: str, rng: np.random.Generator) -> str:
    i = min(_place(word, rng), len(word) - 2)
    return word[:i] + word[i + 1] + word[i] + word[i + 2 :]


def _sound_alike(word: str, rng: np.random.Generator) -> str:
    fitting = [(heard, written) for heard, written in _SOUNDS if heard in word[1:]]
    if not fitting:
        return word
    heard, written = pick(fitting, rng)
    return word[0] + word[1:].replace(heard, written, 1)


_SLIPS = (_neighbour_key, _leave_out, _put_in, _swap, _sound_alike)
