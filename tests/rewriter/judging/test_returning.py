"""Queries that return, and the visitors who judge them."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from untilclick.rewriter.judging.jury import LEAST_LEARNED, MOST_JUDGED
from untilclick.rewriter.judging.needs import terms_of_query
from untilclick.rewriter.judging.returning import returning_queries
from untilclick.rewriter.judging.sides import SplitKey
from untilclick.search.analysis.by_name import english
from untilclick.search.records import Click, Session, Turn

KEYS = [SplitKey.of_seed(seed) for seed in range(5)]


def session(name, client, *queries, clicked=("d",)):
    """A session of some queries in vain, and of one in other words, at which all clicks are."""
    clicks = tuple(Click(f"{name}q{len(queries)}", doc_id, 1, 0.0) for doc_id in clicked)
    turns = (
        Turn(f"{name}q{step}", step, query, None, tuple(clicked), clicks if step == len(queries) else (), 0.0)
        for step, query in enumerate((*queries, f"in the end {name}"))
    )
    return Session(name, "live", tuple(turns), client)


def found_at_once(name, client, query):
    """A session with a click on the list of its only query."""
    return Session(
        name, "live", (Turn(f"{name}q", 0, query, None, ("d",), (Click(f"{name}q", "d", 1, 0.0),), 0.0),), client
    )


def returning(sessions, key=KEYS[0]):
    return returning_queries(sessions, english(), key)


def visitors(sessions, query):
    """The visitors that typed a query, up to its index terms."""
    terms = terms_of_query(query, english())
    return {
        each.client_id for each in sessions for turn in each.turns if terms_of_query(turn.query, english()) == terms
    } - {None}


def judges(found, sessions, query):
    """The visitors who judge a query."""
    terms = terms_of_query(query, english())
    return {
        each.client_id
        for each in sessions
        for turn in found.judged_turns(each)
        if terms_of_query(turn.query, english()) == terms
    }


def learned(found, sessions, query):
    """The visitors whose searches with a query are learned from."""
    return visitors([each for each in sessions if not found.is_judged(each)], query)


THREE = [session(f"s{i}", f"v{i}", "pencil sharpener", clicked=[f"d{i}"]) for i in range(3)]


@pytest.mark.parametrize("key", KEYS)
def test_of_three_visitors_one_judges_and_two_are_learned_from(key):
    found = returning(THREE, key)
    assert found.queries == ("pencil sharpener",)
    [judge] = judges(found, THREE, "pencil sharpener")
    assert learned(found, THREE, "pencil sharpener") == {"v0", "v1", "v2"} - {judge}


def test_another_key_chooses_another_judge():
    assert len({frozenset(judges(returning(THREE, key), THREE, "pencil sharpener")) for key in KEYS}) > 1


def test_two_visitors_are_too_few_however_often_they_come():
    often = [session(f"s{i}", f"v{i % 2}", "pencil sharpener") for i in range(10)]
    found = returning(often)
    assert found.queries == ()
    assert not any(found.is_judged(each) for each in often)


def test_sessions_without_a_client_id_are_no_visitors():
    """A session id is not taken in place of a client id: the sessions may be those of one person."""
    anonymous = [session(f"s{i}", client, "pencil sharpener") for i, client in enumerate([None, None, None, ""])]
    found = returning([*anonymous, *THREE[:2]])
    assert found.queries == ()
    assert (found.record.n_visitors, found.record.n_anonymous) == (2, 4)


def test_equal_index_terms_are_one_query():
    queries = ("Sharpeners pencil", "pencil sharpener", "the pencil sharpener")
    log = [session(f"s{i}", f"v{i}", query) for i, query in enumerate(queries)]
    assert returning(log).queries == returning(log[::-1]).queries == ("Sharpeners pencil",)


def test_who_clicked_nothing_does_not_judge():
    log = [session("s0", "v0", "tea", clicked=["d"]), *(session(f"s{i}", f"v{i}", "tea", clicked=()) for i in (1, 2))]
    assert [judges(returning(log, key), log, "tea") for key in KEYS] == [{"v0"}] * 5
    found = returning([session(f"s{i}", f"v{i}", "tea", clicked=()) for i in range(3)])
    assert (found.record.n_queries, found.record.n_judged, found.record.n_set_aside) == (1, 0, 0)


def test_a_judge_judges_by_one_session_and_is_learned_from_in_none_with_that_query():
    log = [
        session(f"s{i}-{j}", f"v{i}", "tea", "green tea", clicked=[f"d{i}-{j}"]) for i, j in product(range(3), "abc")
    ]
    for key in KEYS:
        found = returning(log, key)
        judged = [each for each in log if found.judged_turns(each)]
        assert len(judged) == 1
        assert {turn.query for turn in found.judged_turns(judged[0])} == {"tea", "green tea"}
        assert {each.client_id for each in log if found.is_judged(each)} == {judged[0].client_id}
        assert sum(found.is_judged(each) for each in log) == 3


def test_of_equal_queries_of_a_session_the_first_is_judged():
    log = [session(f"s{i}", f"v{i}", "green tea", "tea, green", "sencha") for i in range(3)]
    found = returning(log)
    assert [[turn.step for turn in found.judged_turns(each)] for each in log if found.is_judged(each)] == [[0, 2]]


@pytest.mark.parametrize("key", KEYS)
def test_a_judge_is_not_learned_from_when_searching_the_same_in_other_words(key):
    """The visitor's own click for `sencha` would tell a version what the visitor clicks for `tea`."""
    log = [session(f"s{i}", f"v{i}", "tea", clicked=[f"d{i}", "x"]) for i in range(3)]
    other = [session(f"o{i}", f"v{i}", "sencha", clicked=[f"d{i}"]) for i in range(3)]
    apart = [session(f"a{i}", f"v{i}", "stamps", clicked=[f"e{i}"]) for i in range(6)]
    found = returning([*log, *other, *apart], key)
    assert [found.is_judged(each) for each in log] == [found.is_judged(each) for each in other]
    assert sum(map(found.is_judged, log)) == 1


