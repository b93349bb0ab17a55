"""How prominent the documents of a corpus are: how many other documents name each of them by its title.

A document that many others name is looked for more often than one that none names. This is evidence that does not
depend on the query, like the number of links to a page: Kraaij, Westerveld & Hiemstra, "The Importance of Prior
Probabilities for Entry Page Search", SIGIR 2002; Craswell, Robertson, Zaragoza & Taylor, "Relevance Weighting for
Query Independent Evidence", SIGIR 2005. Texts here have no links; they have names.

What names a document, read in one pass over the texts:

- a title of one token, such as `os.path.join`, `pg_dump` or `mkdir`: that token, in the same case;
- a title of one English word, such as `open`: only in a form of code, which is `open(` or the word between backticks;
- a title of several words: these words in this order. Their case counts only for a title in capitals (`CREATE RULE`).

A title may begin with the number of a section, which is no part of the name, and may be a list of names, as on manual
pages (`mkdir, mkdirat`). A document does not name its own title, nor the last part of it: `shelve.open` begins with
its signature `open(...)` and says nothing of `open`. The rules were fixed on the Linux manual pages.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from untilclick.search.analysis.normal_form import normalised
from untilclick.search.records import Corpus, Document

MOST_NAMED = 5
"""Maximum number of documents that one name may stand for; a name of more, such as `See also`, names none of them. An
assumption."""

_TOKEN = re.compile(r"\w+(?:(?:[.-]|::)\w+)*")
_CODE = re.compile(r"(?<![\w.:-])(\w+)(?=\((?!e?s\)))|`(\w+)`")
"""A word in a form of code. `file(s)` is none."""
_NUMBER = re.compile(r"(?:(?:chapter|appendix|part|section)\s+)?(?:[a-z]|\d+|[ivxlc]+)(?:\.\d+)*\.\s+", re.IGNORECASE)
"""The number of a section at the beginning of its title."""
_CALL = re.compile(r"\(\w*\)$")
"""The parentheses of a function, or the section of a manual page, at the end of a title."""

N = TypeVar("N", bound=Hashable)
Name = tuple[str, ...]
"""The tokens of a name; a name in phrases that are compared without case is in lower case."""


def prominence(corpus: Corpus) -> NDArray[np.float64]:
    """(D,) number of other documents that name each document, in corpus order; 0 for documents without a title, or
    whose title no other document names.

    Takes one to two seconds of a processor for 10,000 documents of about 100 words.
    """
    titles = TitleNames(document.title for document in corpus.documents)
    counts = np.zeros(len(titles), dtype=np.float64)  # (T,)
    for document in corpus.documents:
        for number in titles.named_by(document):
            counts[number] += 1
    return counts[titles.numbers] if corpus.documents else np.zeros(0)


def shares_of_most(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Counts as numbers from 0 to 1, log(1 + n) / log(1 + max): a document that no other names has 0, the one that
    most name has 1. All 0 if all counts are 0."""
    most = counts.max(initial=0.0)
    return np.log1p(counts) / np.log1p(most) if most > 0 else np.zeros_like(counts)


class _Names(NamedTuple):
    """The names in one title, by how they are compared with texts."""

    tokens: tuple[str, ...] = ()
    """Tokens that count wherever they stand."""
    words: tuple[str, ...] = ()
    """English words that count in a form of code."""
    phrases: tuple[Name, ...] = ()
    """Several tokens in lower case."""
    capitals: tuple[Name, ...] = ()
    """Several tokens in capitals."""


