"""The configuration of a renewal: options, and one configuration per training stage."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator

from untilclick.rewriter.config import BaseConfig, PolicyConfig, RunConfig, WarmStartConfig
from untilclick.rewriter.judging.sides import SplitKey
from untilclick.rewriter.ppo_config import PPOConfig
from untilclick.search.records import Source

Backend = Literal["builtin", "trlx"]
AnalysisChoice = Literal["active", "new"]


def _number_of_sessions(value: object) -> object:
    """The value, unchanged. Raises ValueError for anything but `auto` and whole numbers from 0 on."""
    if str(value) != "auto" and not str(value).isdecimal():
        raise ValueError("give auto, or how many sessions, 0 for none")
    return value


SimulatedSessions = Annotated[Literal["auto"] | int, BeforeValidator(_number_of_sessions)]


SPLIT_KEY = "split.key"
"""File of the folder of versions with the key that decides which needs judge all of them; made if it is missing."""


@dataclass(frozen=True)
class RenewConfig:
    """The settings of a renewal that are no option: the table `renew`."""

    simulated_sessions: SimulatedSessions = 0
    """Number of sessions of simulated users of the site that the new version learns from beside those of the log.
    `auto`: as many as the log has to learn from, if with them it is better on held-out needs of the log; that takes
    one more training."""


@dataclass(frozen=True)
class RenewalConfig:
    """What a version is trained on and compared with."""

    data: str
    """Source of the documents."""
    log: str
    """Address of the session log."""
    models: Path
    """The service's folder of versions."""
    out: Path
    """Run folder; its base is used again as long as documents, settings and program are the same."""
    engine: str
    """Engine by name."""
    seed: int
    """Seed of all random numbers."""
    source: Source | None
    """Sessions of this source are used; None: all sessions."""
    policy: PolicyConfig
    base: BaseConfig
    warm_start: WarmStartConfig
    ppo: PPOConfig
    """PPO on a log whose sessions name topics."""
    ppo_of_clicks: PPOConfig
    """PPO on any other log."""
    backend: Backend
    """Training loop of PPO."""
    analysis: AnalysisChoice
    """Whether the new version has the analysis of the active one, or the present analysis of the language."""
    language: str
    """Language of the documents, for the first version and for a new analysis."""
    encoder: str
    """Name of the sentence encoder, see `untilclick.search.text.encoders.opened.open_encoder`."""
    clauses: int
    """The heaviest clauses of a rewritten query that are searched, in the comparison as in the service."""
    simulated_sessions: SimulatedSessions = 0
    """See `RenewConfig`."""

    @cached_property
    def run(self) -> RunConfig:
        """What the training stages read and where they write. The first use makes the key of the folder of versions
        if it is missing."""
        key = SplitKey.of_file(self.models / SPLIT_KEY)
        return RunConfig(self.out, self.data, self.log, self.engine, self.seed, encoder=self.encoder, split_key=key)