def test_queries_of_the_same_sessions_share_their_judge():
    """With a judge for each of three queries nobody would be left to learn from."""
    log = [session(f"s{i}", f"v{i}", "tea", "green tea", "sencha", clicked=[f"d{i}"]) for i in range(3)]
    for key in KEYS:
        found = returning(log, key)
        assert sum(map(found.is_judged, log)) == 1
        assert found.record.n_judged == 3


def test_a_fifth_of_many_visitors_judge_and_ten_at_most():
    def n_judges(n):
        log = [session(f"s{i}", f"v{i}", "tea", clicked=[f"d{i}"]) for i in range(n)]
        return len(judges(returning(log), log, "tea"))

    assert [n_judges(n) for n in (3, 9, 10, 24, 500)] == [1, 1, 2, 4, MOST_JUDGED]


SESSIONS = st.lists(
    st.tuples(
        st.integers(0, 6),
        st.lists(st.sampled_from("abcdef"), min_size=1, max_size=3),
        st.sets(st.sampled_from("xyz")),
    ),
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(SESSIONS, st.integers(0, 4), st.randoms(use_true_random=False))
def test_visitors_are_left_to_learn_from_and_the_order_does_not_matter(drawn, number, random):
    log = [
        session(
            f"s{i}", f"v{client}" if client else None, *(f"word{query}" for query in queries), clicked=sorted(clicked)
        )
        for i, (client, queries, clicked) in enumerate(drawn)
    ]
    found, shuffled = returning(log, KEYS[number]), returning(random.sample(log, len(log)), KEYS[number])
    assert found.record == shuffled.record
    assert found.queries == shuffled.queries
    np.testing.assert_array_equal(found.set_aside, shuffled.set_aside)
    np.testing.assert_array_equal(found.judging, shuffled.judging)
    assert list(found.queries) == [query for query in sorted(_queries(log)) if len(visitors(log, query)) >= 3]
    for query in found.queries:
        judging, of_learning = judges(found, log, query), learned(found, log, query)
        assert len(of_learning) >= LEAST_LEARNED
        assert judging.isdisjoint(of_learning)
    assert not any(found.judged_turns(each) for each in log if each.abandoned)
    assert found.record.n_judged == sum(bool(judges(found, log, query)) for query in found.queries)
    assert found.record.n_set_aside == sum(map(found.is_judged, log))


def _queries(log):
    return {turn.query for each in log for turn in each.turns}


def test_an_empty_log_and_one_of_anonymous_sessions():
    for log in ([], [session("s", None, "tea")], [Session("s", "live", (), "v")]):
        found = returning(log)
        assert (found.queries, found.record.n_judged, found.judging.size, found.set_aside.size) == ((), 0, 0, 0)


@pytest.mark.parametrize(("n_found", "returns"), [(1, True), (3, True), (4, False)])
def test_a_query_that_mostly_finds_at_once_has_nothing_to_teach(n_found, returns):
    log = [*THREE, *(found_at_once(f"f{i}", f"w{i}", "pencil sharpener") for i in range(n_found))]
    assert (returning(log).queries == ("pencil sharpener",)) is returns


def test_too_few_queries_are_told_with_what_is_needed():
    assert returning([session("s", None, "tea")]).record.too_few == (
        "no query was typed by 3 visitors and clicked for by one who judges, and 30 are needed; client ids name "
        "0 visitors and are missing from 1 session"
    )
    one = returning([*THREE, *(session(f"t{i}", None, "tea") for i in range(1200))]).record
    assert one.too_few.startswith("1 query was typed by 3 visitors")
    assert one.too_few.endswith("name 3 visitors and are missing from 1,200 sessions")
    many = [session(f"{i}-{j}", f"v{j}", f"word{i}", clicked=[f"d{i}"]) for i in range(30) for j in range(3)]
    assert returning(many).record.too_few == ""
    assert returning(many[3:]).record.too_few.startswith("29 queries were typed")
