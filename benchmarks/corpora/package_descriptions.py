"""Debian's package descriptions: the one-line synopsis asks for the long description.

Packages that are built from one source (library, headers, data) have similar descriptions, so only the one with the
shortest name becomes a document. apt's own programs read the package lists that were fetched last.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path

from untilclick.search.errors import DataError
from untilclick.search.records import Document
from untilclick.search.text.analysis import words

from benchmarks.corpora.made import KnownItem, MadeCorpus, known_items

TARGETS = ("apt-get", "-o", "Acquire::Languages=en", "indextargets", "--format", "$(FILENAME)")
"""Command that prints the names of the fetched lists."""
READER = "/usr/lib/apt/apt-helper"
"""Program that unpacks a list, whatever its compression."""
PACKAGES = "apt"
FEWEST_WORDS = 25
"""Shorter long descriptions are left out."""
FEWEST_TERMS = 3
"""Shorter synopses are left out of the topics."""

_WITHOUT_CONTENT = re.compile(r"transitional|dummy|meta[ -]?package|debug(?:ging)? symbols", re.IGNORECASE)
"""Synopses of packages that have no content of their own."""
_WHICH_PART = re.compile(r"\s+(?:-+ .*|\([^)]*\))$")
"""End of a synopsis that tells packages of one source apart, such as `- runtime library` or `(documentation)`."""
_FIELD = re.compile(r"^([A-Za-z][\w-]*): ?(.*)$")


def build(_root: Path) -> MadeCorpus:
    """Make the collection with one package of every source in apt's lists.

    Raises DataError if apt is not installed or its lists have no long descriptions.
    """
    packages, descriptions = _lists("Packages"), _lists("Translations")
    corpus = read(packages, descriptions)
    if not corpus.documents:
        remedy = "Fetch them: apt-get update -o Acquire::Languages=en"
        raise DataError.at("apt", None, "has no long descriptions of packages", remedy)
    return corpus


def _lists(kind: str) -> str:
    """The text of all lists of a kind, one after the other; empty if none was fetched."""
    files = _run(*TARGETS, f"Created-By: {kind}").splitlines()
    return _run(READER, "cat-file", *files) if files else ""


def _run(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, check=True, encoding="utf-8").stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise DataError.at(
            command[0], None, f"cannot be run ({error})", "Make this collection on Debian or Ubuntu"
        ) from error


def read(packages: str, descriptions: str) -> MadeCorpus:
    """Read packages and their synopses from the text of apt's lists, in the order of the packages' names."""
    source_of = {each["Package"]: each.get("Source", each["Package"]).split()[0] for each in _records(packages)}
    chosen: dict[str, dict[str, str]] = {}
    for record in _records(descriptions):
        source = source_of.get(record["Package"])
        if source is None or not _is_described(record):
            continue
        rival = chosen.get(source)
        if rival is None or _length_and_name(record) < _length_and_name(rival):
            chosen[source] = record
    items = [_item(record) for record in sorted(chosen.values(), key=itemgetter("Package"))]
    return MadeCorpus(tuple(item.document for item in items), tuple(known_items(items, FEWEST_TERMS)))


def _length_and_name(record: dict[str, str]) -> tuple[int, str]:
    return len(record["Package"]), record["Package"]


def _is_described(record: dict[str, str]) -> bool:
    synopsis, _, text = record.get("Description-en", "").partition("\n")
    return not _WITHOUT_CONTENT.search(synopsis) and len(words(text)) >= FEWEST_WORDS


def _item(record: dict[str, str]) -> KnownItem:
    synopsis, _, text = record["Description-en"].partition("\n")
    query = _WHICH_PART.sub("", synopsis.strip())
    return KnownItem(query, Document(record["Package"], record["Package"], text))


def _records(lists: str) -> Iterator[dict[str, str]]:
    """The paragraphs of `Field: value` lines that have a package name.

    Continuation lines are joined to their value; a line with a single dot is an empty line of the value.
    """
    for paragraph in lists.split("\n\n"):
        record: dict[str, str] = {}
        field = ""
        for line in paragraph.splitlines():
            if line.startswith(" "):
                record[field] = f"{record.get(field, '')}\n{'' if line.strip() == '.' else line[1:]}"
            elif match := _FIELD.match(line):
                field = match.group(1)
                record[field] = match.group(2)
        if "Package" in record:
            yield record
