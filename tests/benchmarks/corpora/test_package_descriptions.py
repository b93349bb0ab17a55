"""Package descriptions in apt's lists."""

from __future__ import annotations

from benchmarks.corpora.package_descriptions import read

TEXT = " ".join(["flies"] * 30)
PACKAGES = """Package: libkite1
Source: kite (1.2-3)
Size: 1

Package: libkite-dev
Source: kite

Package: reel
Size: 2

Package: kite-old
"""


def described(name: str, synopsis: str, text: str = TEXT) -> str:
    return f"Package: {name}\nDescription-md5: 0\nDescription-en: {synopsis}\n {text}\n .\n And more.\n"


def test_one_package_of_a_source_is_a_document_and_its_synopsis_the_query():
    lists = [
        described("libkite-dev", "high flying paper thing (development files)"),
        described("libkite1", "high flying paper thing - runtime library"),
        described("reel", "winds up strings of any length", "too short"),
        described("kite-old", "high flying old thing, transitional package"),
        described("unknown", "nobody has such a package"),
    ]
    corpus = read(PACKAGES, "\n".join(lists))
    (document,), (topic,) = corpus.documents, corpus.topics
    assert document.doc_id == document.title == "libkite1"
    assert document.text.strip() == f"{TEXT}\n\nAnd more."
    assert topic.query == "high flying paper thing"
    assert topic.relevance == {"libkite1": 1}


def test_without_descriptions_there_are_no_documents():
    assert read(PACKAGES, "").documents == ()
