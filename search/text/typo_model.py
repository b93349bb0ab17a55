"""How likely a typed word is a misspelling of a given word: evidence from the edits between the two.

The noisy channel of Kernighan, Church & Gale, "A spelling correction program based on a noisy channel model", COLING
1990, with kinds of edits instead of single letters, so that a page of weights is enough. Two linear scores stand on
the same features. `choice` ranks the candidates of a misspelt word. `trust` tells misspellings from correct words
that the corpus lacks. The weights of `choice` are those of a conditional logit over the candidates, the weights of
`trust` those of a logistic regression against words of 27 languages; `python -m benchmarks.spelling_model weights`
learns them from half of codespell's list. The other half is left for tests. The word itself is not judged here: its
letters say little about whether it is a word; `lexicon.py` lists words instead.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

from untilclick.search.text.keyboard import neighbours

Kind = Literal[
    "swap", "vowel", "sound", "key", "other", "undouble", "double", "drop_vowel", "drop_consonant",
    "add_key", "add_vowel", "add_consonant",
]  # fmt: skip
"""Two neighbours swapped; a vowel for a vowel, a letter for one that sounds alike, for a neighbouring key, for
another; a doubled letter written once, a single one twice; a vowel or consonant left out; a letter put in beside its
neighbouring key, else a vowel or a consonant."""

MAX_LOG_FREQUENCY = 7.0
"""Limit of the natural logarithm of a word's occurrences in a million; in a tiny corpus every word is frequent."""

_VOWELS = frozenset("aeiouyаеёиоуыэюяαεηιουω")
"""Latin, Cyrillic and Greek vowels without accents."""
_SOUNDS = frozenset(
    frozenset(pair) for pair in ("ck", "cs", "sz", "fv", "mn", "dt", "gj", "bp", "iy", "kq")
)  # fmt: skip
"""Pairs of letters that sound alike."""


class Edit(NamedTuple):
    """One edit between the intended and the typed word."""

    operation: Literal["swap", "substitute", "drop", "add"]
    letter: str
    """The letter of the intended word; for an addition, the letter that was put in."""
    other: str
    """The letter typed instead, or the letters around the place of a drop or an addition, that letter included."""


class Evidence(NamedTuple):
    """The two scores of one candidate, in nats; they cannot be compared with each other."""

    choice: float
    """Score among the candidates of one word; the largest is the likeliest."""
    trust: float
    """Log odds that the typed word is a misspelling of the candidate rather than a word of its own."""
    n_edits: int
    """Number of edits between the two."""


class Weight(NamedTuple):
    """The weights of one feature in the two scores."""

    choice: float
    trust: float


WEIGHTS: dict[str, Weight] = {
    "swap": Weight(1.13, 1.0),
    "vowel": Weight(-0.71, -2.05),
    "sound": Weight(0.32, -1.84),
    "key": Weight(-0.6, -0.97),
    "other": Weight(-2.32, -3.11),
    "undouble": Weight(1.77, -0.46),
    "double": Weight(-0.26, -1.12),
    "drop_vowel": Weight(1.37, -0.09),
    "drop_consonant": Weight(0.86, -0.37),
    "add_key": Weight(-0.9, -2.01),
    "add_vowel": Weight(-1.8, -2.72),
    "add_consonant": Weight(-2.01, -2.32),
    "first": Weight(-2.18, -2.21),
    "last": Weight(-0.09, -1.65),
    "two": Weight(-3.16, -8.45),
    "two_log_length": Weight(-0.81, 2.85),
    "log_frequency": Weight(0.26, 0.23),
    "log_length": Weight(0.0, 5.52),
    "constant": Weight(0.0, -7.61),
}
"""Feature -> its weights. The features: the number of edits of each kind; whether the first and the last letters
differ (`metoda` and `method`); whether there is more than one edit, and if so the logarithm of the typed word's
length; the logarithms of the candidate's occurrences in a million words and of the typed word's length; 1."""


def evidence(typed: str, intended: str, frequency: float) -> Evidence:
    """The scores of a candidate.

    Both words are in lower case and not empty; `frequency` is the share of the candidate among the occurrences of all
    words of the corpus, in (0, 1].
    """
    edited = edits(typed, intended)
    values = _features(typed, intended, frequency, edited)
    choice = sum(WEIGHTS[name].choice * value for name, value in values.items())
    trust = sum(WEIGHTS[name].trust * value for name, value in values.items())
    return Evidence(choice, trust, len(edited))


