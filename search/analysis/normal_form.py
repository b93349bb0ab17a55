"""Unicode normal forms: one spelling for texts that a reader cannot tell apart, and letters without their accents.

`normalised` is NFKC without characters that have no glyph (Unicode Standard Annex 15, and the property
Default_Ignorable_Code_Point of annex 44). It leaves the case, which tells where a camelCase name has its parts.
`lowered` and `folded` work on single words, so that their cost is paid once for each distinct word.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache

from tantivy import Filter, TextAnalyzer, TextAnalyzerBuilder, Tokenizer

IGNORABLE = (
    "\u00ad\u034f\u061c\u0640\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U0001f3fb-\U0001f3ff"
    "\U000e0000-\U000e0fff"
)
"""Characters that are left out, as the inside of a character class: soft hyphen, zero-width and direction characters,
variation selectors, the Arabic tatweel, which only stretches a word, and the skin tones of emoji."""

_IGNORABLE = re.compile(f"[{IGNORABLE}]+")
_LEFT_OUT = re.compile("[" + IGNORABLE + r"\ud800-\udfff]")
"""Matches what a normalised text does not have: characters without a glyph, and halves of surrogate pairs."""

_FOLDED_MARKS = re.compile(
    "(?:[\u0300-\u0305\u0307-\u036f\u0483-\u0487\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a"
    "\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u1dc0-\u1dff]|(?<![иИуУ])\u0306)+"
)
"""Marks of Latin, Greek, Cyrillic, Hebrew and Arabic letters. Elsewhere (Devanagari, Thai) marks are vowels. The
breve stays on и and у: й and ў are letters of their own."""

_LETTERS = str.maketrans({
    "ς": "σ", "ϐ": "β", "ϑ": "θ", "ϕ": "φ", "ϖ": "π", "ϰ": "κ", "ϱ": "ρ", "ϲ": "σ",
    "ى": "ي", "ی": "ي", "ک": "ك", "ۀ": "ه", "ة": "ه", "ٱ": "ا",
})  # fmt: skip
"""Forms of one letter that NFKC keeps apart: the Greek final sigma and symbols, Persian and Arabic yeh and kaf."""


def encodable(text: str) -> str:
    """The text with a question mark for each half of a surrogate pair, which no UTF-8 text can hold."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def normalised(text: str) -> str:
    """The text in form NFKC, without characters that have no glyph. The form of a normalised text is that text."""
    if text.isascii():
        return text
    if is_normalised(text):
        return text
    text = encodable(text)
    while not is_normalised(text):
        text = unicodedata.normalize("NFKC", _IGNORABLE.sub("", text))
    return text


def is_normalised(text: str) -> bool:
    """Whether `normalised` leaves the text as it is."""
    return text.isascii() or (unicodedata.is_normalized("NFKC", text) and not _LEFT_OUT.search(text))


def lowered(word: str, language: str = "") -> str:
    """A normalised word in lower case, as it is shown. In Turkish and Azerbaijani I becomes ı."""
    if word.isascii() and language not in ("tr", "az"):
        return word.lower()
    if language in ("tr", "az"):
        word = word.replace("İ", "i").replace("I", "ı")
    return unicodedata.normalize("NFKC", word.lower().replace("i\u0307", "i"))


def folded(word: str) -> str:
    """A word in lower case without accents: "crème" is "creme", "straße" is "strasse", "ışık" is "isik".

    Latin letters become ASCII as in Lucene's ASCIIFoldingFilter (by tantivy); of Greek, Cyrillic, Hebrew and Arabic
    letters the marks are left out. The result does not depend on the case of the word.
    """
    if word.isascii():
        return word.lower()
    decomposed = unicodedata.normalize("NFD", word.casefold())
    bare = _FOLDED_MARKS.sub("", decomposed)
    composed = unicodedata.normalize("NFKC", bare.translate(_LETTERS))
    ascii_letters = _ascii_folder().analyze(composed)
    return (ascii_letters[0] if ascii_letters else composed).lower()


def case_folded(word: str, language: str = "") -> str:
    """A word as `folded` gives it, but with its accents."""
    if word.isascii() and language not in ("tr", "az"):
        return word.lower()
    return unicodedata.normalize("NFKC", lowered(word, language).casefold()).translate(_LETTERS)


def text_key(text: str) -> str:
    """The same key for texts that differ in case, accents, width or white space only."""
    return " ".join(" ".join(map(folded, normalised(text).split())).split())


def clusters(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each part of a text that can be normalised by itself: a character with its marks."""
    starts = [i for i, char in enumerate(text) if i == 0 or not continues(char)]
    yield from zip(starts, [*starts[1:], len(text)], strict=True)


def continues(char: str) -> bool:
    """Whether a character belongs to the one before it: a mark, a character without glyph, a Hangul vowel or
    final."""
    return (
        unicodedata.combining(char) != 0
        or unicodedata.category(char).startswith("M")
        or "\u1160" <= char <= "\u11ff"
        or char in "\uff9e\uff9f"
        or _IGNORABLE.match(char) is not None
    )


@cache
def _ascii_folder() -> TextAnalyzer:
    return TextAnalyzerBuilder(Tokenizer.raw()).filter(Filter.ascii_fold()).build()
