"""HTML documentation as sections, and topics from the questions and index entries that link to them."""

from __future__ import annotations

import pytest

from untilclick.search.errors import DataError
from untilclick.search.records import Topic

from benchmarks.corpora import postgresql_index, python_faq
from benchmarks.corpora.html_sections import read_page
from benchmarks.corpora.postgresql_index import read_index, spoken

OS = """<html><head><title>os</title></head><body><nav>menu</nav>
<section id="module-os"><span id="os-alias"></span><h1>os — Systems<a class="headerlink" href="#x">¶</a></h1>
<p>Portable use of <a href="../library/shutil.html#shutil.rmtree">trees</a> and <a href="https://x.org">more</a></p>
<dl class="py function"><dt class="sig" id="os.remove">remove(path)</dt>
<dt class="sig" id="os.unlink">unlink(path)</dt>
<dd><p>Remove a file.</p><dl><dt>note</dt><dd>Carefully.</dd></dl></dd></dl>
<section id="empty"></section>
<section id="files"><h2>Files</h2><p>About them.<div><h3>Note</h3>Well.</div></section></section></body></html>"""
FAQ = """<section id="faq"><h1>FAQ</h1><section id="delete"><h3>How do I delete a file?</h3>
<p>Use <a href="../library/os.html#os.unlink">unlink</a>, see <a href="../library/os.html">os</a>.</p></section>
<section id="why"><h3>Why?</h3><p>Because of <a href="elsewhere.html">that</a>.</p></section></section>"""
INDEX = """<dl><dt id="i1">lock, <a class="indexterm" href="locks.html#ADVISORY">Advisory</a></dt><dd><dl>
<dt>kinds of, <a class="indexterm" href="locks.html">Locks</a></dt></dl></dd>
<dt>pg_lock, <a class="indexterm" href="locks.html">Locks</a></dt></dl>"""
LOCKS = """<div class="chapter" id="LOCKS"><h2 class="title">Locks</h2><p>Who waits.</p>
<div class="sect1" id="ADVISORY"><h2 class="title">Advice</h2><p>Yours.</p></div></div>"""


def test_a_section_has_its_own_title_text_and_links():
    sections, targets = read_page("library/os.html", OS)
    assert [section.doc_id.partition("#")[2] for section in sections] == ["module-os", "os.remove", "files"]
    module, remove, files = sections
    assert (module.title, module.text) == ("os — Systems", "Portable use of trees and more")
    assert module.links == ["library/os.html#x", "library/shutil.html#shutil.rmtree"]
    assert (remove.title, remove.text) == ("remove(path) unlink(path)", "Remove a file. note Carefully.")
    assert (files.title, files.text) == ("Files", "About them. Note Well.")
    assert targets["library/os.html"] is targets["library/os.html#os-alias"] is module
    assert targets["library/os.html#os.unlink"] is remove
    assert "library/os.html#empty" not in targets


def written(folder, **pages: str):
    for name, html in pages.items():
        path = folder / f"{name.replace('__', '/')}.html"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(html, encoding="utf-8")


def test_questions_ask_for_the_sections_that_their_answers_link_to(tmp_path):
    written(tmp_path / "usr/share/doc/python3.9/html", faq__old="")
    written(tmp_path / "usr/share/doc/python3.11/html", library__os=OS, library__index=OS, faq__library=FAQ)
    corpus = python_faq.build(tmp_path)
    assert len(corpus.documents) == 3
    relevance = {"library/os.html#os.remove": 1, "library/os.html#module-os": 1}
    assert corpus.topics == (Topic("faq/library.html#delete", "How do I delete a file?", relevance),)


def test_index_entries_are_joined_with_the_entries_above_them():
    assert [(entry.words, entry.links) for entry in read_index(INDEX)] == [
        ("lock", ["locks.html#ADVISORY"]),
        ("kinds of lock", ["locks.html"]),
        ("pg_lock", ["locks.html"]),
    ]


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        (["function", "user-defined"], "user-defined function"),
        (["unnest", "for multirange"], "unnest for multirange"),
        (["key word", "syntax of"], "syntax of key word"),
        (["", "lock"], "lock"),
    ],
)
def test_levels_are_joined_in_the_order_of_spoken_english(levels, expected):
    assert spoken(levels) == expected


def test_index_entries_in_plain_words_become_topics(tmp_path):
    written(tmp_path / "usr/share/doc/postgresql-doc-15/html", bookindex=INDEX, locks=LOCKS)
    corpus = postgresql_index.build(tmp_path)
    assert [document.title for document in corpus.documents] == ["Locks", "Advice"]
    assert corpus.topics == (Topic("i1", "kinds of lock", {"locks.html#LOCKS": 1}),)


@pytest.mark.parametrize(("source", "package"), [(python_faq, "python3-doc"), (postgresql_index, "postgresql-doc")])
def test_without_documentation_the_package_is_named(tmp_path, source, package):
    with pytest.raises(DataError, match=package):
        source.build(tmp_path)
