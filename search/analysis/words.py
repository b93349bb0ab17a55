"""The words of a text, before their endings are cut off: where a word begins, and which further forms it has.

A text falls into chunks at white space and at punctuation that never joins letters. A chunk falls into pieces at its
other punctuation, and where the script changes. Scripts without spaces (Han, Kana, Thai, Khmer, Lao, Burmese), and
Korean with its particles, give overlapping bigrams (Lee & Ahn, "Using n-Grams for Korean Text Retrieval", SIGIR
1996). Beside its pieces a chunk may have

- parts of a camelCase name: getElementById has get, element, by, id
- a joined form, of letters and digits alone: Wi-Fi has wifi, 6204-2RS has 62042rs, U.S.A. has usa, 128 GB has 128gb
- whole forms, with their signs: C++, C#, .NET, 3.11.2, os.path.join
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from itertools import chain, pairwise
from typing import NamedTuple

from untilclick.search.analysis.normal_form import IGNORABLE
from untilclick.search.analysis.scripts import script_name

_HAN = "\u3005\u3007\u3021-\u3029\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_HIRAGANA, _KATAKANA = "\u3041-\u309f", "\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff"
_HANGUL = "\u1100-\u11ff\u3131-\u318e\ua960-\ua97c\uac00-\ud7fb"
_THAI, _LAO = "\u0e01-\u0e3a\u0e40-\u0e4e", "\u0e81-\u0ebd\u0ec0-\u0ecd\u0edc-\u0edf"
_BURMESE, _KHMER = (
    "\u1000-\u103f\u1050-\u109d\ua9e0-\ua9ef\ua9fa-\ua9fe\uaa60-\uaa7f",
    "\u1780-\u17d3\u17d7\u17dc\u17dd",
)
_BIGRAM_SCRIPTS = _HAN + _HIRAGANA + _KATAKANA + _HANGUL + _THAI + _LAO + _BURMESE + _KHMER

_CHARACTERS = re.compile(f"[{_HAN}{_HANGUL}]")
"""Matches a character that has a meaning by itself, so that it is searched alone, too."""

_EMOJI = "\U0001f000-\U0001f3fa\U0001f400-\U0001faff\u2300-\u23ff\u2600-\u27bf\u2b00-\u2bff\u203c\u2049"

_MARK_BLOCKS = (
    "\u0300-\u1dff\u20d0-\u20ff\u2cef-\u2dff\u302a-\u302f\u3099\u309a\ua66f-\uabff\ufb1e\ufe20-\ufe2f"
    "\U00010000-\U0001e94b"
)
"""Blocks with all combining marks, as the inside of a character class."""

JOINERS = "-_./@:+#&"
"""Punctuation that may stand inside of a chunk."""

TYPOGRAPHY = "\u2018\u2019\u201c\u201d\u2013\u2014\u2022\u00d7\u00b1"
"""Quotation marks, dashes and signs that are in many texts whose letters are ASCII. None of them is in a chunk."""

_CAMEL = re.compile(r"^[a-z][A-Z][a-z]+|[A-Z]{2,}(?=[A-Z][a-z])|[A-Z][a-z]+|[a-z]{2,}|[A-Z]{2,}|\d+")
"""Matches the parts of a camelCase name."""
_NUMBERED = re.compile(r"([^\W\d_]{3,})(\d+)")
"""Matches a name that ends in a number; two letters and a number, such as mp3, are one word."""

UNITS = (
    "b", "kb", "mb", "gb", "tb", "pb", "kib", "mib", "gib", "tib", "pib", "w", "kw", "mw", "gw", "kwh", "v", "kv",
    "ma", "mah", "ah", "hz", "khz", "mhz", "ghz", "thz", "m", "mm", "cm", "km", "nm", "um", "µm", "μm", "g", "kg",
    "mg", "ug", "µg", "μg", "l", "ml", "cl", "dl", "s", "ms", "ns", "us", "min", "px", "pt", "dpi", "rpm", "psi",
    "mph", "inch", "bit",
)  # fmt: skip
"""Units that are joined with the number before them, in lower case."""

_UNIT = re.compile(rf"[0-9][ \u00a0]({'|'.join(sorted(UNITS, key=len, reverse=True))})(?![\w-])", re.IGNORECASE)
"""Matches the last digit of a number and its unit. It begins with a digit, because that is quickly searched for."""
_NUMBER = re.compile(r"(?<![\w.,])[0-9]{1,6}$")
"""Matches a whole number at the end of a text. A longer number is an identifier and has no unit."""
_SIGNS = re.compile(r"[.+#/@:&]")
_HYPHENS = re.compile(r"[-_]+")
_SEPARATORS = re.compile(r"[/:&@]+")
_ACRONYM = re.compile(r"(?:[A-Za-z]\.){2,}[A-Za-z]?")

MAX_FORM = 64
"""Maximum number of characters of a joined or whole form."""


class Forms(NamedTuple):
    """The forms of a chunk, in the case in which they were typed."""

    pieces: tuple[str, ...]
    """Its words and bigrams, with camelCase names as a whole and in parts."""
    names: tuple[str, ...]
    """Its snake_case names and abbreviations as one word: snakecase, USA."""
    joined: tuple[str, ...]
    """Its joined forms."""
    parts: tuple[str, ...]
    """The letters and the number of names such as python3. A query does not search them: a name is one word."""
    wholes: tuple[str, ...]
    """Its whole forms, and its runs of a single Han or Hangul character."""
    singles: tuple[str, ...]
    """The characters of its longer runs of Han and Hangul characters."""


def chunks(text: str) -> list[str]:
    """The chunks of a normalised text, in order."""
    if text.isascii():
        return _ascii_chunks(text)
    parts = (_ascii_chunks(part) if part.isascii() else _split(part) for part in text.split())
    return [*chain.from_iterable(parts)]


def unordered_chunks(text: str) -> list[str]:
    """The same as `chunks` in any order, for which a long text takes less time."""
    text = without_typography(text)
    if text.isascii():
        return _ascii_chunks(text)
    parts = text.split()
    others = [part for part in parts if not part.isascii()]
    ascii_text = " ".join([part for part in parts if part.isascii()])
    return [*_ascii_chunks(ascii_text), *chain.from_iterable(map(_split, others))]


def without_typography(text: str) -> str:
    """The text with a space in place of each sign of `TYPOGRAPHY`."""
    if not text.isascii():
        for sign in TYPOGRAPHY:
            text = text.replace(sign, " ")
    return text


def _ascii_chunks(text: str) -> list[str]:
    """The chunks of an ASCII text, in order."""
    return text.translate(_spaces_for()).split()


def units(text: str) -> list[str]:
    """The numbers of a normalised text joined with the unit that follows after a space, in lower case: 128gb of "128
    GB"."""
    of_text: list[str] = []
    for match in _UNIT.finditer(text):
        end = match.start() + 1
        if number := _NUMBER.search(text, max(0, end - 8), end):
            of_text.append(number.group() + match[1].lower())
    return of_text


