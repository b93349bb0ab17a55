"""Python's frequently asked questions: what people asked asks for the sections that the answer links to.

The answers are not among the documents. Their authors linked what they mention, so that a wanted section may be no
more than a side remark; the questions are real ones.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from untilclick.search.records import Document, Topic

from benchmarks.corpora.html_sections import Section, Site, read_site
from benchmarks.corpora.made import MadeCorpus, missing

PACKAGES = "python3-doc"
FOLDERS = ("library", "reference", "tutorial", "howto", "using", "c-api", "extending", "install", "installing")
"""Of the documentation; neither news of old versions nor the questions themselves."""
CONTENTS = "index.html"
"""Name of the pages that only list others: nobody is answered by them."""


def build(root: Path) -> MadeCorpus:
    """Sections and defined names of the newest Python that is documented. Raises DataError where there is none."""
    docs = root / "usr/share/doc"
    folders = sorted(docs.glob("python3.*[0-9]/html"), key=lambda path: int(path.parent.name.partition(".")[2]))
    if not folders or not (folders[-1] / "faq").is_dir():
        raise missing(docs / "python3.*/html/faq", PACKAGES)
    html = folders[-1]
    pages = (path for folder in FOLDERS for path in sorted((html / folder).rglob("*.html")))
    site = read_site(html, (path for path in pages if path.name != CONTENTS))
    faq = read_site(html, sorted((html / "faq").glob("*.html")))
    documents = tuple(Document(one.doc_id, one.title, one.text) for one in site.sections)
    return MadeCorpus(documents, tuple(questions(faq.sections, site)))


def questions(sections: Iterable[Section], site: Site) -> Iterable[Topic]:
    """Those whose answers link to a document."""
    for section in sections:
        relevance = site.wanted(section.links)
        if section.title.endswith("?") and relevance:
            yield Topic(section.doc_id, section.title, relevance)
