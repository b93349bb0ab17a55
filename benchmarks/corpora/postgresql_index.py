"""The index of PostgreSQL's manual: each entry asks for the sections that it refers to.

Only entries in plain words become queries, because a search for the name of a function or setting is trivial. An
entry is joined with those above it: `user-defined` under `aggregate function` becomes "user-defined aggregate
function".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

from untilclick.search.analysis.by_name import english
from untilclick.search.records import Document, Topic

from benchmarks.corpora.html_sections import Site, read_site
from benchmarks.corpora.made import MadeCorpus, copied, missing

terms = english().terms

PACKAGES = "postgresql-doc"
INDEX = "bookindex.html"
FEWEST_TERMS = 2
"""Shorter entries are left out."""
PREPOSITIONS = frozenset({"in", "of", "for", "with", "on", "to", "from", "by", "as", "using"})
MOST_SECTIONS = 5
"""Entries that refer to more sections are left out, because they are too general."""

_SETTING = "configuration parameter"
_PLAIN = re.compile(r"[A-Za-z][a-z]*(?:[ -][A-Za-z]?[a-z]*)*")


@dataclass
class Entry:
    """One line of the index."""

    words: str
    links: list[str] = field(default_factory=list)


class _IndexReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.entries: list[Entry] = []
        self._above: list[str] = []
        """Last entry of each list that is open, from the outermost list to the innermost."""
        self._line: Entry | None = None
        self._linked = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "dl":
            self._above.append("")
        elif tag == "dt" and self._above:
            self._line = Entry("")
        elif tag == "a" and self._line is not None:
            self._linked = True
            if values.get("class") == "indexterm":
                self._line.links.append(values["href"])

    def handle_endtag(self, tag: str) -> None:
        if tag == "dl" and self._above:
            self._above.pop()
        elif tag == "dt" and self._line is not None:
            self._above[-1] = " ".join(self._line.words.split()).strip(" ,")
            self.entries.append(Entry(spoken(self._above), self._line.links))
            self._line, self._linked = None, False

    def handle_data(self, data: str) -> None:
        if self._line is not None and not self._linked:
            self._line.words += data


def build(root: Path) -> MadeCorpus:
    """Make the collection from the newest installed manual. Raises DataError if none is installed."""
    docs = root / "usr/share/doc"
    indices = sorted(docs.glob(f"postgresql-doc-*/html/{INDEX}"), key=lambda path: int(path.parts[-3].split("-")[-1]))
    if not indices:
        raise missing(docs / "postgresql-doc-*/html" / INDEX, PACKAGES)
    html = indices[-1].parent
    site = read_site(html, (path for path in sorted(html.glob("*.html")) if path.name not in {INDEX, "index.html"}))
    documents = tuple(Document(each.doc_id, each.title, each.text) for each in site.sections)
    entries = read_index(indices[-1].read_text(encoding="utf-8"))
    return MadeCorpus(documents, tuple(_topics(entries, site)))


def spoken(levels: list[str]) -> str:
    """Join an entry with the entries above it, in the order of spoken English.

    `levels` start with the outermost entry. For example, `syntax of` comes before `key word`, `user-defined` before
    `function`, and `for multirange` after `unnest`.
    """
    phrase = ""
    for level in filter(None, levels):
        last_word = level.rpartition(" ")[2]
        before = last_word in PREPOSITIONS or level.endswith("-defined")
        phrase = f"{level} {phrase}" if before else f"{phrase} {level}"
        phrase = phrase.strip()
    return phrase


def read_index(html: str) -> list[Entry]:
    """Read the lines of the index, each joined with the entries above it."""
    reader = _IndexReader()
    reader.feed(html)
    reader.close()
    return reader.entries


def _topics(entries: list[Entry], site: Site) -> Iterator[Topic]:
    """Topics of different entries in plain words that no relevant section contains word for word."""
    content = {each.doc_id: f"{each.title} {each.text}" for each in site.sections}
    seen: set[str] = set()
    for entry in entries:
        relevance = site.linked(entry.links)
        if entry.words in seen or not _is_plain(entry.words):
            continue
        if not 0 < len(relevance) <= MOST_SECTIONS or any(
            copied(entry.words, content[doc_id]) for doc_id in relevance
        ):
            continue
        seen.add(entry.words)
        yield Topic(f"i{len(seen)}", entry.words, relevance)


def _is_plain(entry: str) -> bool:
    """True if the entry consists of ordinary words, and of enough of them."""
    ordinary = _PLAIN.fullmatch(entry) is not None and _SETTING not in entry
    return ordinary and len(set(terms(entry))) >= FEWEST_TERMS
