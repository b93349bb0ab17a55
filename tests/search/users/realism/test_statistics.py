"""Statistics of sessions, against values counted by hand."""

import numpy as np
import pytest

from untilclick.search.records import Click, Document, Session, Turn
from untilclick.search.text.term_index import TermIndex
from untilclick.search.users.realism.censoring import Censoring, without_last_query
from untilclick.search.users.realism.moments import MOMENTS, Moments
from untilclick.search.users.realism.statistics import (
    STATISTICS,
    Part,
    Ratio,
    Texts,
    kind_shares,
    looked_up,
    rank_shares,
    total_variation,
)
from untilclick.search.users.reformulation import Kind

TEXTS = Texts(
    TermIndex.from_documents(
        [
            Document("a", "Copy files", "to another folder"),
            Document("b", "Move files", "within a disk"),
            Document("c", "Sockets", "accept a connection"),
        ]
    )
)


def turn(number, query, shown=(), *ranks):
    """A list whose clicks are made in the order of `ranks`."""
    clicks = tuple(Click(f"q{number}", shown[rank - 1], rank, 10.0 * number + i) for i, rank in enumerate(ranks))
    return Turn(f"q{number}", number, query, None, tuple(shown), clicks, 10.0 * number)


BOTH = Session(
    "both",
    "live",
    (
        turn(0, "copy files", ["b", "a", "c"], 2, 1),  # the second click in time is on rank 1
        turn(1, "copy a folder", ["c", "gone"]),
        turn(2, "accept connection", ["c", "gone"], 2, 2),
    ),
)
NONE = Session("none", "live", (turn(0, "disk", ["b"]),))
SESSIONS = [BOTH, NONE]


def values(sessions):
    return {each.name: each.ratio(sessions, TEXTS).value for each in STATISTICS}


def test_the_values_are_those_that_a_reader_counts():
    """Overlap: `copy files` has both terms in a, one in b (mean .75 clicked) and none in c; in the third list the
    clicked document is gone."""
    assert values(SESSIONS) == {
        "query_length": (2 + 3 + 2 + 1) / 4,
        "clicked_overlap": 0.75,
        "kept_word": 1 / 2,
        "queries": 2.0,
        "first_rank": 1 / 3,
        "last_click": (1 + 2) / 2,
        "unclicked_turns": 2 / 4,
        "abandoned": 1 / 2,
    }


def test_no_sessions_have_no_statistics():
    assert all(np.isnan(value) for value in values([]).values())


def test_a_document_of_another_corpus_is_counted_as_not_looked_up():
    assert Ratio.of(looked_up(session, TEXTS) for session in SESSIONS).value == 2 / 3


def test_distributions_of_kinds_and_ranks_and_their_distance():
    shares = dict(zip(Kind, kind_shares(SESSIONS, TEXTS).tolist(), strict=True))
    assert {kind for kind, share in shares.items() if share} == {Kind.SUBSTITUTE, Kind.NEW}
    np.testing.assert_allclose(rank_shares(SESSIONS)[:3], [1 / 3, 2 / 3, 0])
    assert total_variation(np.array([0.5, 0.5]), np.array([0.2, 0.8])) == pytest.approx(0.3)
    assert kind_shares([], TEXTS).tolist() == [0.0] * 7


def test_the_standard_error_of_a_ratio_is_that_of_a_mean_where_wholes_are_equal():
    ratio = Ratio.of(Part(float(part), 1) for part in (0, 1, 1, 0, 1, 1))
    assert ratio.standard_error == pytest.approx(np.std([0, 1, 1, 0, 1, 1], ddof=1) / 6**0.5)
    assert Ratio.of([Part(0, 4), Part(0, 6)]).standard_error == 0.1
    assert np.isnan(Ratio.of([Part(0, 4)]).standard_error)


def test_sessions_are_cut_as_the_log_is():
    assert [len(session.turns) for session in without_last_query(SESSIONS)] == [2]
    assert Censoring().cut(SESSIONS) == SESSIONS
    assert Censoring(last_query_unseen=True).cut(SESSIONS) == without_last_query(SESSIONS)


def test_moments_of_sessions_and_those_that_they_lack():
    moments = Moments.of(SESSIONS, TEXTS, MOMENTS)
    by_habit = dict(zip((moment.habit for moment in MOMENTS), moments.values.tolist(), strict=True))
    assert by_habit == {
        "click": 0.5,
        "click_wanted": 1 / 3,
        "stop": 0.5,
        "go_on": 1.5,
        "go_on_prob": 0.5,
        "give_up_prob": 0.5,
        "misspell_share": 0.0,
        "drop_share": 1.5,
        "describe_share": 0.0,
    }
    assert np.isfinite(moments.covariance).all()
    alone = Moments.of([NONE], TEXTS, MOMENTS)
    assert np.isnan(alone.values[2])
    assert np.isnan(alone.covariance).all()
