"""Splits HTML documentation into sections: the text under one heading, or the definition of one name, with its links.

It reads pages that Sphinx and DocBook write. The modules that call it decide what becomes a document or a topic.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path, PurePosixPath
from typing import NamedTuple

VOID = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"})
"""Elements without an end tag."""
SKIPPED = frozenset({"script", "style", "nav", "head"})
"""Elements whose text is ignored."""
HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
BREAKING = HEADINGS | {"p", "br", "li", "td", "dt", "dd", "div", "pre", "tr"}
"""Elements that separate words."""
SECTION_CLASSES = frozenset({"chapter", "sect1", "sect2", "sect3", "refentry", "appendix"})
"""Classes of a DocBook `div` that is a section; Sphinx uses the element `section`."""
ENTRY_CLASSES = frozenset({"sig"})
"""Classes of a `dt` that defines a name."""

_SPACE = re.compile(r"\s+")


@dataclass
class Section:
    """One section without its subsections."""

    doc_id: str
    """Page and anchor, as `page#anchor`."""
    title_parts: list[str] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    """Targets of its links, as `page#anchor` or `page`, without links that leave the documentation."""

    @property
    def title(self) -> str:
        """The title as one line."""
        return _SPACE.sub(" ", "".join(self.title_parts)).replace("¶", "").strip()

    @property
    def text(self) -> str:
        """The text as one line."""
        return _SPACE.sub(" ", "".join(self.parts)).replace("¶", "").strip()


@dataclass
class _Open:
    """An element whose end tag has not been read."""

    tag: str
    section: Section | None = None
    """The section that the element begins, if it begins one."""


class _Reader(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.page = page
        self.sections: list[Section] = []
        self.anchors: dict[str, Section] = {}
        self._open: list[_Open] = []
        self._heading_of: Section | None = None
        """The section whose title is being read, if any."""

    @property
    def _section(self) -> Section | None:
        return next((element.section for element in reversed(self._open) if element.section), None)

    def _within(self, tags: frozenset[str]) -> bool:
        return any(element.tag in tags for element in self._open)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        classes = frozenset(values.get("class", "").split())
        if tag not in VOID:
            self._open.append(_Open(tag))
        if anchor := values.get("id"):
            self._begin(tag, classes, anchor)
            if section := self._section:
                self.anchors.setdefault(anchor, section)
        if tag in HEADINGS:
            section = self._section
            self._heading_of = section if section and not section.title else None
        if tag == "a" and "href" in values and (section := self._section):
            section.links += _internal(self.page, values["href"])
        if tag in BREAKING:
            self.handle_data(" ")

    def _begin(self, tag: str, classes: frozenset[str], anchor: str) -> None:
        """Begin a new section if the element is one. Names that are defined together share a section."""
        if tag == "section" or (tag == "div" and classes & SECTION_CLASSES):
            self._open[-1].section = self._new(anchor)
        elif tag == "dt" and classes & ENTRY_CLASSES:
            parent = next((element for element in reversed(self._open[:-1]) if element.tag == "dl"), None)
            if parent is not None and (parent.section is None or parent.section.text):
                parent.section = self._new(anchor)

    def _new(self, anchor: str) -> Section:
        self.sections.append(Section(f"{self.page}#{anchor}"))
        return self.sections[-1]

    def handle_endtag(self, tag: str) -> None:
        depth = next((i for i in reversed(range(len(self._open))) if self._open[i].tag == tag), None)
        if depth is not None:
            if tag in BREAKING:
                self.handle_data(" ")
            del self._open[depth:]

    def handle_data(self, data: str) -> None:
        section = self._section
        if section is None or self._within(SKIPPED):
            return
        in_title = self._in_name() or (section is self._heading_of and self._within(HEADINGS))
        (section.title_parts if in_title else section.parts).append(data)

    def _in_name(self) -> bool:
        """True inside the `dt` of a definition."""
        for element in reversed(self._open):
            if element.section is not None or element.tag == "dd":
                return False
            if element.tag == "dt":
                return self._defines(element)
        return False

    def _defines(self, name: _Open) -> bool:
        depth = next(i for i, element in enumerate(self._open) if element is name)
        parent = next((element for element in reversed(self._open[:depth]) if element.tag == "dl"), None)
        return parent is not None and parent.section is not None


def _internal(page: str, href: str) -> list[str]:
    """The target of a link, relative to the root of the documentation; an empty list if the link leaves it."""
    if "://" in href or href.startswith("mailto:"):
        return []
    path, _, anchor = href.partition("#")
    parts: list[str] = []
    for part in (PurePosixPath(page).parent / path).parts if path else PurePosixPath(page).parts:
        if part == "..":
            del parts[-1:]
        else:
            parts.append(part)
    return ["/".join(parts) + (f"#{anchor}" if anchor else "")]


@dataclass(frozen=True)
class Site:
    """The sections of a folder of pages."""

    sections: tuple[Section, ...]
    targets: Mapping[str, Section]
    """Target of a link -> section; a `page` without an anchor leads to its first section."""

    def linked(self, links: Iterable[str]) -> dict[str, int]:
        """Judgments with grade 1 for the sections that the links lead to; other links are ignored."""
        return {self.targets[link].doc_id: 1 for link in links if link in self.targets}


class PageSections(NamedTuple):
    """The sections of one page that have text."""

    sections: list[Section]
    targets: dict[str, Section]
    """See `Site.targets`; sections without text are not among them."""


def read_page(page: str, html: str) -> PageSections:
    """Read the sections of a page."""
    reader = _Reader(page)
    reader.feed(html)
    reader.close()
    sections = [section for section in reader.sections if section.text]
    ids = {section.doc_id for section in sections}
    targets = {f"{page}#{anchor}": each for anchor, each in reader.anchors.items() if each.doc_id in ids}
    if sections:
        targets[page] = sections[0]
    return PageSections(sections, targets)


def read_site(root: Path, pages: Iterable[Path]) -> Site:
    """Read the sections of pages under the root, in their order."""
    sections: list[Section] = []
    targets: dict[str, Section] = {}
    for page, html in _texts(root, pages):
        read = read_page(page, html)
        sections += read.sections
        targets |= read.targets
    return Site(tuple(sections), targets)


def _texts(root: Path, pages: Iterable[Path]) -> Iterator[tuple[str, str]]:
    for path in pages:
        yield path.relative_to(root).as_posix(), path.read_text(encoding="utf-8", errors="replace")