def features(typed: str, intended: str, frequency: float) -> list[float]:
    """The features of a candidate, in the order of WEIGHTS; the arguments are those of `evidence`."""
    values = _features(typed, intended, frequency, edits(typed, intended))
    return [values.get(name, 0.0) for name in WEIGHTS]


def _features(typed: str, intended: str, frequency: float, edited: list[Edit]) -> dict[str, float]:
    """The features that are not 0."""
    log_length = math.log(len(typed))
    values: dict[str, float] = {
        "first": float(typed[0] != intended[0]),
        "last": float(typed[-1] != intended[-1]),
        "log_frequency": min(math.log(frequency * 1e6), MAX_LOG_FREQUENCY),
        "log_length": log_length,
        "constant": 1.0,
    }
    if len(edited) > 1:
        values |= {"two": 1.0, "two_log_length": log_length}
    for edit in edited:
        values[kind(edit)] = values.get(kind(edit), 0.0) + 1.0
    return values


def kind(edit: Edit) -> Kind:
    """The kind of an edit."""
    if edit.operation == "swap":
        return "swap"
    if edit.operation == "substitute":
        return _kind_of_substitution(edit.letter, edit.other)
    if edit.letter * 2 in edit.other:
        return "undouble" if edit.operation == "drop" else "double"
    if edit.operation == "drop":
        return "drop_vowel" if edit.letter in _VOWELS else "drop_consonant"
    if any(letter in neighbours().get(edit.letter, ()) for letter in edit.other):
        return "add_key"
    return "add_vowel" if edit.letter in _VOWELS else "add_consonant"


def _kind_of_substitution(letter: str, other: str) -> Kind:
    if letter in _VOWELS and other in _VOWELS:
        return "vowel"
    if frozenset((letter, other)) in _SOUNDS:
        return "sound"
    return "key" if other in neighbours().get(letter, ()) else "other"


def edits(typed: str, intended: str) -> list[Edit]:
    """The fewest edits that turn the intended into the typed word, from the last letter to the first.

    Optimal string alignment: insertions, deletions, substitutions, and swaps of neighbours (Damerau, "A Technique for
    Computer Detection and Correction of Spelling Errors", CACM 7(3), 1964). `edits("teh", "the")` is one swap.
    """
    distances = _distances(typed, intended)
    i, j = len(intended), len(typed)
    backwards: list[Edit] = []
    while i or j:
        distance = distances[i][j]
        if i and j and intended[i - 1] == typed[j - 1] and distance == distances[i - 1][j - 1]:
            i, j = i - 1, j - 1
        elif _swapped(typed, intended, i, j) and distance == distances[i - 2][j - 2] + 1:
            backwards.append(Edit("swap", intended[i - 2], intended[i - 1]))
            i, j = i - 2, j - 2
        elif i and j and distance == distances[i - 1][j - 1] + 1:
            backwards.append(Edit("substitute", intended[i - 1], typed[j - 1]))
            i, j = i - 1, j - 1
        elif i and distance == distances[i - 1][j] + 1:
            backwards.append(Edit("drop", intended[i - 1], intended[max(i - 2, 0) : i + 1]))
            i -= 1
        else:
            backwards.append(Edit("add", typed[j - 1], typed[max(j - 2, 0) : j + 1]))
            j -= 1
    return backwards


def _distances(typed: str, intended: str) -> list[list[int]]:
    """Edits between the first i letters of the intended and the first j letters of the typed word, [i][j]."""
    distances = [[i + j if not i or not j else 0 for j in range(len(typed) + 1)] for i in range(len(intended) + 1)]
    for i in range(1, len(intended) + 1):
        for j in range(1, len(typed) + 1):
            changed = distances[i - 1][j - 1] + (intended[i - 1] != typed[j - 1])
            fewest = min(distances[i - 1][j] + 1, distances[i][j - 1] + 1, changed)
            if _swapped(typed, intended, i, j):
                fewest = min(fewest, distances[i - 2][j - 2] + 1)
            distances[i][j] = fewest
    return distances


def _swapped(typed: str, intended: str, i: int, j: int) -> bool:
    """Whether the two letters that end at i and j are each other's swap."""
    return i > 1 and j > 1 and intended[i - 1] == typed[j - 2] and intended[i - 2] == typed[j - 1]
