"""The Linux manual pages: the one-line description of a page asks for the rest of the page.

Only pages of the Linux man-pages project are read, so that the collection does not depend on other installed pages.
The roff source becomes plain text: words are kept, formatting is mostly removed.
"""

from __future__ import annotations

import gzip
import re
from pathlib import Path

from untilclick.search.records import Document

from benchmarks.corpora.made import KnownItem, MadeCorpus, known_items, missing

PACKAGES = "manpages manpages-dev"
PROJECT = "Linux man-pages"
"""Text in the title line of every page of the project."""
LEFT_OUT = frozenset({"NAME", "SEE ALSO", "COLOPHON", "AUTHORS", "COPYRIGHT"})
"""Sections that are not part of the document; NAME holds the query."""
FEWEST_TERMS = 2
"""Shorter descriptions are left out of the topics."""

_SPACED = frozenset({".B", ".I", ".SM", ".IP", ".TP", ".SS"})
"""Macros whose arguments are text."""
_JOINED = frozenset({".BR", ".BI", ".IR", ".IB", ".RB", ".RI"})
"""Macros whose arguments are text in alternating fonts, joined without spaces."""
_ARGUMENT = re.compile(r'"((?:[^"]|"")*)"|(\S+)')
_ESCAPES = (
    (re.compile(r'\\".*'), ""),
    (re.compile(r"\\f(?:\[\w*\]|\(..|.)|\\s[-+]?\d|\\[&/,|^%]|\\\*\(..|\\\*."), ""),
    (re.compile(r"\\\((?:aq|cq|oq)|\\\[aq\]"), "'"),
    (re.compile(r"\\-|\\\((?:en|em|mi)"), "-"),
    (re.compile(r"\\[e\\]"), r"\\"),
    (re.compile(r"\\\(..|\\\[[^\]]*\]|\\[ ~0]"), " "),
)


def build(root: Path) -> MadeCorpus:
    """Make the collection of all pages with text. Raises DataError if the pages are not installed."""
    folder = root / "usr/share/man"
    files = [path for path in sorted(folder.glob("man[1-8]/*.gz")) if not path.is_symlink()]
    pages = [page for path in files if (page := read_page(path.stem, _source(path)))]
    if not pages:
        raise missing(folder, PACKAGES)
    return MadeCorpus(tuple(page.document for page in pages), tuple(known_items(pages, FEWEST_TERMS)))


def read_page(name: str, source: str) -> KnownItem | None:
    """The page as a document and its description as a query.

    None for pages of other projects, links to pages, and pages without text.
    """
    header = next((line for line in source.splitlines() if line.startswith(".TH")), "")
    if PROJECT not in header:
        return None
    sections = _sections(source)
    names, dash, query = " ".join(sections.get("NAME", ())).partition(" - ")
    text = "\n".join(line for title, lines in sections.items() if title not in LEFT_OUT for line in lines)
    if not dash or not text.strip():
        return None
    return KnownItem(query.strip(), Document(name, names.strip(), text))


def _source(path: Path) -> str:
    with gzip.open(path, "rt", encoding="utf-8", errors="replace") as file:
        return file.read()


def _sections(source: str) -> dict[str, list[str]]:
    """Title of a section -> its lines as plain text."""
    sections: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in source.splitlines():
        if line.startswith(".SH"):
            lines = sections.setdefault(plain(line[3:]).strip().strip('"'), [])
        elif text := plain_line(line):
            lines.append(text)
    return sections


def plain_line(line: str) -> str:
    """One line of source as text; empty if the line has no text."""
    if not line.startswith((".", "'")):
        return plain(line).strip()
    macro, _, rest = line.partition(" ")
    if macro not in _SPACED | _JOINED:
        return ""
    arguments = [quoted or bare for quoted, bare in _ARGUMENT.findall(rest)]
    if macro == ".IP":
        arguments = arguments[:1]
    return plain(("" if macro in _JOINED else " ").join(arguments)).strip()


def plain(text: str) -> str:
    """Text with roff's escapes replaced or removed."""
    for pattern, replacement in _ESCAPES:
        text = pattern.sub(replacement, text)
    return text
