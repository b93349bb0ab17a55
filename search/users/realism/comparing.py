"""Simulated sessions compared with real ones, statistic by statistic, with intervals of the real values.

A simulated value inside the 95 % interval of the real one is no proof: the fewer the sessions, the wider the
interval, so its width stands beside the verdict. What a log does not show because it was cut or selected gets no
verdict.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import bootstrap

from untilclick.search.errors import DataError
from untilclick.search.records import Session
from untilclick.search.users.realism.censoring import Censoring
from untilclick.search.users.realism.statistics import (
    STATISTICS,
    Ratio,
    Statistic,
    Texts,
    kind_shares,
    looked_up,
    rank_shares,
    total_variation,
)

RESAMPLES = 2000
CONFIDENCE = 0.95
BATCH_ENTRIES = 4_000_000
"""Resampled values that are held at a time, so that a large log needs no more memory."""

Verdict = Literal["inside", "outside", "cannot say"]


@dataclass(frozen=True)
class Interval:
    """A real value with its 95 % bootstrap interval."""

    value: float
    low: float
    high: float

    @property
    def width(self) -> float:
        """High less low."""
        return self.high - self.low

    def __contains__(self, value: float) -> bool:
        """Whether a value is inside, the ends included."""
        return self.low <= value <= self.high


@dataclass(frozen=True)
class Row:
    """One statistic of real and of simulated sessions."""

    name: str
    label: str
    by_session: Interval | None
    """Real value and interval that resamples sessions; None if fewer than two sessions have it."""
    by_topic: Interval | None
    """Mean over topics with equal weights, and interval that resamples topics; None for a log without topics."""
    simulated: float | None
    """None if the simulated sessions do not have it."""
    verdict: Verdict
    """By the interval of sessions."""
    reason: str = ""
    """Why nothing can be said."""


@dataclass(frozen=True)
class Comparison:
    """Simulated sessions beside those of a real log."""

    n_real: int
    n_simulated: int
    """Sessions, after the cut that the real log has."""
    n_topics: int
    rows: tuple[Row, ...]
    looked_up: float
    """Share of the clicked documents of the real log whose texts the corpus has; NaN without clicks."""
    kind_distance: float
    """Total variation between the shares of kinds of reformulation, in [0, 1]."""
    rank_distance: float
    """Total variation between the shares of clicks by rank, in [0, 1]."""
    real_ranks: tuple[float, ...]
    """Share of the clicks by rank, the last one of all deeper ranks."""
    simulated_ranks: tuple[float, ...]
    real_kinds: tuple[float, ...]
    """Share of the changes by `Kind`."""
    simulated_kinds: tuple[float, ...]


@dataclass(frozen=True)
class RealLog:
    """What simulated sessions are compared with."""

    sessions: Sequence[Session]
    texts: Texts
    """Documents of the corpus that the simulated users searched; those of the log may be others."""
    topic_of: Mapping[str, str] = field(default_factory=dict)
    """session_id -> topic; a session without one is its own topic. Empty: the log has no topics."""
    censoring: Censoring = field(default_factory=Censoring)


def compare(real: RealLog, simulated: Sequence[Session], seed: int = 0) -> Comparison:
    """Compare whole simulated sessions, cut as the log is, with real ones.

    Raises DataError for a real log with fewer than two sessions that have a query, or without any click, and for no
    simulated session.
    """
    sessions = usable_sessions(real.sessions)
    cut = real.censoring.cut(simulated)
    if not cut:
        raise DataError("There is no simulated session to compare. Simulate more sessions")
    rows = tuple(_row(each, real, sessions, cut, seed) for each in STATISTICS)
    ranks, kinds = ([rank_shares(s) for s in (sessions, cut)], [kind_shares(s, real.texts) for s in (sessions, cut)])
    return Comparison(
        n_real=len(sessions),
        n_simulated=len(cut),
        n_topics=len(_topics(sessions, real.topic_of)) if real.topic_of else 0,
        rows=rows,
        looked_up=Ratio.of(looked_up(session, real.texts) for session in sessions).value,
        kind_distance=total_variation(*kinds),
        rank_distance=total_variation(*ranks),
        real_ranks=tuple(ranks[0].tolist()),
        simulated_ranks=tuple(ranks[1].tolist()),
        real_kinds=tuple(kinds[0].tolist()),
        simulated_kinds=tuple(kinds[1].tolist()),
    )


def usable_sessions(sessions: Sequence[Session]) -> list[Session]:
    """The sessions of a real log that have a query. Raises DataError for fewer than two, or without any click."""
    queried = [session for session in sessions if session.turns]
    if len(queried) < 2:
        raise DataError(f"The real log has {len(queried)} sessions with a query; give one with two or more")
    if all(session.abandoned for session in queried):
        raise DataError("The real log has no click, so there is nothing to compare clicks with. Give one with clicks")
    return queried


def _row(statistic: Statistic, real: RealLog, sessions: list[Session], cut: list[Session], seed: int) -> Row:
    ratio, simulated = statistic.ratio(sessions, real.texts), statistic.ratio(cut, real.texts).value
    topics = _topics(sessions, real.topic_of) if real.topic_of else []
    by_session = session_interval(ratio, seed)
    by_topic = topic_interval(ratio, topics, seed)
    verdict: Verdict = "cannot say"
    reason = real.censoring.cannot_say.get(statistic.name, "")
    if by_session is None:
        reason = reason or "fewer than two sessions of the log have it"
    elif not np.isfinite(simulated):
        reason = reason or "the simulated sessions do not have it"
    elif not reason:
        verdict = "inside" if simulated in by_session else "outside"
    shown = simulated if np.isfinite(simulated) else None
    return Row(statistic.name, statistic.label, by_session, by_topic, shown, verdict, reason)


def session_interval(ratio: Ratio, seed: int = 0) -> Interval | None:
    """The ratio with its percentile bootstrap interval over sessions; None if fewer than two sessions have it."""
    if np.count_nonzero(ratio.wholes) < 2:
        return None

    def resampled(parts: NDArray[np.float64], wholes: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
        # A sample may hold none of the sessions that have the statistic; the ratio is then left as it is.
        sums = wholes.sum(axis=axis)
        return np.where(sums > 0, parts.sum(axis=axis) / np.maximum(sums, 1e-12), ratio.value)

    return _interval(ratio.value, (ratio.parts, ratio.wholes), resampled, seed)


def topic_interval(ratio: Ratio, topics: Sequence[Sequence[int]], seed: int = 0) -> Interval | None:
    """The mean over topics of each topic's ratio, topics weighing the same, with its interval over topics. `topics`
    holds the places of each topic's sessions. None if fewer than two topics have the statistic."""
    sums = [(ratio.parts[list(places)].sum(), ratio.wholes[list(places)].sum()) for places in topics]
    means = np.array([part / whole for part, whole in sums if whole > 0])  # (topics,)
    if means.size < 2:
        return None
    return _interval(float(means.mean()), (means,), np.mean, seed)


