"""Names and summaries of applications in AppStream metadata."""

from __future__ import annotations

from untilclick.search.records import Document

from benchmarks.corpora.applications import plain, read

METADATA = """---
File: DEP-11
Version: '0.16'
---
Type: desktop-application
ID: org.example.Sundial
Name:
  C: Sundial
  ru: Солнечные часы
Summary:
  C: Tell the time from a shadow
  ru: Узнать время по тени
Description:
  C: >-
    <p>Draws a dial &amp; its hours.</p>
    <ul><li>Any latitude</li></ul>
---
Type: desktop-application
ID: org.example.Hourglass
Name:
  C: Hourglass
Summary:
  C: Turn sand
  ar: اقلب الرمل
---
Type: desktop-application
ID: org.example.Sundial
Name:
  C: Sundial of another release
Summary:
  C: Tell the time
"""


def test_applications_are_ordered_by_id_and_read_once():
    hourglass, sundial = read(METADATA, "C")
    assert hourglass == Document("org.example.Hourglass", "Hourglass", "Turn sand")
    assert sundial.title == "Sundial"
    assert sundial.text == "Tell the time from a shadow\n\nDraws a dial & its hours.\n\nAny latitude"


def test_applications_without_a_summary_in_the_language_are_left_out():
    assert read(METADATA, "ru") == (
        Document("org.example.Sundial", "Солнечные часы", "Узнать время по тени"),
    )  # fmt: skip
    assert read(METADATA, "ar") == (Document("org.example.Hourglass", "Hourglass", "اقلب الرمل"),)


def test_markup_becomes_paragraphs():
    assert (
        plain("<p>One <em>sand</em>\n  glass</p><ul><li>small</li><li>big</li></ul>")
        == "One sand glass\n\nsmall\n\nbig"
    )
    assert plain("") == ""
