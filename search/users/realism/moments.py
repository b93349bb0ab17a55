"""The moments of a log that a fit of simulated users matches, each a ratio of two sums over sessions.

Every moment answers to one habit above all: a row of `MOMENTS` names both. What no moment tells is not fitted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from untilclick.search.records import Session, Turn
from untilclick.search.users.need import content_words
from untilclick.search.users.realism.statistics import (
    Part,
    Ratio,
    Statistic,
    Texts,
    clicked_ranks,
    first_rank,
    kind_share,
    last_click,
    unclicked_turns,
)
from untilclick.search.users.reformulation import Kind


def one_click(session: Session, texts: Texts) -> Part:  # noqa: ARG001
    """Share of the lists with one click among those with any."""
    clicks = [len(clicked_ranks(turn)) for turn in session.turns if turn.clicks]
    return Part(clicks.count(1), len(clicks))


def goes_on(session: Session, texts: Texts) -> Part:  # noqa: ARG001
    """Share of the queries with a click that another query follows."""
    return _followed([bool(turn.clicks) for turn in session.turns])


def goes_on_unclicked(session: Session, texts: Texts) -> Part:  # noqa: ARG001
    """Share of the queries without a click that another query follows."""
    return _followed([not turn.clicks for turn in session.turns])


def first_words(session: Session, texts: Texts) -> Part:
    """Content words of the first query of a session."""
    return Part(len(content_words(_first(session).query, texts.analysis)), 1)


def first_stop_words(session: Session, texts: Texts) -> Part:
    """Share of the sessions whose first query has a stop word: keywords have none, descriptions do."""
    words = texts.analysis.keywords(_first(session).query)
    return Part(float(any(map(texts.analysis.is_stop_word, words))), 1)


def _first(session: Session) -> Turn:
    return session.turns[0]


def _followed(chosen: Sequence[bool]) -> Part:
    return Part(sum(chosen[:-1]), sum(chosen))


def _statistic(of: Callable[[Session, Texts], Part], label: str) -> Statistic:
    return Statistic(label, label, of)


OF_BEHAVIOUR = ("click", "click_wanted", "stop", "go_on")
"""Habits that `UserConfig.behaviour` holds."""


@dataclass(frozen=True)
class Moment:
    """A moment, and the habit that it tells."""

    habit: str
    """Field of `UserConfig`, or one of `OF_BEHAVIOUR`."""
    statistic: Statistic
    told_by: str
    """The statistic of `STATISTICS` that a log must be able to tell for this moment to be matched."""
    step: float
    """Change of the habit by which the fit measures how the moments answer to it."""
    bounds: tuple[float, float] = (0.0, 1.0)
    """Least and greatest value that is tried."""


MOMENTS = (
    Moment("click", _statistic(unclicked_turns, "queries without a click"), "unclicked_turns", 0.05, (0.005, 0.95)),
    Moment("click_wanted", _statistic(first_rank, "clicks on rank 1"), "first_rank", -0.1, (0.05, 1.0)),
    Moment("stop", _statistic(one_click, "clicked lists with one click"), "unclicked_turns", 0.1, (0.005, 0.95)),
    Moment("go_on", _statistic(last_click, "rank of a list's last click"), "last_click", -0.05, (0.3, 0.99)),
    Moment("go_on_prob", _statistic(goes_on, "clicked queries that another one follows"), "queries", 0.1),
    Moment(
        "give_up_prob", _statistic(goes_on_unclicked, "unclicked queries that another one follows"), "queries", 0.1
    ),
    Moment("misspell_share", _statistic(kind_share(Kind.RESPELL), "changes that respell"), "kept_word", 0.1),
    Moment("drop_share", _statistic(first_words, "content words of a first query"), "query_length", 0.1, (0.0, 0.6)),
    Moment("describe_share", _statistic(first_stop_words, "first queries with a stop word"), "query_length", 0.1),
)
"""The fitted habits. `click` and `stop` are those of documents that the user did not look for, `click_wanted` that of
the highest grade, which a log tells since wanted documents are ranked high, and `go_on` the chance to look at the
next rank."""


@dataclass(frozen=True, eq=False)
class Moments:
    """The values of M moments of some sessions, and the covariance of these values."""

    values: NDArray[np.float64]
    """(M,) NaN where the sessions do not tell."""
    covariance: NDArray[np.float64]
    """(M, M) with sessions as units; NaN in the rows and columns of undefined moments."""
    n: int
    """Number of sessions."""

    @classmethod
    def of(cls, sessions: Sequence[Session], texts: Texts, moments: Sequence[Moment]) -> Moments:
        """The moments of sessions; those with fewer than two sessions have no covariance (NaN)."""
        ratios = [moment.statistic.ratio(sessions, texts) for moment in moments]
        values, n = np.array([ratio.value for ratio in ratios]), len(sessions)
        influence = np.array([_influence(ratio) for ratio in ratios]).reshape(len(ratios), n)  # (M, S)
        covariance = influence @ influence.T / (n * (n - 1) if n > 1 else float("nan"))
        np.fill_diagonal(covariance, np.square([ratio.standard_error for ratio in ratios]))
        return cls(values, covariance, n)


def _influence(ratio: Ratio) -> NDArray[np.float64]:
    return ratio.influence if ratio.wholes.sum() else np.full(ratio.parts.size, np.nan)
