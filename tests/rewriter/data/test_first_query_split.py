"""The split of earlier versions: by topic, else by the first query."""

from __future__ import annotations

import pytest

from untilclick.rewriter.data.first_query_split import split_sessions
from untilclick.search.records import Session

from tests.rewriter.toy_learning import toy_sessions, toy_topics

TOPICS = toy_topics()
LOG = tuple(toy_sessions(TOPICS, each=3))


def topic_of(session: Session) -> str:
    return session.session_id.rsplit("-", 1)[0]


def test_all_variants_of_a_need_are_on_one_side():
    split = split_sessions(LOG, 0.3)
    sides = [{topic_of(session) for session in side} for side in (split.training, split.validation)]
    assert sides[0]
    assert sides[1]
    assert not sides[0] & sides[1]
    assert len(split.training) + len(split.validation) == len(LOG)


def test_the_first_query_stands_for_the_need_where_no_topic_is_named():
    split = split_sessions(toy_sessions(TOPICS, each=3, name_topics=False), 0.3)
    first = [{session.turns[0].query for session in side} for side in (split.training, split.validation)]
    assert first[0]
    assert first[1]
    assert not first[0] & first[1]


def test_the_split_depends_on_the_need_alone():
    whole, part = split_sessions(LOG, 0.5), split_sessions(LOG[::-1][:30], 0.5)
    assert {s.session_id for s in part.validation} <= {s.session_id for s in whole.validation}
    assert {s.session_id for s in part.training} <= {s.session_id for s in whole.training}


@pytest.mark.parametrize(("share", "kept_back"), [(0.0, 0), (1.0, len(LOG))])
def test_the_share_is_that_of_the_validation(share, kept_back):
    assert len(split_sessions(LOG, share).validation) == kept_back


def test_a_tiny_log_still_keeps_one_need_back():
    """Without a held-out query every validation score was 0, and training ended at the start without a warning."""
    few = LOG[:9]
    assert len({topic_of(session) for session in few}) == 3
    split = split_sessions(few, 1e-9)
    assert len({topic_of(session) for session in split.validation}) == 1
    assert len(split.training) == 6
    assert split_sessions(LOG[:3], 1e-9).validation == ()


def test_sessions_without_a_query_are_left_out():
    assert split_sessions([Session("empty", "live", ())], 0.5).training == ()
