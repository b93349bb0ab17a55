"""How people misspell a word: real misspellings where a list knows some, likely slips of the hand or ear otherwise.

The list is codespell's: tens of thousands of misspellings that people committed to public source code and that other
people corrected. It is split in two halves by a hash of the misspelling, so that a rewriter can be tried on
misspellings it never met. Correction is not here; it is the rewriter's task.
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

from untilclick.search.errors import MissingDependencyError
from untilclick.search.users.draws import pick

Part = Literal["all", "train", "test"]

MIN_SLIP_LENGTH = 4
"""Shorter words are too short to recognise with a letter wrong; noise leaves them alone."""

_KEY_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_ROW_OFFSETS = (0.0, 0.25, 0.75)
_SOUNDS = (
    ("ph", "f"), ("ie", "ei"), ("ei", "ie"), ("ck", "k"), ("qu", "kw"), ("ce", "se"), ("ci", "si"), ("tion", "sion"),
    ("able", "ible"), ("ible", "able"), ("ance", "ence"), ("ence", "ance"), ("ant", "ent"), ("ent", "ant"),
    ("er", "or"), ("or", "er"), ("ea", "ee"), ("ee", "ea"), ("ou", "u"), ("x", "cks"), ("c", "k"), ("z", "s"),
    ("y", "i"), ("i", "y"),
)  # fmt: skip
"""Spellings that sound alike."""


@dataclass(frozen=True)
class Misspellings:
    """Real misspellings by correct word, backed by slips for words the list lacks."""

    known: Mapping[str, tuple[str, ...]]

    def of(self, word: str) -> tuple[str, ...]:
        """The listed misspellings of a lower-case word; empty where the list has none."""
        return self.known.get(word, ())

    def misspell(self, word: str, real_share: float, rng: np.random.Generator) -> str:
        """The word wrongly spelt: with probability `real_share` a listed misspelling if there is any, else one slip.
        Words too short for a slip and without a listed misspelling come back as they are."""
        listed = self.of(word)
        if listed and rng.random() < real_share:
            return pick(listed, rng)
        return slip(word, rng)


@lru_cache(maxsize=3)
def load_misspellings(part: Part = "all") -> Misspellings:
    """Read codespell's dictionary, or the half of it that a hash puts in `part`.

    Only single alphabetic words; a misspelling with several corrections counts for the first. Raises
    MissingDependencyError where codespell is not installed.
    """
    known: dict[str, list[str]] = {}
    for line in dictionary_path().read_text(encoding="utf-8").splitlines():
        wrong, _, corrections = line.partition("->")
        right = corrections.split(",")[0].strip().lower()
        wrong = wrong.strip().lower()
        if wrong.isalpha() and right.isalpha() and (part == "all" or part_of(wrong) == part):
            known.setdefault(right, []).append(wrong)
    return Misspellings({word: tuple(wrongs) for word, wrongs in known.items()})


def part_of(misspelling: str) -> Part:
    """The half, `train` or `test`, that a misspelling belongs to, for ever and on every machine."""
    return "train" if crc32(misspelling.encode()) & 1 else "test"


def dictionary_path() -> Path:
    """Where codespell keeps its list. Raises MissingDependencyError."""
    spec = importlib.util.find_spec("codespell_lib")
    if spec is None or spec.origin is None:
        raise MissingDependencyError.of("codespell", "train")
    return Path(spec.origin).parent / "data" / "dictionary.txt"


def slip(word: str, rng: np.random.Generator) -> str:
    """The word with one slip behind its first letter: a neighbouring key, a letter left out, put in or doubled, two
    letters swapped, or a spelling that sounds alike; each kind equally likely among those that change the word.

    Damerau, "A Technique for Computer Detection and Correction of Spelling Errors", CACM 7(3), 1964: four of five
    errors are one omission, insertion, substitution or transposition. Pollock & Zamora, CACM 27(4), 1984: the first
    letter is seldom wrong. Words below MIN_SLIP_LENGTH come back as they are.
    """
    if len(word) < MIN_SLIP_LENGTH:
        return word
    for _ in range(4):
        changed = pick(_SLIPS, rng)(word, rng)
        if changed != word:
            return changed
    return _leave_out(word, rng)


def _place(word: str, rng: np.random.Generator) -> int:
    return 1 + int(rng.random() * (len(word) - 1))


def _neighbour_key(word: str, rng: np.random.Generator) -> str:
    i = _place(word, rng)
    keys = _neighbours().get(word[i])
    return word[:i] + pick(keys, rng) + word[i + 1 :] if keys else word


def _leave_out(word: str, rng: np.random.Generator) -> str:
    i = _place(word, rng)
    return word[:i] + word[i + 1 :]


def _put_in(word: str, rng: np.random.Generator) -> str:
    i = _place(word, rng)
    keys = (*_neighbours().get(word[i], ()), word[i])
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


@lru_cache(maxsize=1)
def _neighbours() -> dict[str, tuple[str, ...]]:
    """Letter -> letters at most 1.3 key widths away on a QWERTY keyboard."""
    places = {key: (x + _ROW_OFFSETS[y], y) for y, row in enumerate(_KEY_ROWS) for x, key in enumerate(row)}
    return {
        a: tuple(b for b, (u, v) in places.items() if b != a and (u - x) ** 2 + (v - y) ** 2 <= 1.3**2)
        for a, (x, y) in places.items()
    }
