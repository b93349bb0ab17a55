"""HTML documentation as sections: what stands under one heading or defines one name, with its links.

Made for what Sphinx and DocBook write; nothing is known here of what a section is good for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path, PurePosixPath

VOID = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"})
SILENT = frozenset({"script", "style", "nav", "head"})
"""Elements whose text is not read."""
HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
BREAKING = HEADINGS | {"p", "br", "li", "td", "dt", "dd", "div", "pre", "tr"}
"""Elements that part words."""
SECTION_CLASSES = frozenset({"chapter", "sect1", "sect2", "sect3", "refentry", "appendix"})
"""Of DocBook's `div`; Sphinx has `section`."""
ENTRY_CLASSES = frozenset({"sig"})
"""Of the `dt` that defines a name."""

_SPACE = re.compile(r"\s+")


@dataclass
class Section:
    """One section without those within it."""

    doc_id: str
    """`page#anchor`."""
    title_parts: list[str] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    """Where its links go, as `page#anchor` or `page`; links out of the documentation are left out."""

    @property
    def title(self) -> str:
        """In one line."""
        return _SPACE.sub(" ", "".join(self.title_parts)).replace("¶", "").strip()

    @property
    def text(self) -> str:
        """In one line."""
        return _SPACE.sub(" ", "".join(self.parts)).replace("¶", "").strip()


@dataclass
class _Open:
    """An element that is not closed yet."""

    tag: str
    section: Section | None = None
    """The section that its text belongs to where it begins one."""


class _Reader(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.page = page
        self.sections: list[Section] = []
        self.anchors: dict[str, Section] = {}
        self._open: list[_Open] = []
        self._heading_of: Section | None = None
        """The section whose title is being read."""

    @property
    def _section(self) -> Section | None:
        return next((one.section for one in reversed(self._open) if one.section), None)

    def _within(self, tags: frozenset[str]) -> bool:
        return any(one.tag in tags for one in self._open)

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
        """A section of its own, where the element begins one. Names that are defined together share one."""
        if tag == "section" or (tag == "div" and classes & SECTION_CLASSES):
            self._open[-1].section = self._new(anchor)
        elif tag == "dt" and classes & ENTRY_CLASSES:
            around = next((one for one in reversed(self._open[:-1]) if one.tag == "dl"), None)
            if around is not None and (around.section is None or around.section.text):
                around.section = self._new(anchor)

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
        if section is None or self._within(SILENT):
            return
        titled = self._in_name() or (section is self._heading_of and self._within(HEADINGS))
        (section.title_parts if titled else section.parts).append(data)

    def _in_name(self) -> bool:
        """Whether the text is in the `dt` of an entry."""
        for one in reversed(self._open):
            if one.section is not None or one.tag == "dd":
                return False
            if one.tag == "dt":
                return self._defines(one)
        return False

    def _defines(self, name: _Open) -> bool:
        place = next(i for i, one in enumerate(self._open) if one is name)
        around = next((one for one in reversed(self._open[:place]) if one.tag == "dl"), None)
        return around is not None and around.section is not None


def _internal(page: str, href: str) -> list[str]:
    """The target from the root of the documentation, as a list of one; empty for a link out of it."""
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
    """The sections of a folder of pages, and where each anchor leads."""

    sections: tuple[Section, ...]
    targets: Mapping[str, Section]
    """`page#anchor` and, for its first section, `page`."""

    def wanted(self, links: Iterable[str]) -> dict[str, int]:
        """The documents that the links lead to, with grade 1; links to elsewhere are left out."""
        return {self.targets[link].doc_id: 1 for link in links if link in self.targets}


def read_page(page: str, html: str) -> tuple[list[Section], dict[str, Section]]:
    """The sections of a page with some text, and its targets. A link to a section without text leads nowhere."""
    reader = _Reader(page)
    reader.feed(html)
    reader.close()
    sections = [section for section in reader.sections if section.text]
    kept = {section.doc_id for section in sections}
    targets = {f"{page}#{anchor}": one for anchor, one in reader.anchors.items() if one.doc_id in kept}
    if sections:
        targets[page] = sections[0]
    return sections, targets


def read_site(root: Path, pages: Iterable[Path]) -> Site:
    """All sections of some pages under the root, in their order."""
    sections: list[Section] = []
    targets: dict[str, Section] = {}
    for page, html in _texts(root, pages):
        own, found = read_page(page, html)
        sections += own
        targets |= found
    return Site(tuple(sections), targets)


def _texts(root: Path, pages: Iterable[Path]) -> Iterator[tuple[str, str]]:
    for path in pages:
        yield path.relative_to(root).as_posix(), path.read_text(encoding="utf-8", errors="replace")
