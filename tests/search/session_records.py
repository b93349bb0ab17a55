"""Sessions made by hand and by hypothesis, for the tests of the session log and its exchange formats."""

from __future__ import annotations

from hypothesis import strategies as st

from untilclick.search.log.live_events import LiveTurn
from untilclick.search.log.session_log import SessionLog
from untilclick.search.records import Click, Session, Turn

BERLIN = Session(
    "s-berlin",
    "simulated",
    (
        Turn("q1", 0, "berln wall", None, ("d1", "d2"), (), 100.0, {"topic_id": "t7", "propensity": 0.25}),
        Turn(
            "q2",
            1,
            "berlin wall",
            "berlin wall 1989 grenze",
            ("d3", "d1"),
            (Click("q2", "d1", 2, 131.5), Click("q2", "d3", 1, 131.5)),
            130.0,
            {"rewriter_version": "v2", "reason": "applied", "applied": True, "note": None, "n": 3},
        ),
    ),
    "client-1",
)
KYOTO = Session(
    "s-kyoto",
    "live",
    (Turn("q3", 0, "京都 寺", None, ("d9",), (Click("q3", "d9", 1, 51.0),), 50.0, {"rewriter_version": "v1"}),),
)
QUIET = Session("s-quiet", "live", (Turn("q4", 0, "", None, (), (), 50.0),), "client-2")
ALL = (BERLIN, KYOTO, QUIET)

TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00"), max_size=20)
IDS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00"), min_size=1, max_size=12)
TIMES = st.floats(0, 4e9, allow_nan=False)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.one_of(st.none(), st.booleans(), st.integers(-(2**53), 2**53), NUMBERS, TEXT)


def log_turns(log: SessionLog, session_id: str, *turns: Turn, client_id: str | None = None) -> None:
    """Log turns as those of live visitors, without their clicks."""
    log.append_events([LiveTurn(session_id, turn, client_id) for turn in turns], ())


def typed(log: SessionLog, session_id: str) -> tuple[str, ...]:
    """The queries of a session so far."""
    return tuple(past.query for past in log.past_queries(session_id))


@st.composite
def turns(draw: st.DrawFn, query_id: str, step: int) -> Turn:
    shown = tuple(draw(st.lists(IDS, unique=True, max_size=4)))
    places = draw(st.lists(st.sampled_from(range(len(shown))), unique=True, max_size=3)) if shown else []
    times = sorted(draw(TIMES) for _ in places)
    clicks = tuple(Click(query_id, shown[i], i + 1, time) for i, time in zip(places, times, strict=True))
    attributes = draw(st.dictionaries(TEXT, VALUES, max_size=3))
    attributes.pop("untilclick", None)  # the one name that UBI records claim; hypothesis finds it in the source
    return Turn(query_id, step, draw(TEXT), draw(st.none() | TEXT), shown, clicks, draw(TIMES), attributes)


@st.composite
def session_lists(draw: st.DrawFn) -> list[Session]:
    """Up to four sessions of one to three turns with unique ids."""
    session_ids = draw(st.lists(IDS, unique=True, max_size=4))
    lengths = [draw(st.integers(1, 3)) for _ in session_ids]
    query_ids = iter(draw(st.lists(IDS, unique=True, min_size=sum(lengths), max_size=sum(lengths))))
    return [
        Session(
            session_id,
            draw(st.sampled_from(["simulated", "live"])),
            tuple(draw(turns(next(query_ids), step)) for step in range(length)),
            draw(st.none() | IDS),
        )
        for session_id, length in zip(session_ids, lengths, strict=True)
    ]