class TitleNames:
    """The names in the titles of documents, and which of them a text has."""

    def __init__(self, titles: Iterable[str]) -> None:
        """`titles` of D documents, in corpus order. Titles with the same names are one."""
        number_of: dict[_Names, int] = {}
        self.numbers = np.array(
            [number_of.setdefault(names_of(title), len(number_of)) for title in titles], dtype=np.int64
        )
        """(D,) the number of each document's title, 0..T-1."""
        n_documents = np.bincount(self.numbers, minlength=len(number_of))
        self._names = tuple(number_of)
        self._tokens = _by_name(((names.tokens, i) for names, i in number_of.items()), n_documents)
        self._words = _by_name(((names.words, i) for names, i in number_of.items()), n_documents)
        self._phrases = _Phrases(_by_name(((names.phrases, i) for names, i in number_of.items()), n_documents))
        self._capitals = _Phrases(_by_name(((names.capitals, i) for names, i in number_of.items()), n_documents))

    def __len__(self) -> int:
        """Number of different titles, T."""
        return len(self._names)

    def named_by(self, document: Document) -> set[int]:
        """The numbers of the titles that a document names in its text, without its own."""
        text = normalised(document.text)
        tokens = _TOKEN.findall(text)
        named = {i for token in self._tokens.keys() & set(tokens) for i in self._tokens[token]}
        if self._words:
            forms = {word or quoted for word, quoted in _CODE.findall(text)}
            named.update(i for word in self._words.keys() & forms for i in self._words[word])
        named.update(self._capitals.named_in(tokens))
        if self._phrases:
            named.update(self._phrases.named_in([token.lower() for token in tokens]))
        return named - self._own(names_of(document.title)) if named else named

    def _own(self, names: _Names) -> set[int]:
        """The numbers of the titles that a document with these names is itself called by."""
        single = {part for name in (*names.tokens, *names.words) for part in (name, _last_part(name))}
        own = {i for name in single for table in (self._tokens, self._words) for i in table.get(name, ())}
        own.update(i for name in names.phrases for i in self._phrases.numbers.get(name, ()))
        own.update(i for name in names.capitals for i in self._capitals.numbers.get(name, ()))
        return own


class _Phrases:
    """Names of several tokens, found by their first two."""

    def __init__(self, numbers: Mapping[Name, tuple[int, ...]]) -> None:
        self.numbers = numbers
        self._lengths: dict[tuple[str, str], set[int]] = {}
        for name in numbers:
            self._lengths.setdefault((name[0], name[1]), set()).add(len(name))

    def __bool__(self) -> bool:
        """Whether there are names."""
        return bool(self.numbers)

    def named_in(self, tokens: Sequence[str]) -> Iterator[int]:
        """The numbers of the titles whose names are in a text."""
        if not self.numbers:
            return
        for place, pair in enumerate(pairwise(tokens)):
            for length in self._lengths.get(pair, ()):
                yield from self.numbers.get(tuple(tokens[place : place + length]), ())


def names_of(title: str) -> _Names:
    """The names in a title; none in a title without a letter, or of a single letter."""
    bare = _NUMBER.sub("", normalised(title).strip(), count=1) if title else ""
    listed = [_CALL.sub("", part) for part in bare.split(", ")]
    if not all(_TOKEN.fullmatch(part) for part in listed):
        tokens = tuple(_TOKEN.findall(bare))
        if len(tokens) < 2 or not any(map(str.isalpha, "".join(tokens))):
            return _Names()
        return _Names(capitals=(tokens,)) if bare.isupper() else _Names(phrases=(tuple(map(str.lower, tokens)),))
    single = [name for name in dict.fromkeys(listed) if len(name) > 1 and any(map(str.isalpha, name))]
    words = tuple(name for name in single if _is_ordinary(name))
    return _Names(tokens=tuple(name for name in single if name not in words), words=words)


def _by_name(names: Iterable[tuple[tuple[N, ...], int]], n_documents: NDArray[np.int64]) -> dict[N, tuple[int, ...]]:
    """Name -> the numbers of the titles that have it, without names that stand for more than `MOST_NAMED`
    documents."""
    numbers: dict[N, tuple[int, ...]] = {}
    for each, number in names:
        for name in each:
            numbers[name] = (*numbers.get(name, ()), number)
    return {name: found for name, found in numbers.items() if n_documents[list(found)].sum() <= MOST_NAMED}


def _last_part(name: str) -> str:
    return name.rpartition("::")[2].rpartition(".")[2]


def _is_ordinary(name: str) -> bool:
    """Whether a name is an English word; capitals after the first letter tell another name."""
    return name.isalpha() and (name[1:].islower()) and name.lower() in english_words()


@cache
def english_words() -> frozenset[str]:
    """The English words of the frequency list that symspellpy ships."""
    lines = (files("symspellpy") / "frequency_dictionary_en_82_765.txt").read_text(encoding="utf-8-sig").splitlines()
    return frozenset(line.split()[0] for line in lines if line)
