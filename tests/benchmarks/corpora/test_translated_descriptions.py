"""Package descriptions in other languages than English."""

from __future__ import annotations

import json

from untilclick.search.records import Document

from benchmarks.corpora.made import MadeCorpus, write_beir
from benchmarks.corpora.translated_descriptions import FEWEST_CHARACTERS, read, unwrapped

PACKAGES = "Package: libkite1\nSource: kite (1.2-3)\n\nPackage: libkite-dev\nSource: kite\n\nPackage: reel\n"
LONG = "Ein Drachen steigt an langer Schnur über das Feld. " * 2


def described(name: str, synopsis: str, text: str = LONG, language: str = "de") -> str:
    return f"Package: {name}\nDescription-md5: 0\nDescription-{language}: {synopsis}\n {text}\n"


def test_one_package_of_a_source_is_a_document_with_the_synopsis_as_title():
    lists = [described("libkite-dev", "Drachen zum Bauen"), described("libkite1", "Drachen zum Fliegen")]
    [document] = read(PACKAGES, "\n".join(lists), "de")
    assert document == Document("libkite1", "Drachen zum Fliegen", LONG.strip())


def test_descriptions_that_are_short_unfinished_or_in_another_language_are_left_out():
    lists = [
        described("reel", "Spule", "x" * (FEWEST_CHARACTERS - 1)),
        described("libkite1", "Drachen", f"{LONG} <trans>"),
        described("libkite-dev", "cerf-volant", language="fr"),
        described("unknown", "kein Paket der Listen"),
    ]
    assert read(PACKAGES, "\n".join(lists), "de") == ()


def test_lines_are_joined_where_a_script_has_no_spaces():
    assert unwrapped("凧は長い糸で空に上\nがります。\n\nkite\nで") == "凧は長い糸で空に上がります。\n\nkite\nで"


def test_documents_without_topics_are_written_alone(tmp_path):
    folder = write_beir(MadeCorpus((Document("reel", "Spule", "Wickelt Schnur auf"),), ()), tmp_path / "reels")
    assert [path.name for path in folder.iterdir()] == ["corpus.jsonl"]
    assert json.loads((folder / "corpus.jsonl").read_text(encoding="utf-8"))["title"] == "Spule"
