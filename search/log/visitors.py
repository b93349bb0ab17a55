"""The visitors behind the sessions of a log: repeated clicks of a client, and visitors that look automated."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import fmean, pstdev

from untilclick.search.records import Session, Turn

MAX_PER_MINUTE = 20
"""Queries that a person types at most within a minute."""
MIN_INTERVALS, LEAST_VARIATION = 10, 0.1
"""A run of queries with at least MIN_INTERVALS pauses is that of a clock if the standard deviation of the pauses is
below LEAST_VARIATION times their mean."""
RUN_ENDS_S = 1800.0
"""Seconds of the longest pause within a run: the pause of a night does not belong to the pace of a day."""
MIN_CLICKS, INSTANT_S, INSTANT_SHARE = 5, 0.5, 0.8
"""No person reads a list in INSTANT_S seconds. A visitor with at least MIN_CLICKS clicks looks automated if
INSTANT_SHARE of them or more are that fast."""
MAX_CLICKS_ON_ONE, DAY_S = 20, 86_400
"""Clicks of a person on the same document at most within DAY_S seconds, a day in UTC."""
MIN_LISTS, MIN_SHOWN = 5, 3
"""A visitor looks automated if it clicks on all documents of every list, and has at least MIN_LISTS lists of
MIN_SHOWN documents or more."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """A visitor that looks automated."""

    visitor: str
    """Client id, or session id if the session names no client."""
    sessions: int
    queries: int
    clicks: int
    reasons: tuple[str, ...]
    """The signs of a program, in words."""


def visitor_of(session: Session) -> str:
    """The client id of a session, or the session id if the session names no client."""
    return session.client_id or session.session_id


def once_per_client(sessions: Iterable[Session]) -> Iterator[Session]:
    """The sessions without the repeated clicks of a client: a click on the same document for the same typed query
    counts once, so that a visitor cannot teach more by clicking more. Sessions without a client are unchanged."""
    seen: set[tuple[str, str, str]] = set()  # client, query, document
    for session in sessions:
        if session.client_id is None or session.abandoned:
            yield session
            continue
        turns = []
        for turn in session.turns:
            keys = [(session.client_id, turn.query.strip().lower(), click.doc_id) for click in turn.clicks]
            fresh = tuple(click for click, key in zip(turn.clicks, keys, strict=True) if key not in seen)
            seen.update(keys)
            turns.append(replace(turn, clicks=fresh))
        yield replace(session, turns=tuple(turns))


def suspects(sessions: Iterable[Session]) -> list[Suspect]:
    """The visitors that look automated, those with most queries first.

    The signs are those of Buehrer, Stokes & Chellapilla, "A Large-Scale Study of Automated Web Search Traffic",
    AIRWeb 2008: rate, regularity, and clicks without time for reading. The limits are ours, and generous: no sign is
    a proof, and a person should not be taken for a program.
    """
    by_visitor: defaultdict[str, list[Session]] = defaultdict(list)
    for session in sessions:
        by_visitor[visitor_of(session)].append(session)
    automated = []
    for visitor, visits in by_visitor.items():
        turns = sorted((turn for session in visits for turn in session.turns), key=lambda turn: turn.time)
        if reasons := tuple(_signs(turns)):
            clicks = sum(len(turn.clicks) for turn in turns)
            automated.append(Suspect(visitor, len(visits), len(turns), clicks, reasons))
    return sorted(automated, key=lambda suspect: (-suspect.queries, suspect.visitor))


def _signs(turns: Sequence[Turn]) -> Iterator[str]:
    """The signs of a program in the turns of a visitor, which are in order of time."""
    times = [turn.time for turn in turns]
    if (rate := _most_within_a_minute(times)) > MAX_PER_MINUTE:
        yield f"{rate} queries within a minute"
    if (pause := _clock(times)) is not None:
        yield f"a query every {pause:.1f} s"
    # Clocks of hosts differ, so a click can precede its query; its delay is unknown.
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
    """Mean seconds between the queries of the longest run that is as regular as a clock; None without such a run.
    `times` is sorted."""
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
    """The largest number of queries within a minute; `times` is sorted."""
    most = start = 0
    for end, time in enumerate(times):
        while time - times[start] >= 60:
            start += 1
        most = max(most, end - start + 1)
    return most
