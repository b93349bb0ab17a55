"""The script of letters and words."""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import Literal

Script = Literal[
    "latin", "cyrillic", "greek", "arabic", "hebrew", "devanagari", "armenian", "tamil", "bigrams", "other"
]

_BY_NAME: dict[str, Script] = {
    "LATIN": "latin", "CYRILLIC": "cyrillic", "GREEK": "greek", "ARABIC": "arabic", "HEBREW": "hebrew",
    "DEVANAGARI": "devanagari", "ARMENIAN": "armenian", "TAMIL": "tamil", "CJK": "bigrams", "HIRAGANA": "bigrams",
    "KATAKANA": "bigrams", "KATAKANA-HIRAGANA": "bigrams", "HANGUL": "bigrams", "THAI": "bigrams", "LAO": "bigrams",
    "MYANMAR": "bigrams", "KHMER": "bigrams", "IDEOGRAPHIC": "bigrams", "MICRO": "greek",
}  # fmt: skip
"""First word of a letter's Unicode name -> script."""


@cache
def script_name(char: str) -> str:
    """The first word of a letter's Unicode name, such as LATIN; empty for a digit, a mark or a sign."""
    return unicodedata.name(char, "").partition(" ")[0] if char.isalpha() else ""


def script_of(word: str) -> Script:
    """The script of the first letter of a word; `other` without a letter."""
    if word.isascii() and word.isalpha():
        return "latin"
    first = next((name for char in word if (name := script_name(char))), "")
    return _BY_NAME.get(first, "other")
