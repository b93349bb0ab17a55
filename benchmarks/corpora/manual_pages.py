"""The Linux manual pages: the line that says what a page is about asks for the rest of the page.

Only pages of the Linux man-pages project, so that a machine with more of them makes the same collection. Their
source is read as plain text, roughly: formatting goes, words stay.
"""

from __future__ import annotations

import gzip
import re
from pathlib import Path

from untilclick.search.records import Document

from benchmarks.corpora.made import MadeCorpus, known_items, missing

PACKAGES = "manpages manpages-dev"
PROJECT = "Linux man-pages"
"""In the first line of every page of the project."""
LEFT_OUT = frozenset({"NAME", "SEE ALSO", "COLOPHON", "AUTHORS", "COPYRIGHT"})
"""Sections that are not the document's: the first is the query's."""
FEWEST_TERMS = 2

_SPACED = frozenset({".B", ".I", ".SM", ".IP", ".TP", ".SS"})
"""Macros whose arguments are text."""
_JOINED = frozenset({".BR", ".BI", ".IR", ".IB", ".RB", ".RI"})
"""Macros whose arguments are text in alternating fonts, without spaces between."""
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
    """All pages with text; topics are what their NAME lines say. Raises DataError where the pages are not there."""
    folder = root / "usr/share/man"
    files = [path for path in sorted(folder.glob("man[1-8]/*.gz")) if not path.is_symlink()]
    pages = [page for path in files if (page := read_page(path.stem, _source(path)))]
    if not pages:
        raise missing(folder, PACKAGES)
    documents = tuple(document for document, _ in pages)
    topics = known_items([(query, document) for document, query in pages], FEWEST_TERMS)
    return MadeCorpus(documents, tuple(topics))


def read_page(name: str, source: str) -> tuple[Document, str] | None:
    """The document and what its NAME line says of it; None for pages of others, links to pages, and empty ones."""
    header = next((line for line in source.splitlines() if line.startswith(".TH")), "")
    if PROJECT not in header:
        return None
    sections = _sections(source)
    names, dash, query = " ".join(sections.get("NAME", ())).partition(" - ")
    text = "\n".join(line for title, lines in sections.items() if title not in LEFT_OUT for line in lines)
    if not dash or not text.strip():
        return None
    return Document(name, names.strip(), text), query.strip()


def _source(path: Path) -> str:
    with gzip.open(path, "rt", encoding="utf-8", errors="replace") as file:
        return file.read()


def _sections(source: str) -> dict[str, list[str]]:
    """Title -> its lines as plain text."""
    sections: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in source.splitlines():
        if line.startswith(".SH"):
            lines = sections.setdefault(plain(line[3:]).strip().strip('"'), [])
        elif text := plain_line(line):
            lines.append(text)
    return sections


def plain_line(line: str) -> str:
    """One line of source as text; empty for what is no text."""
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
    """Text without roff's escapes."""
    for pattern, instead in _ESCAPES:
        text = pattern.sub(instead, text)
    return text
