"""The index at the back of PostgreSQL's manual: what its authors list a section under asks for that section.

Only entries in plain words: the names of functions and settings find themselves. `user-defined` under `aggregate
function` is asked as "user-defined aggregate function".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

from untilclick.search.records import Document, Topic
from untilclick.search.text.analysis import terms

from benchmarks.corpora.html_sections import Site, read_site
from benchmarks.corpora.made import MadeCorpus, copied, missing

PACKAGES = "postgresql-doc"
INDEX = "bookindex.html"
FEWEST_TERMS = 2
PREPOSITIONS = frozenset({"in", "of", "for", "with", "on", "to", "from", "by", "as", "using"})
MOST_WANTED = 5
"""Entries with more sections are left out: they name a subject, not a need."""

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
        """Of each open list, the entry that stands above its present line."""
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
            own = " ".join(self._line.words.split()).strip(" ,")
            self._above[-1] = own
            self.entries.append(Entry(spoken(self._above), self._line.links))
            self._line, self._linked = None, False

    def handle_data(self, data: str) -> None:
        if self._line is not None and not self._linked:
            self._line.words += data


def build(root: Path) -> MadeCorpus:
    """Sections of the newest manual that is there. Raises DataError where there is none."""
    docs = root / "usr/share/doc"
    indices = sorted(docs.glob(f"postgresql-doc-*/html/{INDEX}"), key=lambda path: int(path.parts[-3].split("-")[-1]))
    if not indices:
        raise missing(docs / "postgresql-doc-*/html" / INDEX, PACKAGES)
    html = indices[-1].parent
    site = read_site(html, (path for path in sorted(html.glob("*.html")) if path.name not in {INDEX, "index.html"}))
    documents = tuple(Document(one.doc_id, one.title, one.text) for one in site.sections)
    entries = read_index(indices[-1].read_text(encoding="utf-8"))
    return MadeCorpus(documents, tuple(_topics(entries, site)))


def spoken(levels: list[str]) -> str:
    """An entry with those that it stands under, the widest first, as one would say it: `syntax of` comes before
    `key word`, `user-defined` before `function`, `for multirange` after `unnest`."""
    said = ""
    for level in filter(None, levels):
        last_word = level.rpartition(" ")[2]
        before = last_word in PREPOSITIONS or level.endswith("-defined")
        said = f"{level} {said}" if before else f"{said} {level}"
        said = said.strip()
    return said


def read_index(html: str) -> list[Entry]:
    """The lines of the index, each with the entries that it stands under."""
    reader = _IndexReader()
    reader.feed(html)
    reader.close()
    return reader.entries


def _topics(entries: list[Entry], site: Site) -> Iterator[Topic]:
    """Entries in plain words that no wanted section contains word for word, each once."""
    content = {one.doc_id: f"{one.title} {one.text}" for one in site.sections}
    seen: set[str] = set()
    for entry in entries:
        relevance = site.wanted(entry.links)
        if entry.words in seen or not _is_plain(entry.words):
            continue
        if not 0 < len(relevance) <= MOST_WANTED or any(copied(entry.words, content[one]) for one in relevance):
            continue
        seen.add(entry.words)
        yield Topic(f"i{len(seen)}", entry.words, relevance)


def _is_plain(entry: str) -> bool:
    """Whether it is made of usual words, and of enough of them."""
    usual = _PLAIN.fullmatch(entry) is not None and _SETTING not in entry
    return usual and len(set(terms(entry))) >= FEWEST_TERMS
