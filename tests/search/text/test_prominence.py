"""How many other documents name a document."""

from __future__ import annotations

import numpy as np
import pytest

from untilclick.search.records import Corpus, Document
from untilclick.search.text.prominence import MOST_NAMED, TitleNames, prominence, shares_of_most


def corpus_of(*documents):
    """A corpus of (title, text)."""
    listed = tuple(Document(str(i), title, text) for i, (title, text) in enumerate(documents))
    return Corpus("test", listed, "0" * 16)


def counts(*documents):
    return prominence(corpus_of(*documents)).tolist()


def named(title, text, *, by="another"):
    """Whether a text names a title."""
    return bool(TitleNames([title]).named_by(Document("1", by, text)))


@pytest.mark.parametrize(
    ("title", "text", "expected"),
    [
        ("os.path.join", "Use os.path.join.", True),
        ("os.path.join", "Use os.path.joined or xos.path.join", False),
        ("os.path.join", "Use os.path.join.cache", False),
        ("os.path", "Use os.path.join", False),
        ("mkdir(2)", "see mkdir(2)", True),
        ("mkdir, mkdirat", "like mkdirat", True),
        ("File::Spec", "use File::Spec;", True),
        ("OrderedDict", "an ordereddict", False),
        ("open", "open the file", False),
        ("open", "call open(path)", True),
        ("open", "call :func:`open`", True),
        ("open", "call ``open``", True),
        ("open", "call io.open(path)", False),
        ("file", "name one file(s)", False),
        ("MERGE", "the command MERGE", True),
        ("MERGE", "to merge rows", False),
        ("CREATE RULE", "a CREATE\nRULE command", True),
        ("CREATE RULE", "to create rule after rule", False),
        ("Parsing Queries", "about parsing queries, see", True),
        ("12.3.2. Parsing Queries", "about parsing queries", True),
        ("Appendix F. Parsing Queries", "about parsing queries", True),
        ("Parsing Queries", "parsing of queries", False),
        ("C", "the language C", False),
        ("C++", "the language C++", False),
        ("1984", "in 1984", False),
        ("", "anything", False),
    ],
)
def test_a_title_is_named_by_whole_tokens_and_an_english_word_in_a_form_of_code(title, text, expected):
    assert named(title, text) is expected


def test_documents_are_counted_once_however_often_they_name_a_title():
    assert counts(("os.stat", "x"), ("a_b", "os.stat and os.stat"), ("c_d", "os.stat")) == [2, 0, 0]


def test_a_document_names_neither_its_own_title_nor_the_last_part_of_it():
    assert counts(("open", "open(file)"), ("shelve.open", "open(name)"), ("f_g", "open(x)")) == [1, 0, 0]
    assert counts(("sleep", "sleep(3)"), ("sleep", "sleep(1)"), ("f_g", "sleep(1)")) == [1, 1, 0]


def test_each_name_of_a_list_counts_for_its_document_and_a_text_counts_once():
    assert counts(("mkdir, mkdirat", ""), ("a_b", "mkdir and mkdirat"), ("c_d", "mkdirat"), ("mkdir", "")) == [
        2,
        0,
        0,
        1,
    ]


def test_a_name_of_many_documents_names_none():
    some = [("See also", f"text {i}") for i in range(MOST_NAMED)]
    assert counts(*some, ("a_b", "see also this"))[:MOST_NAMED] == [1] * MOST_NAMED
    assert counts(*some, ("see also", ""), ("a_b", "see also this")) == [0] * (MOST_NAMED + 2)


def test_an_empty_corpus_and_documents_without_titles_have_no_prominence():
    assert prominence(corpus_of()).shape == (0,)
    assert counts(("", "os.stat"), ("", "open(x)")) == [0, 0]


def test_shares_are_the_logarithms_of_the_counts_from_nought_to_one():
    assert shares_of_most(np.array([0.0, 1.0, 3.0])) == pytest.approx([0, 0.5, 1])  # log 1, log 2, log 4
    assert shares_of_most(np.zeros(2)).tolist() == [0, 0]
    assert shares_of_most(np.zeros(0)).shape == (0,)
