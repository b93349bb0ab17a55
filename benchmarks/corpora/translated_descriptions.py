"""Debian's package descriptions in another language, without queries: topics are made from the documents.

The translations are by people (Debian Description Translation Project). The synopsis is the title, the long
description the text. English is read in the same way, to compare with. As the same packages are described in all
languages, only the one with the shortest name of each source becomes a document.
"""

from __future__ import annotations

import re
from pathlib import Path

from untilclick.search.errors import DataError
from untilclick.search.records import Document

from benchmarks.corpora.apt_lists import lists, records
from benchmarks.corpora.made import MadeCorpus
from benchmarks.corpora.package_descriptions import has_content, one_of_each_source

PACKAGES = "apt"
LANGUAGES = {"en": "en", "de": "de", "fr": "fr", "ja": "ja", "zh": "zh_CN", "ru": "ru"}
"""Language -> its name in apt's lists. There are translations to more languages, but none to Arabic."""
FEWEST_CHARACTERS = 80
"""Shorter long descriptions are left out. In Japanese that is about one long sentence."""

_BREAK_WITHOUT_SPACE = re.compile(r"(?<=[\u3000-\u9fff\uff00-\uffef])\n(?=[\u3000-\u9fff\uff00-\uffef])")
"""A line break between two characters of Japanese or Chinese."""
_UNFINISHED = "<trans>"
"""Mark of a paragraph without a translation."""


def build(_root: Path, language: str) -> MadeCorpus:
    """Make the collection of a language of LANGUAGES. Raises DataError if apt has no such descriptions."""
    name = LANGUAGES[language]
    documents = read(lists("Packages"), lists("Translations", name), name)
    if not documents:
        remedy = f"Fetch them: apt-get update -o Acquire::Languages={','.join(LANGUAGES.values())}"
        raise DataError.at("apt", None, f"has no descriptions of packages in {name!r}", remedy)
    return MadeCorpus(documents, ())


def read(packages: str, descriptions: str, name: str) -> tuple[Document, ...]:
    """The documents in the text of apt's lists, in the order of the packages' names."""
    field = f"Description-{name}"
    described = (record for record in records(descriptions) if _is_whole(record.get(field, "")))
    chosen = one_of_each_source(packages, described)
    parts = ((record["Package"], *record[field].partition("\n")) for record in chosen)
    return tuple(Document(package, synopsis.strip(), unwrapped(text).strip()) for package, synopsis, _, text in parts)


def unwrapped(text: str) -> str:
    """Text in which a line break no longer parts a word of a script that is written without spaces."""
    return _BREAK_WITHOUT_SPACE.sub("", text)


def _is_whole(description: str) -> bool:
    synopsis, _, text = description.partition("\n")
    return has_content(synopsis) and len(text) >= FEWEST_CHARACTERS and _UNFINISHED not in description
