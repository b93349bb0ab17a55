"""Debian's package descriptions: the one-line synopsis asks for the long description.

Packages that are built from one source (library, headers, data) have similar descriptions, so only the one with the
shortest name becomes a document.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from operator import itemgetter
from pathlib import Path

from untilclick.search.analysis.by_name import english
from untilclick.search.errors import DataError
from untilclick.search.records import Document

from benchmarks.corpora.apt_lists import lists, records
from benchmarks.corpora.made import KnownItem, MadeCorpus, known_items

words = english().words
PACKAGES = "apt"
FEWEST_WORDS = 25
"""Shorter long descriptions are left out."""
FEWEST_TERMS = 3
"""Shorter synopses are left out of the topics."""

_WITHOUT_CONTENT = re.compile(r"transitional|dummy|meta[ -]?package|debug(?:ging)? symbols", re.IGNORECASE)
"""Synopses of packages that have no content of their own."""
_WHICH_PART = re.compile(r"\s+(?:-+ .*|\([^)]*\))$")
"""End of a synopsis that tells packages of one source apart, such as `- runtime library` or `(documentation)`."""


def build(_root: Path) -> MadeCorpus:
    """Make the collection with one package of every source in apt's lists.

    Raises DataError if apt is not installed or its lists have no long descriptions.
    """
    packages, descriptions = lists("Packages"), lists("Translations")
    corpus = read(packages, descriptions)
    if not corpus.documents:
        remedy = "Fetch them: apt-get update -o Acquire::Languages=en"
        raise DataError.at("apt", None, "has no long descriptions of packages", remedy)
    return corpus


def read(packages: str, descriptions: str) -> MadeCorpus:
    """Read packages and their synopses from the text of apt's lists, in the order of the packages' names."""
    chosen = one_of_each_source(packages, (record for record in records(descriptions) if _is_described(record)))
    items = [_item(record) for record in chosen]
    return MadeCorpus(tuple(item.document for item in items), tuple(known_items(items, FEWEST_TERMS)))


def one_of_each_source(packages: str, described: Iterable[dict[str, str]]) -> list[dict[str, str]]:
    """The described package with the shortest name of each source in apt's lists, in the order of their names.

    Packages that are not in the lists are left out.
    """
    source_of = {each["Package"]: each.get("Source", each["Package"]).split()[0] for each in records(packages)}
    chosen: dict[str, dict[str, str]] = {}
    for record in described:
        source = source_of.get(record["Package"])
        if source is None:
            continue
        rival = chosen.get(source)
        if rival is None or _length_and_name(record) < _length_and_name(rival):
            chosen[source] = record
    return sorted(chosen.values(), key=itemgetter("Package"))


def has_content(synopsis: str) -> bool:
    """Whether an English synopsis is that of a package with content of its own."""
    return not _WITHOUT_CONTENT.search(synopsis)


def _length_and_name(record: dict[str, str]) -> tuple[int, str]:
    return len(record["Package"]), record["Package"]


def _is_described(record: dict[str, str]) -> bool:
    synopsis, _, text = record.get("Description-en", "").partition("\n")
    return has_content(synopsis) and len(words(text)) >= FEWEST_WORDS


def _item(record: dict[str, str]) -> KnownItem:
    synopsis, _, text = record["Description-en"].partition("\n")
    query = _WHICH_PART.sub("", synopsis.strip())
    return KnownItem(query, Document(record["Package"], record["Package"], text))
