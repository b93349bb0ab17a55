"""Python's frequently asked questions: each question asks for the sections that its answer links to.

The questions are real. The answers are not among the documents. Answers link to everything they mention, so a
relevant section may be of minor importance to the question.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from untilclick.search.records import Document, Topic

from benchmarks.corpora.html_sections import Section, Site, read_site
from benchmarks.corpora.made import MadeCorpus, missing

PACKAGES = "python3-doc"
FOLDERS = ("library", "reference", "tutorial", "howto", "using", "c-api", "extending", "install", "installing")
"""Folders of the documentation that become documents; they exclude release notes and the questions."""
CONTENTS = "index.html"
"""Name of tables of contents, which answer no question."""


def build(root: Path) -> MadeCorpus:
    """Make the collection from the newest installed documentation. Raises DataError if none is installed."""
    docs = root / "usr/share/doc"
    folders = sorted(docs.glob("python3.*[0-9]/html"), key=lambda path: int(path.parent.name.partition(".")[2]))
    if not folders or not (folders[-1] / "faq").is_dir():
        raise missing(docs / "python3.*/html/faq", PACKAGES)
    html = folders[-1]
    pages = (path for folder in FOLDERS for path in sorted((html / folder).rglob("*.html")))
    site = read_site(html, (path for path in pages if path.name != CONTENTS))
    faq = read_site(html, sorted((html / "faq").glob("*.html")))
    documents = tuple(Document(each.doc_id, each.title, each.text) for each in site.sections)
    return MadeCorpus(documents, tuple(questions(faq.sections, site)))


def questions(sections: Iterable[Section], site: Site) -> Iterable[Topic]:
    """Topics of the questions whose answers link to a document of the site."""
    for section in sections:
        relevance = site.linked(section.links)
        if section.title.endswith("?") and relevance:
            yield Topic(section.doc_id, section.title, relevance)
