"""A reverse dictionary: WordNet's definition of a word asks for the entry of that word in Webster's of 1913.

The two lexicographers describe the same thing in different words. The edition of Webster's has passages that were
copied from WordNet; they are left out of the documents.
"""

from __future__ import annotations

import gzip
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from untilclick.search.analysis.by_name import english
from untilclick.search.records import Document, Topic

from benchmarks.corpora.made import KnownItem, MadeCorpus, known_items, missing

term_of = english().term_of
terms = english().terms

PACKAGES = "wordnet-base dict-gcide"
PARTS = ("noun", "verb", "adj", "adv")
FEWEST_TERMS = 4
"""Shorter definitions are left out of the topics."""
FEWEST_BODY_TERMS = 12
"""Shorter entries are left out; most of them only refer to another entry."""

_ENTRY = re.compile(r"^([A-Z][a-z]{2,}) \\")
_PRONUNCIATION = re.compile(r"\\[^\\]*\\,?")
_SOURCE = re.compile(r"\[([^\]]*(?:Webster|WordNet|PJC|Century Dict)[^\]]*)\]")
_SPACE = re.compile(r"\s+")
_ASIDE = re.compile(r"\([^)]*\)")


@dataclass
class _Entry:
    word: str
    body: str


def build(root: Path) -> MadeCorpus:
    """Make the collection: entries of words with a single entry, and definitions of those with a single meaning.

    Raises DataError if one of the dictionaries is not installed.
    """
    gcide, wordnet = root / "usr/share/dictd/gcide.dict.dz", root / "usr/share/wordnet"
    for path in (gcide, wordnet / "data.noun"):
        if not path.is_file():
            raise missing(path, PACKAGES)
    with gzip.open(gcide, "rt", encoding="utf-8", errors="replace") as file:
        documents = tuple(entries(file))
    lines = {part: _lines(wordnet / f"data.{part}") for part in PARTS}
    return MadeCorpus(documents, tuple(topics_of(documents, definitions(lines.values()))))


def topics_of(documents: Iterable[Document], meanings: dict[str, str]) -> Iterator[Topic]:
    """Topics for the documents whose word has a definition that does not contain the word itself."""
    items = [KnownItem(meanings[each.doc_id], each) for each in documents if each.doc_id in meanings]
    return known_items(
        [item for item in items if term_of(item.document.doc_id) not in terms(item.query)], FEWEST_TERMS
    )


def entries(lines: Iterable[str]) -> Iterator[Document]:
    """Documents for the words that have exactly one entry, without passages from WordNet.

    The id is the word in lower case. Entries of several words are left out.
    """
    all_entries: list[_Entry] = []
    for line in lines:
        if match := _ENTRY.match(line):
            all_entries.append(_Entry(match.group(1), _PRONUNCIATION.sub(" ", line[match.end() - 1 :], count=1)))
        elif all_entries and (line.startswith(" ") or not line.strip()):
            all_entries[-1].body += line
        elif all_entries:
            all_entries.append(_Entry("", ""))  # an entry of several words
    count = Counter(entry.word.lower() for entry in all_entries)
    for entry in all_entries:
        text = own_words(entry.body)
        if entry.word and count[entry.word.lower()] == 1 and len(terms(text)) >= FEWEST_BODY_TERMS:
            yield Document(entry.word.lower(), entry.word, text)


def own_words(body: str) -> str:
    """Text of an entry without the passages that are marked as WordNet's, and without all marks of sources."""
    passages = []
    start = 0
    for mark in _SOURCE.finditer(body):
        if "WordNet" not in mark.group(1):
            passages.append(body[start : mark.start()])
        start = mark.end()
    return _SPACE.sub(" ", "".join([*passages, body[start:]])).strip()


def definitions(parts: Iterable[Iterable[str]]) -> dict[str, str]:
    """Word -> definition, for the words with one meaning over all parts of speech."""
    count: Counter[str] = Counter()
    definition_of: dict[str, str] = {}
    for lines in parts:
        for line in lines:
            if line.startswith("  "):
                continue  # the licence
            data, _, gloss = line.partition("|")
            fields = data.split()
            synonyms = fields[4 : 4 + 2 * int(fields[3], 16) : 2]  # the fourth field is their number
            text = _SPACE.sub(" ", _ASIDE.sub(" ", gloss.partition(";")[0])).strip()
            for word in synonyms:
                count[word.lower()] += 1
                definition_of[word.lower()] = text
    return {word: text for word, text in definition_of.items() if count[word] == 1}


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8", errors="replace").splitlines()
