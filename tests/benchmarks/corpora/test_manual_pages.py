"""Manual pages as documents, and their descriptions as queries."""

from __future__ import annotations

import gzip

import pytest

from untilclick.search.errors import DataError
from untilclick.search.records import Topic

from benchmarks.corpora.manual_pages import build, plain_line, read_page

PAGE = r"""'\" t
.\" a comment
.TH hum 3 2023-02-05 "Linux man-pages 6.03"
.SH NAME
hum, humf \- produce a low tone
.SH SYNOPSIS
.BI "double hum(double " x );
.SH DESCRIPTION
The \fBhum\fP() function makes a sound\(emone of
.IR "x hertz" .
.SH "SEE ALSO"
.BR sing (3)
"""


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (r".BR fork (2),", "fork(2),"),
        (r'.BI "int f(int " x );', "int f(int x);"),
        (r".B \-\-help", "--help"),
        (r".PP", ""),
        (r".\" hidden", ""),
        (r"it\(aqs \fIshown\fR", "it's shown"),
    ],
)
def test_lines_lose_their_formatting_and_keep_their_words(line, expected):
    assert plain_line(line) == expected


def test_a_page_is_its_text_without_its_description():
    query, document = read_page("hum.3", PAGE)
    assert query == "produce a low tone"
    assert document.title == "hum, humf"
    assert document.text == "double hum(double x);\nThe hum() function makes a sound-one of\nx hertz."


def test_pages_of_other_projects_and_links_to_pages_are_left_out():
    assert read_page("hum.3", PAGE.replace("Linux man-pages", "Hummer")) is None
    assert read_page("humf.3", ".so man3/hum.3") is None


def test_a_folder_of_pages_becomes_documents_and_topics(tmp_path):
    folder = tmp_path / "usr/share/man/man3"
    folder.mkdir(parents=True)
    (folder / "hum.3.gz").write_bytes(gzip.compress(PAGE.encode()))
    (folder / "humf.3.gz").symlink_to("hum.3.gz")
    corpus = build(tmp_path)
    assert [document.doc_id for document in corpus.documents] == ["hum.3"]
    assert corpus.topics == (Topic("hum.3", "produce a low tone", {"hum.3": 1}),)


def test_without_pages_the_packages_are_named(tmp_path):
    with pytest.raises(DataError, match="apt-get install manpages manpages-dev"):
        build(tmp_path)
