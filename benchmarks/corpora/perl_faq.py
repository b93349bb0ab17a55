"""Perl's frequently asked questions: what people asked asks for its answer, among all of Perl's manual.

The manual is cut into its sections and, where it describes functions, these. An answer stands without its question.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from untilclick.search.records import Document, Topic

from benchmarks.corpora.made import MadeCorpus, missing

PACKAGES = "perl-doc"
FAQ = re.compile(r"perlfaq\d")
LEFT_OUT = re.compile(r"perl\d+delta|perldelta|perlfaq|perltoc|perlhist|perluniprops|perlmodlib")
"""Manuals of news and of contents."""
FUNCTIONS = "perlfunc"
"""The manual whose items are documents."""

_HEADING = re.compile(r"=(head[1-4]|item)\s+(.*)", re.DOTALL)
_CODE = re.compile(r"([A-Z])(<<+ (.*?) >>+|<([^<>]*)>)", re.DOTALL)
_NAMED = {"lt": "<", "gt": ">", "sol": "/", "verbar": "|"}


def build(root: Path) -> MadeCorpus:
    """All sections and answers. Raises DataError where the manual is not there."""
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
            documents += [document for _, document in asked]
            topics += [topic for topic, _ in asked]
        elif not LEFT_OUT.match(path.stem):
            documents += sections(path.stem, source, items=path.stem == FUNCTIONS)
    return MadeCorpus(tuple(documents), tuple(topics))


def questions(name: str, source: str) -> Iterator[tuple[Topic, Document]]:
    """The questions of one manual with their answers."""
    for number, (title, text) in enumerate(_parts(source, items=False)):
        if "?" in title and text:
            doc_id = f"{name}#{number}"
            yield Topic(doc_id, title, {doc_id: 1}), Document(doc_id, "", text)


def sections(name: str, source: str, *, items: bool) -> Iterator[Document]:
    """The sections of one manual with some text, and its items where they are documents."""
    for number, (title, text) in enumerate(_parts(source, items=items)):
        if text:
            yield Document(f"{name}#{number}", title, text)


def _parts(source: str, *, items: bool) -> Iterator[tuple[str, str]]:
    """Title and text of what stands under each heading, or outer item; items without text of their own share it with
    the next."""
    title, kept, depth = "", list[str](), 0
    for paragraph in re.split(r"\n\s*\n", source):
        block = paragraph.strip("\n")
        heading = _HEADING.match(block)
        opens = heading and (heading.group(1) != "item" or (items and depth == 1))
        if opens and heading:
            if kept or heading.group(1) != "item":
                yield title, "\n".join(kept)
                title, kept = "", []
            title = f"{title} {plain(heading.group(2))}".strip()
        elif heading:
            kept.append(plain(heading.group(2)))
        elif block.startswith("="):
            depth += block.startswith("=over") - block.startswith("=back")
        elif block.strip():
            kept.append(block if block.startswith((" ", "\t")) else plain(block))
    yield title, "\n".join(kept)


def plain(text: str) -> str:
    """Text without Pod's formatting codes; a link shows its text, index entries nothing."""
    before = ""
    while before != text:
        before, text = text, _CODE.sub(_shown, text)
    return " ".join(text.split())


def _shown(match: re.Match[str]) -> str:
    code, inner = match.group(1), match.group(3) if match.group(3) is not None else match.group(4)
    if code in "XZ":
        return ""
    if code == "E":
        return _NAMED.get(inner, " ").replace("<", "‹").replace(">", "›")
    return inner.partition("|")[0] if code == "L" else inner
