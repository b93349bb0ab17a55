"""Names, summaries and descriptions of applications in a language, without queries: topics are made from them.

The texts are those of the applications' authors and translators, in the AppStream metadata of the archive (DEP-11).
They exist in more languages than the descriptions of packages, but are shorter. An application without a description
in the language has its summary alone as text.
"""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

import yaml

from untilclick.search.errors import DataError
from untilclick.search.records import Document

from benchmarks.corpora.apt_lists import lists
from benchmarks.corpora.made import MadeCorpus

PACKAGES = "appstream"
LANGUAGES = {"en": "C", "de": "de", "fr": "fr", "ja": "ja", "zh": "zh_CN", "ar": "ar", "ru": "ru"}
"""Language -> its name in the metadata."""

ENABLED = "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=true"
"""Option of apt-get that fetches the metadata where it is turned off."""

_BLOCK_END = re.compile(r"</(?:p|li|ul|ol)>")
_TAG = re.compile(r"<[^>]+>")


def build(_root: Path, language: str) -> MadeCorpus:
    """Make the collection of a language of LANGUAGES. Raises DataError if apt has no metadata of applications."""
    documents = read(lists("DEP-11"), LANGUAGES[language])
    if not documents:
        remedy = f"Fetch it: apt-get install {PACKAGES} && apt-get update -o {ENABLED}"
        raise DataError.at("apt", None, "has no metadata of applications", remedy)
    return MadeCorpus(documents, ())


def read(metadata: str, name: str) -> tuple[Document, ...]:
    """The applications with a summary in a language, in the order of their ids, each once."""
    documents: dict[str, Document] = {}
    # the loader in C, because the metadata of an archive has 80 MB
    for component in yaml.load_all(metadata, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        summary = component.get("Summary", {}).get(name, "")
        if summary:
            documents.setdefault(component["ID"], _document(component, summary, name))
    return tuple(documents[doc_id] for doc_id in sorted(documents))


def _document(component: dict[str, Any], summary: str, name: str) -> Document:
    """An application as a document; its name in English if it has none in the language."""
    names = component.get("Name", {})
    description = plain(component.get("Description", {}).get(name, ""))
    return Document(component["ID"], names.get(name) or names.get("C", ""), f"{summary}\n\n{description}".strip())


def plain(markup: str) -> str:
    """Paragraphs and items of lists, separated by empty lines."""
    blocks = (html.unescape(_TAG.sub(" ", block)) for block in _BLOCK_END.split(markup))
    return "\n\n".join(" ".join(block.split()) for block in blocks if block.strip())
