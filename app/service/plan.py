"""Whom a search asks: the version that answers, or both sides of an experiment; and who tries it unseen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from untilclick.app.service.ranking import Mode, takes_part
from untilclick.app.versions.models import NO_REWRITER, InUse, Loaded
from untilclick.app.versions.store import Experiment
from untilclick.search.log.experiments import EXPERIMENT_ATTRIBUTE, TEAMS_ATTRIBUTE
from untilclick.search.measures.interleaving import Team


@dataclass(frozen=True, slots=True)
class Plan:
    """Of one search."""

    sides: tuple[Loaded, ...]
    """One, or a and b of the experiment."""
    version: str | None
    """What is logged as having answered; both names in an experiment, None for no rewriter."""
    experiment: Experiment | None = None
    shadow: tuple[str, Loaded] | None = None
    """A candidate and its version."""

    def attributes(self, teams: Sequence[Team] | None) -> dict[str, str]:
        """What the log needs to credit clicks; nothing where no two lists were interleaved."""
        if self.experiment is None or teams is None:
            return {}
        return {EXPERIMENT_ATTRIBUTE: self.experiment.name, TEAMS_ATTRIBUTE: "".join(teams)}


def plan_of(in_use: InUse, mode: Mode, session_id: str) -> Plan:
    """Whom to ask. Experiments and candidates see queries of mode `auto` alone."""
    if mode is Mode.OFF:
        return Plan((NO_REWRITER,), None)
    state = in_use.state
    if mode is not Mode.AUTO:
        return Plan((in_use.active,), state.active)
    shadow = (state.shadow, in_use.version(state.shadow)) if state.shadow is not None else None
    experiment = state.experiment
    if experiment is not None and takes_part(experiment, session_id):
        sides = (in_use.version(experiment.a), in_use.version(experiment.b))
        return Plan(sides, experiment.versions, experiment, shadow)
    return Plan((in_use.active,), state.active, None, shadow)
