"""The rewriters that serve a search: the active one or both sides of an experiment, and one in the shadow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from untilclick.app.service.ranking import Mode, takes_part
from untilclick.app.versions.in_use import InUse, LoadedVersion
from untilclick.app.versions.store import Experiment
from untilclick.rewriter.readings import Readings
from untilclick.search.log.experiments import EXPERIMENT_ATTRIBUTE, TEAMS_ATTRIBUTE
from untilclick.search.measures.interleaving import Team


class ShadowCandidate(NamedTuple):
    """The version in the shadow."""

    version: str
    loaded: LoadedVersion


@dataclass(frozen=True, slots=True)
class Plan:
    """The rewriters of one search."""

    sides: tuple[LoadedVersion, ...]
    """One rewriter, or sides a and b of the experiment."""
    plain: LoadedVersion
    """Searches the query as typed, for comparison."""
    version: str | None
    """The version for the log and the answer; `A+B` in an experiment, None without a rewriter."""
    experiment: Experiment | None = None
    shadow: ShadowCandidate | None = None

    def attributes(self, teams: Sequence[Team] | None) -> dict[str, str | None]:
        """The attributes that the log needs to credit clicks to a version and, if lists were interleaved, a side."""
        attributes: dict[str, str | None] = {"rewriter_version": self.version}
        if self.experiment is not None and teams is not None:
            attributes |= {EXPERIMENT_ATTRIBUTE: self.experiment.name, TEAMS_ATTRIBUTE: "".join(teams)}
        return attributes


def plan_of(in_use: InUse, mode: Mode, readings: Readings, session_id: str) -> Plan:
    """Choose the rewriters of a search. Only queries whose mode and readings are `auto` take part in experiments and
    the shadow."""
    if mode is Mode.OFF:
        return Plan((in_use.plain,), in_use.plain, None)
    state = in_use.state
    if mode is not Mode.AUTO or readings is not Readings.AUTO:
        return Plan((in_use.active,), in_use.plain, state.active)
    shadow = ShadowCandidate(state.shadow, in_use.version(state.shadow)) if state.shadow is not None else None
    experiment = state.experiment
    if experiment is not None and takes_part(experiment, session_id):
        sides = (in_use.version(experiment.a), in_use.version(experiment.b))
        return Plan(sides, in_use.plain, experiment.versions, experiment, shadow)
    return Plan((in_use.active,), in_use.plain, state.active, None, shadow)