def is_plain(chunk: str) -> bool:
    """Whether a chunk is one word of ASCII letters that is no camelCase name. It has no further form."""
    return chunk.isascii() and chunk.isalpha() and (chunk.isupper() or chunk[1:].islower() or len(chunk) == 1)


def forms(chunk: str) -> Forms:
    """The forms of a chunk. A chunk of punctuation alone has none."""
    pieces: list[str] = []
    wholes: list[str] = []
    singles: list[str] = []
    parts: list[str] = []
    for match in _pattern().finditer(chunk):
        part = match.group()
        if match.lastgroup == "run":
            bigrams = _bigrams(part)
            pieces += bigrams
            characters = _CHARACTERS.findall(part)
            (wholes if len(characters) == 1 else singles).extend(characters)
        elif match.lastgroup == "emoji":
            pieces.append(part)
        else:
            for word in _by_script(part):
                pieces += (word, *_camel_parts(word))
                parts += _letters_and_number(word)
    joined, whole = _joined_and_whole(chunk)
    names: list[str] = []
    if "-" not in chunk:
        names, joined = joined, []
    return Forms(
        tuple(pieces), tuple(names), tuple(joined), tuple(parts), (*wholes, *whole), tuple(dict.fromkeys(singles))
    )


def keywords(text: str) -> list[str]:
    """The words of a normalised text; a run of a script without spaces is one word."""
    return [match.group() for match in _pattern().finditer(text)]


