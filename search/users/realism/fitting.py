"""Fits the habits of simulated users to the sessions of a log.

Shares of kinds of reformulation are counted. The other habits are chosen so that simulated sessions have the moments
of the log: the method of simulated moments (McFadden, "A Method of Simulated Moments for Estimation of Discrete
Response Models Without Numerical Integration", Econometrica 57(5), 1989). Each habit has a standard error and is
drawn to its default by it, so that a small log changes little. What no moment tells keeps its default, with the
reason.

Words are not fitted here: they need the texts of the clicked documents.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from untilclick.search.click_models.behaviour import GradeProbs, behaviour_text
from untilclick.search.click_models.by_name import grade_probs
from untilclick.search.errors import DataError
from untilclick.search.records import Session
from untilclick.search.users.realism.censoring import Censoring
from untilclick.search.users.realism.fitted import FittedUsers, FittedValue, Prior
from untilclick.search.users.realism.moments import MOMENTS, OF_BEHAVIOUR, Moments
from untilclick.search.users.realism.statistics import Part, Ratio, Texts, kinds
from untilclick.search.users.reformulation import Kind
from untilclick.search.users.user import UserConfig

Simulate = Callable[[UserConfig], Sequence[Session]]
"""Makes sessions of users with some habits, always from the same random numbers."""

SPREAD = 0.3
"""Standard deviation of a habit between sites, an assumption: about that of all chances being as likely."""
KIND_SPREAD = 0.1
"""The same for the share of a kind of reformulation; an assumption."""
USUAL_SHARE = 0.1
"""Least share of the lists that a usual length has: few results make shorter lists, and further pages longer ones."""
STEPS = 6
"""Most steps of the search. Each simulates once, and once more per habit."""
INSIDE = 0.1
"""How far from its bounds a habit begins, as a share of what is tried: a search from a bound hardly moves."""
NEARLY_ALL = 0.99
"""Share of the sessions whose number of queries users may reach."""
CORRELATION = 0.9
"""Factor of the correlations between moments, below 1 so that the covariance of a few sessions can be inverted."""
EDGE = 0.01
"""An estimate this close to a bound is named as such: other habits would have to be fitted, too."""
FAR = 10.0
"""Standard errors that a moment counts as missed by if the simulated sessions do not have it."""

_REASONS: Mapping[str, str] = {
    "real_misspell_share": "a log does not say which misspellings are common ones",
    "subject_share": "a log does not say which words its visitors would have needed",
    "lay_share": "people click on what their words found, so clicks do not tell the words that found nothing",
    "click_model": "moments do not tell click models apart; `untilclick log fit-clicks` compares them",
    "misspellings": "it is a choice of the simulation and no habit",
    "lay_part": "it is a choice of the simulation and no habit",
    "respell_misspelt": "a log shows corrected words and not those left wrong; misspell_share is fitted instead",
}


@dataclass(frozen=True)
class FitInput:
    """What a fit reads."""

    sessions: Sequence[Session]
    """Real sessions, cut as `censoring` says."""
    texts: Texts
    """How words are counted."""
    simulate: Simulate
    """Makes whole sessions of other habits; 2,000 are enough."""
    defaults: UserConfig
    """Where the search begins, and what estimates are drawn to."""
    censoring: Censoring = field(default_factory=Censoring)
    """What the log does not show."""


def fit_users(fit: FitInput) -> FittedUsers:
    """The habits of a log's users. At most about 60 simulations are made.

    Raises DataError for a log with fewer than two sessions that have a query, or without any click.
    """
    sessions = [session for session in fit.sessions if session.turns]
    if len(sessions) < 2:
        raise DataError(f"{len(sessions)} sessions with a query: users are fitted to two or more. Give a longer log")
    if all(session.abandoned for session in sessions):
        raise DataError("The log has no click, so it does not tell how users click. Give a log with clicks")
    fit = replace(fit, sessions=sessions)
    lists, config = _lists(fit)
    shares, config = _kind_shares(fit, config)
    search = _Search(fit, config)
    matched = search.values()
    known = {value.name: value for value in (*lists, *matched)}
    plain = [each.name for each in fields(UserConfig) if each.name not in ("shares", "behaviour")]
    values = [known.pop(name) if name in known else _kept(name, fit.defaults) for name in plain]
    config = search.config({value.name: float(value.value) for value in matched})
    return FittedUsers(config, (*values, *known.values(), _WANTED, *shares), len(sessions), search.n_simulations)


_WANTED = FittedValue("stop_wanted", "as published", "default", "a log does not say which document was wanted")


def _kept(name: str, defaults: UserConfig) -> FittedValue:
    """A habit that is not fitted."""
    value = getattr(defaults, name)
    return FittedValue(
        name, value if isinstance(value, float) else str(value), "default", _REASONS.get(name, "no moment tells it")
    )


def _lists(fit: FitInput) -> tuple[list[FittedValue], UserConfig]:
    """The most queries of a session, and the usual length of a list."""
    turns = [len(session.turns) for session in fit.sessions]  # a program may have made the longest
    longest = int(np.quantile(turns, NEARLY_ALL, method="higher")) + fit.censoring.last_query_unseen
    values = [FittedValue("max_queries", str(longest), "log", "queries at most, in 99 % of the sessions")]
    config = replace(fit.defaults, max_queries=longest)
    lengths = [len(turn.shown) for session in fit.sessions for turn in session.turns if turn.shown]
    if lengths:
        usual = np.flatnonzero(np.bincount(lengths) >= USUAL_SHARE * len(lengths))
        length = int(usual[-1]) if usual.size else int(np.median(lengths))
        reason = "the longest of the usual lists" if usual.size else "the median, as no length of a list is usual"
        values.append(FittedValue("results_examined", str(length), "log", reason))
        config = replace(config, results_examined=length)
    return values, config


def _kind_shares(fit: FitInput, config: UserConfig) -> tuple[list[FittedValue], UserConfig]:
    """The share of each kind among the changes that are no respelling."""
    changed = [kind for kind in Kind if kind is not Kind.RESPELL]
    counts = [kinds(session, fit.texts) for session in fit.sessions]
    wholes = [count.total() - count[Kind.RESPELL] for count in counts]
    total = sum(getattr(config.shares, kind.value) for kind in changed)
    values = []
    for kind in changed:
        ratio = Ratio.of(Part(count[kind], whole) for count, whole in zip(counts, wholes, strict=True))
        prior = Prior(getattr(config.shares, kind.value) / total, KIND_SPREAD)
        drawn = prior.drawn(ratio.value, ratio.standard_error)
        values.append(prior.value(kind.value, *drawn, f"share of {sum(wholes)} changes"))
    respelt = config.shares.respell_misspelt
    config = replace(config, shares=replace(config.shares, **{value.name: float(value.value) for value in values}))
    kept = FittedValue("respell_misspelt", respelt, "default", _REASONS["respell_misspelt"])
    return [*values, kept], config


class _Search:
    """The search for the habits that have the moments of the log."""

    def __init__(self, fit: FitInput, config: UserConfig) -> None:
        self._fit, self._config = fit, config
        self._probs = grade_probs(config.behaviour, 1)
        self._real = Moments.of(fit.sessions, fit.texts, MOMENTS)
        self._simulated: dict[UserConfig, Moments] = {}

    @property
    def n_simulations(self) -> int:
        """Simulations so far."""
        return len(self._simulated)

    def config(self, habits: Mapping[str, float]) -> UserConfig:
        """The users with these habits, the others as they are."""
        probs = self._probs
        click, stop = habits.get("click", probs.click[0]), habits.get("stop", probs.stop[0])
        wanted = max(click, habits.get("click_wanted", probs.click[-1]))
        probs = GradeProbs((click, wanted), (stop, max(stop, probs.stop[-1])), habits.get("go_on", probs.go_on))
        others = {name: value for name, value in habits.items() if name not in OF_BEHAVIOUR}
        return replace(self._config, behaviour=behaviour_text(probs), **others)  # type: ignore[arg-type]

    def values(self) -> list[FittedValue]:
        """Every habit of `MOMENTS`, fitted or with the reason why not."""
        reasons = [self._untold(i) for i in range(len(MOMENTS))]
        chosen = [i for i, reason in enumerate(reasons) if reason is None]
        fitted = self._fitted(chosen) if chosen else {}
        return [
            fitted[i] if reason is None else FittedValue(moment.habit, self._prior(i).default, "default", reason)
            for i, (moment, reason) in enumerate(zip(MOMENTS, reasons, strict=True))
        ]

    def _untold(self, i: int) -> str | None:
        """Why the log does not tell a habit; None if it may."""
        moment, censoring = MOMENTS[i], self._fit.censoring
        if moment.told_by in censoring.cannot_say:
            return censoring.cannot_say[moment.told_by]
        if moment.habit == "give_up_prob" and censoring.last_query_unseen:
            return "the last query of each session is unseen"
        if not np.isfinite(self._real.values[i]):
            return f"the log has none of these: {moment.statistic.label}"
        return None

    def _prior(self, i: int) -> Prior:
        habit = MOMENTS[i].habit
        probs = self._probs
        of_behaviour = dict(
            zip(OF_BEHAVIOUR, (probs.click[0], probs.click[-1], probs.stop[0], probs.go_on), strict=True)
        )
        default = of_behaviour[habit] if habit in of_behaviour else getattr(self._fit.defaults, habit)
        return Prior(float(default), SPREAD)

    def _fitted(self, chosen: list[int]) -> dict[int, FittedValue]:
        """The chosen habits, by the number of their moment: the mode of moments and priors together."""
        low, high = np.array([MOMENTS[i].bounds for i in chosen]).T
        start = np.array([self._prior(i).default for i in chosen])

        def missed(habits: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.append(self._missed(chosen, habits), (habits - start) / SPREAD)

        def slopes_of(habits: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.vstack([self._slopes(chosen, habits), np.eye(len(chosen)) / SPREAD])

        margin = INSIDE * (high - low)
        first, limits = np.clip(start, low + margin, high - margin), (low, high)
        best = least_squares(missed, first, slopes_of, limits, max_nfev=STEPS, xtol=1e-3, ftol=1e-3).x
        slopes = self._slopes(chosen, best)
        precision = slopes.T @ slopes + np.eye(len(chosen)) / SPREAD**2
        errors = np.sqrt(np.linalg.inv(precision).diagonal())
        values = {}
        for i, value, error in zip(chosen, best.tolist(), errors.tolist(), strict=True):
            (least, most), label = MOMENTS[i].bounds, MOMENTS[i].statistic.label
            reason = f"{label}, at the edge of what was tried" if min(value - least, most - value) < EDGE else label
            values[i] = self._prior(i).value(MOMENTS[i].habit, value, error, reason)
        return values

    def _moments(self, chosen: list[int], habits: NDArray[np.float64]) -> Moments:
        """The moments of simulated sessions with these values of the chosen habits."""
        config = self.config({MOMENTS[i].habit: float(value) for i, value in zip(chosen, habits, strict=True)})
        if config not in self._simulated:
            sessions = self._fit.censoring.cut(self._fit.simulate(config))
            self._simulated[config] = Moments.of(sessions, self._fit.texts, MOMENTS)
        return self._simulated[config]

    def _missed(self, chosen: list[int], habits: NDArray[np.float64]) -> NDArray[np.float64]:
        """(C,) simulated less real moments, made independent and in standard errors. The errors hold the noise of the
        simulation, by McFadden's factor 1 + n / simulated n."""
        simulated = self._moments(chosen, habits)
        noise = 1.0 + self._real.n / max(simulated.n, 1)
        covariance = noise * self._real.covariance[np.ix_(chosen, chosen)]
        errors = np.sqrt(covariance.diagonal())
        root = np.linalg.cholesky(CORRELATION * covariance + (1.0 - CORRELATION) * np.diag(errors**2))
        difference = simulated.values[chosen] - self._real.values[chosen]
        return np.linalg.solve(root, np.where(np.isfinite(difference), difference, FAR * errors))

    def _slopes(self, chosen: list[int], habits: NDArray[np.float64]) -> NDArray[np.float64]:
        """(C, C) change of `_missed` per unit of each habit, by differences."""
        here = self._missed(chosen, habits)
        columns = []
        for place, i in enumerate(chosen):
            (low, high), step = MOMENTS[i].bounds, MOMENTS[i].step
            step = step if low <= habits[place] + step <= high else -step
            moved = habits.copy()
            moved[place] += step
            columns.append((self._missed(chosen, moved) - here) / step)
        return np.array(columns).T
