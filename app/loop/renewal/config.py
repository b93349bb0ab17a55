"""The configuration of a renewal: options, and one configuration per training stage."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from untilclick.rewriter.config import BaseConfig, PolicyConfig, RunConfig, WarmStartConfig
from untilclick.rewriter.judging.sides import SplitKey
from untilclick.rewriter.ppo_config import PPOConfig
from untilclick.search.records import Source

Backend = Literal["builtin", "trlx"]
AnalysisChoice = Literal["active", "new"]


SPLIT_KEY = "split.key"
"""File of the folder of versions with the key that decides which needs judge all of them; made if it is missing."""


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

    @cached_property
    def run(self) -> RunConfig:
        """What the training stages read and where they write. The first use makes the key of the folder of versions
        if it is missing."""
        key = SplitKey.of_file(self.models / SPLIT_KEY)
        return RunConfig(self.out, self.data, self.log, self.engine, self.seed, encoder=self.encoder, split_key=key)
