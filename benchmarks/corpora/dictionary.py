"""A reverse dictionary: what WordNet says of a word asks for the entry of that word in Webster's of 1913.

Two lexicographers describe one thing, each in words of their own, a hundred years apart. Passages that the newer
edition of Webster's took over from WordNet are left out of the documents.
"""

from __future__ import annotations

import gzip
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from untilclick.search.records import Document, Topic
from untilclick.search.text.analysis import term_of, terms

from benchmarks.corpora.made import MadeCorpus, known_items, missing

PACKAGES = "wordnet-base dict-gcide"
PARTS = ("noun", "verb", "adj", "adv")
FEWEST_TERMS = 4
FEWEST_BODY_TERMS = 12
"""Shorter entries are left out: mostly those that refer to another one."""

_ENTRY = re.compile(r"^([A-Z][a-z]{2,}) \\")
_PRONUNCIATION = re.compile(r"\\[^\\]*\\,?")
_SOURCE = re.compile(r"\[([^\]]*(?:Webster|WordNet|PJC|Century Dict)[^\]]*)\]")
_SPACE = re.compile(r"\s+")
_ASIDE = re.compile(r"\([^)]*\)")


def build(root: Path) -> MadeCorpus:
    """The entries of words that have only one; topics are those of one meaning in WordNet. Raises DataError where
    either dictionary is not there."""
    gcide, wordnet = root / "usr/share/dictd/gcide.dict.dz", root / "usr/share/wordnet"
    for path in (gcide, wordnet / "data.noun"):
        if not path.is_file():
            raise missing(path, PACKAGES)
    with gzip.open(gcide, "rt", encoding="utf-8", errors="replace") as file:
        documents = tuple(entries(file))
    lines = {part: _lines(wordnet / f"data.{part}") for part in PARTS}
    return MadeCorpus(documents, tuple(topics_of(documents, definitions(lines.values()))))


def topics_of(documents: Iterable[Document], meanings: dict[str, str]) -> Iterator[Topic]:
    """Topics for the documents whose word has one meaning that does not use the word itself."""
    pairs = [(meanings[one.doc_id], one) for one in documents if one.doc_id in meanings]
    return known_items([(text, one) for text, one in pairs if term_of(one.doc_id) not in terms(text)], FEWEST_TERMS)


def entries(lines: Iterable[str]) -> Iterator[Document]:
    """Entries of plain words that have a single one, by the lower-case word; without passages from WordNet."""
    found: list[tuple[str, str]] = []
    for line in lines:
        if match := _ENTRY.match(line):
            found.append((match.group(1), _PRONUNCIATION.sub(" ", line[match.end() - 1 :], count=1)))
        elif found and (line.startswith(" ") or not line.strip()):
            found[-1] = (found[-1][0], found[-1][1] + line)
        elif found:
            found.append(("", ""))  # an entry of several words
    count = Counter(word.lower() for word, _ in found)
    for word, body in found:
        text = own_words(body)
        if word and count[word.lower()] == 1 and len(terms(text)) >= FEWEST_BODY_TERMS:
            yield Document(word.lower(), word, text)


def own_words(body: str) -> str:
    """An entry's text without the passages that are marked as WordNet's, and without the marks."""
    kept = []
    start = 0
    for mark in _SOURCE.finditer(body):
        if "WordNet" not in mark.group(1):
            kept.append(body[start : mark.start()])
        start = mark.end()
    return _SPACE.sub(" ", "".join([*kept, body[start:]])).strip()


def definitions(parts: Iterable[Iterable[str]]) -> dict[str, str]:
    """Word -> its definition, of words with one meaning in all parts of speech together."""
    count: Counter[str] = Counter()
    found: dict[str, str] = {}
    for lines in parts:
        for line in lines:
            if line.startswith("  "):
                continue  # the licence
            data, _, gloss = line.partition("|")
            fields = data.split()
            own = fields[4 : 4 + 2 * int(fields[3], 16) : 2]
            text = _SPACE.sub(" ", _ASIDE.sub(" ", gloss.partition(";")[0])).strip()
            for word in own:
                count[word.lower()] += 1
                found[word.lower()] = text
    return {word: text for word, text in found.items() if count[word] == 1}


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8", errors="replace").splitlines()
