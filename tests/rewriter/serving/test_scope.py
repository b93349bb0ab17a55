"""Which queries the learned model of a version answers."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from untilclick.rewriter.serving.scope import SALT_BYTES, SCOPE_FILE, Scope
from untilclick.search.analysis.by_name import english
from untilclick.search.errors import ModelError
from untilclick.search.text.spelling import SpellingCorrector

CORPUS = SpellingCorrector({"pencil": 3, "sharpener": 2, "blade": 4, "running": 1, "dough": 5})
SALT = bytes(range(SALT_BYTES))
RETURNING = ["the pencil sharpener", "gizmo blades", "doughh kneading"]


def scope(queries=RETURNING, salt=SALT):
    return Scope.of(queries, english(), CORPUS, salt)


@pytest.mark.parametrize(
    ("query", "covered"),
    [
        ("the pencil sharpener", True),
        ("Sharpeners, pencil", True),  # the same index terms
        ("pencil", False),
        ("pencil sharpener blade", False),
        ("gizmo", True),  # no document holds it
        ("who sells gizmos in town", True),
        ("blades", False),
        ("doughh", True),  # the corrector makes it dough, and yet no document holds it
        ("dough", False),
        ("kneading", True),
        ("the", False),
        ("", False),
        ("contraption", False),  # no document holds it, and no visitor typed it
    ],
)
def test_returning_queries_and_their_unheld_words_are_covered(query, covered):
    assert scope().covers(query) is covered


def test_the_example_is_one_that_the_corrector_would_change():
    assert CORPUS.correct("doughh") == "dough"


def test_a_scope_without_queries_covers_nothing():
    assert not any(scope([]).covers(query) for query in ("", "the", *RETURNING))


@given(st.lists(st.text(max_size=20), max_size=5), st.text(max_size=20))
def test_every_query_that_returns_is_covered_whatever_it_is(queries, other):
    made = scope(queries)
    assert all(made.covers(query) for query in queries)
    assert isinstance(made.covers(other), bool)


def test_the_file_is_read_as_it_was_written(tmp_path):
    made = scope()
    made.save(tmp_path)
    assert Scope.load(tmp_path, english()) == made


def test_the_file_has_none_of_the_words_and_no_hash_of_another_bundle(tmp_path):
    text = scope().save(tmp_path).read_text()
    assert not any(word in text for word in ("pencil", "sharpen", "gizmo", "blade", "dough", "knead"))
    other = scope(salt=bytes(SALT_BYTES))
    assert len(other.queries) == len(other.words) == 3
    assert other.queries.isdisjoint(scope().queries)
    assert other.words.isdisjoint(scope().words)
    assert scope().words.isdisjoint(scope().queries)


@pytest.mark.parametrize(
    "content",
    [None, "", "[]", '{"salt": "00"}', '{"salt": "xy", "queries": [], "words": []}', '{"salt": "", "queries": 1}'],
)
def test_a_broken_file_is_refused(tmp_path, content):
    if content is not None:
        (tmp_path / SCOPE_FILE).write_text(content)
    with pytest.raises(ModelError, match=r"scope\.json cannot be read"):
        Scope.load(tmp_path, english())


def test_the_order_of_the_hashes_tells_nothing_of_the_log(tmp_path):
    (tmp_path / "b").mkdir()
    texts = [made.save(tmp_path / name).read_text() for made, name in ((scope(), "."), (scope(RETURNING[::-1]), "b"))]
    assert texts[0] == texts[1]
    assert json.loads(texts[0])["queries"] == sorted(json.loads(texts[0])["queries"])


@pytest.mark.parametrize(
    ("query", "covered"),
    [
        ("gizmo", True),
        ("the Gizmos", True),
        ("wlan gizmo", True),
        ("gizmo blades", False),  # documents hold one of its words
        ("gizmo contraption", False),  # no visitor typed the other word
        ("wlan", True),
        ("the", False),
        ("", False),
    ],
)
def test_a_scope_of_words_covers_queries_of_nothing_else(query, covered, tmp_path):
    words = Scope.of_words(["gizmo", "wlan"], english(), SALT)
    assert words.covers(query) is covered
    words.save(tmp_path)
    assert Scope.load(tmp_path, english()) == words
    assert "gizmo" not in (tmp_path / SCOPE_FILE).read_text()


def test_the_file_of_another_scope_is_that_of_earlier_versions(tmp_path):
    scope().save(tmp_path)
    assert list(json.loads((tmp_path / SCOPE_FILE).read_text())) == ["salt", "queries", "words"]