def keyword_spans(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each of the `keywords` of a normalised text."""
    for match in _pattern().finditer(text):
        yield match.span()


def spans(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each piece of a normalised text: words, and bigrams of scripts without spaces."""
    for match in _pattern().finditer(text):
        if match.lastgroup == "run":
            yield from _bigram_spans(match.group(), match.start())
        else:
            yield match.span()


def _joined_and_whole(chunk: str) -> tuple[list[str], list[str]]:
    """The joined and the whole forms of a chunk, most specific last."""
    core = chunk.rstrip("-_./@:&").lstrip("-_/@:&+#")
    if not core or core.isalnum():
        return [], []
    if _ACRONYM.fullmatch(chunk):
        return [chunk.replace(".", "")], []
    joined: list[str] = []
    wholes: list[str] = []
    for part in dict.fromkeys([*_SEPARATORS.split(core), core]):
        form = _HYPHENS.sub("", part)
        if not 2 <= len(form) <= MAX_FORM or not any(map(str.isalnum, form)):
            continue
        if form.isalnum():
            if form != part and len(_by_script(form)) == 1:
                joined.append(form)
        elif not form.startswith("..") and _SIGNS.search(form):
            wholes.append(form)
    return joined, wholes


def _by_script(word: str) -> list[str]:
    """A word cut where its script changes, if the parts on both sides are longer than a letter: iPhoneдля has iPhone
    and для, μm stays."""
    if word.isascii():
        return [word]
    parts: list[str] = []
    script = ""
    for char in word:
        of_char = script_name(char)
        if parts and (not of_char or of_char == script or not script):
            parts[-1] += char
        else:
            parts.append(char)
        script = of_char or script
    return parts if all(len(part) > 1 for part in parts) else [word]


def _camel_parts(word: str) -> list[str]:
    """The parts of a camelCase name, none for another word. Parts of one letter, as in mRNA, make none; iPhone is one
    part."""
    if word.islower() or word.isupper() or word[1:].islower() or not word.isascii():
        return []
    parts = _CAMEL.findall(word)
    return parts if len(parts) > 1 and sum(map(len, parts)) == len(word) else []


def _letters_and_number(word: str) -> Sequence[str]:
    """The two parts of a name such as python3, none for another word."""
    numbered = _NUMBERED.fullmatch(word)
    return numbered.groups() if numbered else ()


def _bigrams(run: str) -> list[str]:
    """The overlapping bigrams of a run, or the run itself if it has one character."""
    return [run[start:end] for start, end in _bigram_spans(run, 0)]


def _bigram_spans(run: str, offset: int) -> list[tuple[int, int]]:
    """Start and end of the bigrams of a run that begins at `offset`. A character counts with its marks."""
    clusters = [match.span() for match in _cluster().finditer(run)]
    if len(clusters) < 2:
        return [(offset, offset + len(run))]
    return [(offset + a[0], offset + b[1]) for a, b in pairwise(clusters)]


@lru_cache(maxsize=1 << 16)
def _split(part: str) -> list[str]:
    """The chunks of a part of a text that is not ASCII."""
    return _chunk_pattern().findall(part.replace("\u2010", "-"))


@cache
def _spaces_for() -> str:
    """The table for `str.translate` that puts a space for every ASCII character that no chunk has."""
    return "".join(chr(i) if chr(i).isalnum() or chr(i) in JOINERS else " " for i in range(128))


@cache
def _marks() -> str:
    """All combining marks that may follow a letter of a word, as the inside of a character class."""
    points = [i for i in range(0x300, 0x1E94B) if unicodedata.category(chr(i)).startswith("M")]
    ignorable = re.compile(f"[{IGNORABLE}]")
    return "".join(chr(i) for i in points if not ignorable.match(chr(i)))


@cache
def _some_marks() -> str:
    """The pattern of marks. It looks for their blocks first, because the class of all marks is slow."""
    return f"(?=[{_MARK_BLOCKS}])[{_marks()}]+"


@cache
def _word() -> str:
    """The pattern of a word of a script with spaces: letters and digits with their marks."""
    letter = rf"[^\W_{_BIGRAM_SCRIPTS}]"
    return rf"{letter}+(?:{_some_marks()}{letter}*)*"


@cache
def _run() -> str:
    """The pattern of a run of one script that gives bigrams. It begins with no mark, and ends after all marks."""
    hiragana, katakana = (_characters(script, f"{script}ー") for script in (_HIRAGANA, _KATAKANA))
    others = [_characters(script, script) for script in (_HAN, _HANGUL, _THAI, _LAO, _BURMESE, _KHMER)]
    # A bigram may begin with ー. What follows tells its script.
    runs = (f"ー+(?:{hiragana}|{katakana})?", hiragana, katakana, *others)
    return "|".join(f"(?:{run})(?:{_some_marks()})?" for run in runs)


def _characters(first: str, others: str) -> str:
    """The pattern of a first character that is no mark, and of others."""
    return f"[{first}]{_unless_mark_of(first)}[{others}]*"


def _unless_mark_of(script: str) -> str:
    """A pattern that matches nothing, but not after a mark of the script."""
    marks = re.findall(f"[{script}]", _marks())
    return f"(?<![{''.join(marks)}])" if marks else ""


@cache
def _emoji() -> str:
    """The pattern of a flag, or of an emoji with its marks, such as a keycap."""
    return f"(?:[\U0001f1e6-\U0001f1ff]{{2}}|[{_EMOJI}])(?:{_some_marks()})?"


@cache
def _pattern() -> re.Pattern[str]:
    """Matches a word, a run of a script that gives bigrams, or an emoji, as the group of that name."""
    return re.compile(f"(?P<word>{_word()})|(?P<run>{_run()})|(?P<emoji>{_emoji()})")


@cache
def _chunk_pattern() -> re.Pattern[str]:
    """Letters with joiners between them, or a run of one script, or an emoji."""
    joiners = re.escape(JOINERS)
    spaced = f"[{joiners}]*{_word()}(?:[{joiners}]+{_word()})*[{joiners}]*"
    return re.compile(f"{spaced}|{_run()}|{_emoji()}")


@cache
def _cluster() -> re.Pattern[str]:
    """A character of a run with its marks; in Khmer and Burmese a stacked consonant is one."""
    return re.compile(f"(?:\u17d2|\u1039)?.(?:[{_marks()}]|(?<=[\u17d2\u1039]).)*", re.DOTALL)