def _interval(value: float, data: tuple[NDArray[np.float64], ...], statistic: object, seed: int) -> Interval:
    result = bootstrap(  # type: ignore[call-overload]  # scipy-stubs do not know functions of several samples
        data,
        statistic,
        n_resamples=RESAMPLES,
        paired=len(data) > 1,
        vectorized=True,
        batch=max(1, BATCH_ENTRIES // data[0].size),
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(seed),
    )
    return Interval(value, float(result.confidence_interval.low), float(result.confidence_interval.high))


def _topics(sessions: Sequence[Session], topic_of: Mapping[str, str]) -> list[list[int]]:
    """The places of the sessions of each topic; a session without a topic is a topic of its own."""
    places: dict[tuple[str, str], list[int]] = {}
    for place, session in enumerate(sessions):
        topic = topic_of.get(session.session_id)
        key = ("session", session.session_id) if topic is None else ("topic", topic)
        places.setdefault(key, []).append(place)
    return list(places.values())


def halves(
    topic_of: Mapping[str, str], sessions: Sequence[Session], seed: int = 0
) -> tuple[list[Session], list[Session]]:
    """The sessions for calibration and those for comparison, by topic: half of the topics, drawn by the seed, are in
    each, the odd one in the first. Sessions without a topic are for calibration: they may share any need."""
    topics = sorted(set(topic_of.values()))
    order = np.random.default_rng(seed).permutation(len(topics))
    compared = {topics[i] for i in order[: len(topics) // 2]}
    sides: tuple[list[Session], list[Session]] = ([], [])
    for session in sessions:
        sides[topic_of.get(session.session_id) in compared].append(session)
    return sides
