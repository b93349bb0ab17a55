"""Debian's package descriptions: the one-line synopsis asks for the long description.

Of the packages that one source makes (library, headers, data), whose descriptions are much alike, the one with the
shortest name is kept. apt's own programs read the lists that were fetched last.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from untilclick.search.errors import DataError
from untilclick.search.records import Document
from untilclick.search.text.analysis import words

from benchmarks.corpora.made import MadeCorpus, known_items

TARGETS = ("apt-get", "-o", "Acquire::Languages=en", "indextargets", "--format", "$(FILENAME)")
"""Says which lists were fetched."""
READER = "/usr/lib/apt/apt-helper"
"""Unpacks a list, whatever it is packed with."""
PACKAGES = "apt"
FEWEST_WORDS = 25
"""Shorter long descriptions are left out."""
FEWEST_TERMS = 3

_SECOND_HAND = re.compile(r"transitional|dummy|meta[ -]?package|debug(?:ging)? symbols", re.IGNORECASE)
"""Packages that are nothing themselves."""
_WHICH_PART = re.compile(r"\s+(?:-+ .*|\([^)]*\))$")
"""What tells the packages of one source apart at the end of a synopsis: `- runtime library`, `(documentation)`."""
_FIELD = re.compile(r"^([A-Za-z][\w-]*): ?(.*)$")


def build(_root: Path) -> MadeCorpus:
    """One package of every source that apt knows; topics are the synopses. Raises DataError where there is no apt, or
    where it has no long descriptions."""
    packages, descriptions = _lists("Packages"), _lists("Translations")
    made = read(packages, descriptions)
    if not made.documents:
        remedy = "Fetch them: apt-get update -o Acquire::Languages=en"
        raise DataError.at("apt", None, "has no long descriptions of packages", remedy)
    return made


def _lists(kind: str) -> str:
    """All lists of a kind, one after the other; empty where none was fetched."""
    files = _run(*TARGETS, f"Created-By: {kind}").splitlines()
    return _run(READER, "cat-file", *files) if files else ""


def _run(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, check=True, encoding="utf-8").stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise DataError.at(command[0], None, f"cannot be run ({error})", "Debian and its kin have it") from error


def read(packages: str, descriptions: str) -> MadeCorpus:
    """Packages and their synopses from apt's lists, in the order of their names."""
    sources = {one["Package"]: one.get("Source", one["Package"]).split()[0] for one in _records(packages)}
    chosen: dict[str, dict[str, str]] = {}
    for record in _records(descriptions):
        source = sources.get(record["Package"])
        if source is None or not _is_described(record):
            continue
        other = chosen.get(source)
        if other is None or _brief(record) < _brief(other):
            chosen[source] = record
    records = sorted(chosen.values(), key=lambda one: one["Package"])
    pairs = [_pair(record) for record in records]
    return MadeCorpus(tuple(document for _, document in pairs), tuple(known_items(pairs, FEWEST_TERMS)))


def _brief(record: dict[str, str]) -> tuple[int, str]:
    return len(record["Package"]), record["Package"]


def _is_described(record: dict[str, str]) -> bool:
    synopsis, _, text = record.get("Description-en", "").partition("\n")
    return not _SECOND_HAND.search(synopsis) and len(words(text)) >= FEWEST_WORDS


def _pair(record: dict[str, str]) -> tuple[str, Document]:
    synopsis, _, text = record["Description-en"].partition("\n")
    return _WHICH_PART.sub("", synopsis.strip()), Document(record["Package"], record["Package"], text)


def _records(lists: str) -> Iterator[dict[str, str]]:
    """Paragraphs of `Field: value` lines that name a package; lines of one value are joined, a lone dot is an empty
    line."""
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
