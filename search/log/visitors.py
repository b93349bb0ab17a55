"""Who is behind the sessions of a live log: the same visitor counted once, and visitors that look like programs."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import fmean, pstdev

from untilclick.search.records import Session, Turn

MAX_PER_MINUTE = 20
"""Queries within any minute that a person types at most."""
MIN_INTERVALS, LEAST_VARIATION = 10, 0.1
"""From so many pauses between the queries of a run on, their standard deviation as a share of their mean says whether
it is a clock."""
RUN_ENDS_S = 1800.0
"""A longer pause ends a run: nights say nothing of the pace by day, and queries hours apart are no run."""
MIN_CLICKS, INSTANT_S, INSTANT_SHARE = 5, 0.5, 0.8
"""Nobody reads a list in half a second; from so many clicks on, so large a share of them that fast is a program's."""
MAX_CLICKS_ON_ONE, DAY_S = 20, 86_400
"""Clicks on one document within a day in UTC; over a whole log they would say only how long it is."""
MIN_LISTS, MIN_SHOWN = 5, 3
"""From so many lists of so many documents on, clicking on all of every one is a program's way."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """A visitor that looks automated."""

    visitor: str
    """Client id, or session id where no client is named."""
    sessions: int
    queries: int
    clicks: int
    reasons: tuple[str, ...]
    """In words."""


def visitor_of(session: Session) -> str:
    """A client where one is named, else the session."""
    return session.client_id or session.session_id


def once_per_client(sessions: Iterable[Session]) -> Iterator[Session]:
    """The sessions with a client's repeated clicks left out: the same document for the same typed query counts once,
    so that no visitor can teach more by clicking more. Sessions without a client are left as they are."""
    known: set[tuple[str, str, str]] = set()
    for session in sessions:
        if session.client_id is None or session.abandoned:
            yield session
            continue
        turns = []
        for turn in session.turns:
            keys = [(session.client_id, turn.query.strip().lower(), click.doc_id) for click in turn.clicks]
            fresh = tuple(click for click, key in zip(turn.clicks, keys, strict=True) if key not in known)
            known.update(keys)
            turns.append(replace(turn, clicks=fresh))
        yield replace(session, turns=tuple(turns))


def suspects(sessions: Iterable[Session]) -> list[Suspect]:
    """Visitors that look automated, most queries first. The signs are those of Buehrer, Stokes & Chellapilla, "A
    Large-Scale Study of Automated Web Search Traffic", AIRWeb 2008: rate, regularity, and clicks that nobody reads
    for; the limits are ours. Rather a person too few than too many: no sign is a proof."""
    by_visitor: defaultdict[str, list[Session]] = defaultdict(list)
    for session in sessions:
        by_visitor[visitor_of(session)].append(session)
    found = []
    for visitor, own in by_visitor.items():
        turns = sorted((turn for session in own for turn in session.turns), key=lambda turn: turn.time)
        if reasons := tuple(_signs(turns)):
            clicks = sum(len(turn.clicks) for turn in turns)
            found.append(Suspect(visitor, len(own), len(turns), clicks, reasons))
    return sorted(found, key=lambda one: (-one.queries, one.visitor))


def _signs(turns: Sequence[Turn]) -> Iterator[str]:
    times = [turn.time for turn in turns]
    if (rate := _most_within_a_minute(times)) > MAX_PER_MINUTE:
        yield f"{rate} queries within a minute"
    if (pause := _clock(times)) is not None:
        yield f"a query every {pause:.1f} s"
    # A click before its query is one of another host, whose clock is behind.
    delays = [delay for turn in turns for click in turn.clicks if (delay := click.time - turn.time) >= 0]
    instant = sum(delay < INSTANT_S for delay in delays)
    if len(delays) >= MIN_CLICKS and instant >= INSTANT_SHARE * len(delays):
        yield f"{instant} of {len(delays)} clicks within {INSTANT_S} s"
    clicked = Counter((click.time // DAY_S, click.doc_id) for turn in turns for click in turn.clicks)
    if (most := max(clicked.values(), default=0)) > MAX_CLICKS_ON_ONE:
        yield f"{most} clicks on one document in a day"
    long = [turn for turn in turns if len(turn.shown) >= MIN_SHOWN]
    if len(long) >= MIN_LISTS and all({click.doc_id for click in turn.clicks} >= set(turn.shown) for turn in long):
        yield f"a click on every document of {len(long)} lists"


def _clock(times: Sequence[float]) -> float | None:
    """Of sorted times: seconds between queries in the longest run as regular as a clock; None where none is."""
    runs: list[list[float]] = [[]]
    for before, after in pairwise(times):
        if after - before > RUN_ENDS_S:
            runs.append([])
        else:
            runs[-1].append(after - before)
    regular = (run for run in runs if len(run) >= MIN_INTERVALS and pstdev(run) < LEAST_VARIATION * fmean(run))
    longest = max(regular, key=len, default=None)
    return None if longest is None else fmean(longest)


def _most_within_a_minute(times: Sequence[float]) -> int:
    """Of sorted times."""
    most = start = 0
    for end, time in enumerate(times):
        while time - times[start] >= 60:
            start += 1
        most = max(most, end - start + 1)
    return most
