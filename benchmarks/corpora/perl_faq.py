"""Perl's frequently asked questions: each question asks for its answer, among all sections of Perl's manual.

A document is a section of the manual, the description of a function, or an answer without its question.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from untilclick.search.records import Document, Topic

from benchmarks.corpora.made import MadeCorpus, missing

PACKAGES = "perl-doc"
FAQ = re.compile(r"perlfaq\d")
LEFT_OUT = re.compile(r"perl\d+delta|perldelta|perlfaq|perltoc|perlhist|perluniprops|perlmodlib")
"""Manuals that list changes or contents."""
FUNCTIONS = "perlfunc"
"""The manual in which every item describes a function and is a document."""

_HEADING = re.compile(r"=(head[1-4]|item)\s+(.*)", re.DOTALL)
_CODE = re.compile(r"([A-Z])(<<+ (.*?) >>+|<([^<>]*)>)", re.DOTALL)
_NAMED = {"lt": "<", "gt": ">", "sol": "/", "verbar": "|"}


def build(root: Path) -> MadeCorpus:
    """Make the collection of all sections and answers. Raises DataError if the manual is not installed."""
    folder = root / "usr/share/perl"
    files = sorted(folder.glob("5.*/pod/perl*.pod"))
    if not any(FAQ.fullmatch(path.stem) for path in files):
        raise missing(folder / "5.*/pod/perlfaq1.pod", PACKAGES)
    documents: list[Document] = []
    topics: list[Topic] = []
    for path in files:
        source = path.read_text(encoding="utf-8", errors="replace")
        if FAQ.fullmatch(path.stem):
            asked = list(questions(path.stem, source))
            documents += [question.answer for question in asked]
            topics += [question.topic for question in asked]
        elif not LEFT_OUT.match(path.stem):
            documents += sections(path.stem, source, items=path.stem == FUNCTIONS)
    return MadeCorpus(tuple(documents), tuple(topics))


class Question(NamedTuple):
    """A question with its answer."""

    topic: Topic
    answer: Document


class _Part(NamedTuple):
    title: str
    text: str


def questions(name: str, source: str) -> Iterator[Question]:
    """The questions of one manual."""
    for number, part in enumerate(_parts(source, items=False)):
        if "?" in part.title and part.text:
            doc_id = f"{name}#{number}"
            yield Question(Topic(doc_id, part.title, {doc_id: 1}), Document(doc_id, "", part.text))


def sections(name: str, source: str, *, items: bool) -> Iterator[Document]:
    """The sections of one manual that have text; with `items` also its outer items."""
    for number, part in enumerate(_parts(source, items=items)):
        if part.text:
            yield Document(f"{name}#{number}", part.title, part.text)


def _parts(source: str, *, items: bool) -> Iterator[_Part]:
    """The text under each heading and, with `items`, of each outer item.

    An item without text is joined to the next, because they share a description.
    """
    title, lines, depth = "", list[str](), 0
    for paragraph in re.split(r"\n\s*\n", source):
        block = paragraph.strip("\n")
        heading = _HEADING.match(block)
        opens = heading and (heading.group(1) != "item" or (items and depth == 1))
        if opens and heading:
            if lines or heading.group(1) != "item":
                yield _Part(title, "\n".join(lines))
                title, lines = "", []
            title = f"{title} {plain(heading.group(2))}".strip()
        elif heading:
            lines.append(plain(heading.group(2)))
        elif block.startswith("="):
            depth += block.startswith("=over") - block.startswith("=back")
        elif block.strip():
            lines.append(block if block.startswith((" ", "\t")) else plain(block))
    yield _Part(title, "\n".join(lines))


def plain(text: str) -> str:
    """Text without Pod's formatting codes. Links become their text; index entries are removed."""
    before = ""
    while before != text:
        before, text = text, _CODE.sub(_shown, text)  # innermost codes first, until none is left
    return " ".join(text.split())


def _shown(match: re.Match[str]) -> str:
    code, inner = match.group(1), match.group(3) if match.group(3) is not None else match.group(4)
    if code in "XZ":
        return ""
    if code == "E":
        return _NAMED.get(inner, " ").replace("<", "‹").replace(">", "›")
    return inner.partition("|")[0] if code == "L" else inner
