"""Users fitted to a log: every habit with its value, and where the value comes from."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Literal

from untilclick.search.users.user import UserConfig


@dataclass(frozen=True)
class FittedValue:
    """One habit: its value and where it comes from."""

    name: str
    """Field of `UserConfig` or of `ReformulationShares`, or a part of the behaviour: `click`, `click_wanted`, `stop`,
    `stop_wanted`, `go_on`."""
    value: float | str
    origin: Literal["log", "default"]
    reason: str
    """What in the log the value was read from, or why it is the default."""
    standard_error: float | None = None
    """Of the value; None for a default and for a plain count."""

    def __str__(self) -> str:
        """One line for people."""
        shown = f"{self.value:.3f}" if isinstance(self.value, float) else self.value
        if self.origin == "default":
            return f"{self.name} {shown}: default, because {self.reason}"
        error = "" if self.standard_error is None else f" ± {self.standard_error:.3f}"
        return f"{self.name} {shown}{error}: from the log, {self.reason}"


@dataclass(frozen=True)
class FittedUsers:
    """The users of a site, as its log shows them."""

    config: UserConfig
    """Their habits; `shares` and `behaviour` are fitted too."""
    values: tuple[FittedValue, ...]
    """Every habit with its origin."""
    n_sessions: int
    """Number of sessions that the fit read."""
    n_simulations: int
    """Number of times that sessions were simulated."""


LEAST_TOLD = 0.1
"""A habit that a log tells less of than this keeps its default, see `Prior.told`."""


@dataclass(frozen=True)
class Prior:
    """What a habit is drawn to: its default, and how far sites are from it."""

    default: float
    spread: float
    """Standard deviation between sites. An estimate with this standard error is drawn half the way."""

    def drawn(self, estimate: float, standard_error: float) -> tuple[float, float]:
        """The mean of estimate and default, each weighted by its precision, and its standard error (empirical Bayes:
        Efron & Morris, "Stein's Estimation Rule and Its Competitors: An Empirical Bayes Approach", JASA 68, 1973).
        An estimate that is not finite, or whose error is not, gives the default and the spread."""
        if not (isfinite(estimate) and isfinite(standard_error)):
            return self.default, self.spread
        told = self.spread**2 / (self.spread**2 + standard_error**2)
        return self.default + told * (estimate - self.default), self.spread * (1.0 - told) ** 0.5

    def told(self, standard_error: float) -> float:
        """The share of the variance between sites that a log takes away, in [0, 1]: 0 if it tells nothing."""
        return max(0.0, 1.0 - (standard_error / self.spread) ** 2)

    def value(self, name: str, value: float, standard_error: float, reason: str) -> FittedValue:
        """The habit from its drawn value and the value's standard error. A habit that the log hardly tells is the
        default, unless others were fitted beside another value of it: then it keeps that one with its large error."""
        if self.told(standard_error) < LEAST_TOLD and abs(value - self.default) < self.spread / 10:
            return FittedValue(name, self.default, "default", f"the log hardly tells it ({reason})")
        return FittedValue(name, value, "log", reason, standard_error)
