"""What a process remembers of sessions."""

from untilclick.app.event_log.recent_sessions import TURN_CHARACTERS, RecentSessions, merged
from untilclick.search.log.live_events import PastQuery


def query(n, text="abcd"):
    return PastQuery(f"q{n}", n, float(n), text)


def test_queries_of_a_session_come_back_in_order():
    recent = RecentSessions()
    for n in range(3):
        recent.remember("s", query(n))
    recent.remember("other", query(9))
    assert recent.queries("s") == (query(0), query(1), query(2))
    assert recent.queries("unknown") == ()


def test_the_session_asked_about_longest_ago_is_forgotten_first():
    recent = RecentSessions(max_characters=3 * (TURN_CHARACTERS + 4))
    for n, session_id in enumerate("abc"):
        recent.remember(session_id, query(n))
    recent.queries("a")
    recent.remember("d", query(3))
    assert [bool(recent.queries(name)) for name in "abcd"] == [True, False, True, True]


def test_a_session_larger_than_all_memory_is_forgotten():
    recent = RecentSessions(max_characters=1000)
    recent.remember("s", query(0, "x" * 5000))
    assert recent.queries("s") == ()
    recent.remember("s", query(1))
    assert recent.queries("s") == (query(1),)


def test_queries_from_log_and_memory_are_one_list_without_repeats():
    logged = (query(0), query(2))
    remembered = (query(2)._replace(step=1), query(3))
    assert [each.query_id for each in merged(logged, remembered)] == ["q0", "q2", "q3"]
    assert merged((), ()) == ()
