"""What a log tells of a query, and what it does not."""

import pytest

from untilclick.rewriter.serving.log_evidence import FinalClicks, TypedBy, TypedWord, log_evidence
from untilclick.search.analysis.by_name import english
from untilclick.search.records import Click, Session, Turn

TITLES = {"rm": "shutil.rmtree", "mk": "os.mkdir", "untitled": ""}


def session(number, *queries, client=None, clicked=("rm",), source="live"):
    """A session whose last query has the clicks."""
    turns = [Turn(f"{number}-{i}", i, query, None, ("rm",), (), 0.0) for i, query in enumerate(queries)]
    last = turns[-1]
    clicks = tuple(Click(last.query_id, doc_id, 1, float(i)) for i, doc_id in enumerate(clicked))
    turns[-1] = Turn(last.query_id, last.step, last.query, None, ("rm",), clicks, 0.0)
    return Session(str(number), source, tuple(turns), client)


def evidence(query, sessions):
    (found,) = log_evidence([query], sessions, english(), TITLES)
    return found


def visitors(n, query="delete folder"):
    return [session(i, query, client=f"visitor {i}") for i in range(n)]


def test_a_query_that_two_visitors_typed_is_not_told_nor_are_its_words():
    found = evidence("delete folder", [*visitors(2), session("again", "delete folder", client="visitor 1")])
    assert (found.query, found.words, found.n_withheld) == (None, (), 2)


def test_a_query_that_three_visitors_typed_is_told():
    found = evidence("delete folder", visitors(3))
    told = TypedBy(3, 3, 0, 0, (FinalClicks("rm", "shutil.rmtree", 3),))
    assert found.query == told
    assert (found.words, found.n_withheld) == ((TypedWord("delete", told), TypedWord("folder", told)), 0)


def test_the_words_of_a_query_that_nobody_typed_are_told_each_by_its_own_visitors():
    sessions = [*visitors(3, "delete file"), *visitors(2, "folder name")]
    found = evidence("delete folder", sessions)
    assert found.query is None
    assert [word.word for word in found.words] == ["delete"]
    assert found.n_withheld == 1


@pytest.mark.parametrize("typed", ["Folders deleted", "the deleting of a folder", "folder delete folder"])
def test_a_query_is_the_set_of_its_index_terms(typed):
    assert evidence("delete folder", visitors(3, typed)).query.sessions == 3


def test_sessions_without_a_client_id_count_as_a_visitor_each_and_simulated_ones_as_they_are_recorded():
    sessions = [
        *(session(i, "delete folder", client="one") for i in range(4)),
        session("a", "delete folder", source="simulated"),
        session("b", "delete folder", source="simulated"),
    ]
    found = evidence("delete folder", sessions).query
    assert (found.sessions, found.visitors, found.simulated) == (6, 3, 2)
    assert evidence("delete folder", sessions[:-1]).query is None


def test_sessions_end_on_their_last_click_and_some_are_given_up():
    sessions = [
        session("a", "delete folder", "remove it", clicked=("mk", "rm")),
        session("b", "delete folder", clicked=("mk",)),
        session("c", "delete folder", clicked=("untitled",)),
        session("d", "delete folder", clicked=("rm",)),
        session("e", "delete folder", clicked=("gone",)),
        session("f", "delete folder", clicked=()),
    ]
    found = evidence("delete folder", sessions).query
    assert found.abandoned == 1
    assert [(each.doc_id, each.title, each.sessions) for each in found.clicked] == [
        ("rm", "shutil.rmtree", 2),
        ("gone", "gone", 1),
        ("mk", "os.mkdir", 1),
        ("untitled", "untitled", 1),
    ]


def test_a_query_counts_once_in_a_session_that_typed_it_twice():
    assert evidence("folder", [session(i, "folder", "folders") for i in range(3)]).query.sessions == 3


def test_several_queries_are_answered_by_one_pass_and_stop_words_alone_are_no_query():
    of_folder, of_nothing = log_evidence(["folder", "the"], iter(visitors(3, "folder")), english(), TITLES)
    assert of_folder.query.sessions == 3
    assert (of_nothing.query, of_nothing.words, of_nothing.n_withheld) == (None, (), 0)
