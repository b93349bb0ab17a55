"""The configuration of a demo: options, and one configuration per step."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from untilclick.app.loop.simulation import SimulationConfig, simulation_config
from untilclick.app.settings.commands import CommandSettings
from untilclick.rewriter.config import BaseConfig, PolicyConfig, RunConfig, WarmStartConfig
from untilclick.rewriter.evaluation.evaluate import EvaluateConfig
from untilclick.rewriter.ppo_config import PPOConfig

LOG_FILE, INDEX, EVALUATION, BUNDLE = "log.db", "index", "evaluation", "bundle"


@dataclass(frozen=True)
class DemoConfig:
    """Data, folder, and the configurations of all steps."""

    data: str = "stdlib"
    """Source of the documents, see `untilclick.search.corpora.load.load_collection`."""
    out: Path = Path("runs/stdlib")
    """Folder that holds everything the demo writes."""
    engine: str = "tantivy"
    """Engine by name."""
    seed: int = 0
    """Seed of all random numbers."""
    language: str = "auto"
    """Language of the documents, see `untilclick.search.analysis.guess.analysis_of_language`."""
    encoder: str = "auto"
    """Name of the sentence encoder, see `untilclick.search.text.encoders.opened.open_encoder`."""
    simulation: SimulationConfig = field(default_factory=SimulationConfig)
    policy: PolicyConfig = field(default_factory=PolicyConfig)
    base: BaseConfig = field(default_factory=BaseConfig)
    warm_start: WarmStartConfig = field(default_factory=WarmStartConfig)
    ppo: PPOConfig = field(default_factory=PPOConfig)
    evaluate: EvaluateConfig = field(default_factory=EvaluateConfig)
    """The fields above and the collection's split replace its data, engine, seed, folder and split."""

    @property
    def run(self) -> RunConfig:
        """What the training stages read and where they write."""
        return RunConfig(self.out, self.data, str(self.log), self.engine, self.seed, self.language, self.encoder)

    @property
    def log(self) -> Path:
        """The session log."""
        return self.out / LOG_FILE

    @property
    def index(self) -> Path:
        """The engine's index."""
        return self.out / INDEX

    @property
    def evaluation(self) -> Path:
        """Results and report."""
        return self.out / EVALUATION

    @property
    def bundle(self) -> Path:
        """What the service loads."""
        return self.out / BUNDLE


def demo_config(settings: CommandSettings, run: RunConfig, sessions: int, encoder: str = "auto") -> DemoConfig:
    """The configuration for some options and settings; `run.log` is not used. Raises UntilclickError for an unknown
    setting or a wrong value."""
    seed = run.seed
    return DemoConfig(
        data=run.data,
        out=run.out,
        engine=run.engine,
        seed=seed,
        language=run.language,
        encoder=encoder,
        simulation=simulation_config(settings, sessions, "train", seed),
        policy=settings.stage(PolicyConfig, "policy", seed=seed),
        base=settings.stage(BaseConfig, "base", seed=seed),
        warm_start=settings.stage(WarmStartConfig, "warm_start", seed=seed),
        ppo=settings.stage(PPOConfig, "ppo", seed=seed),
        evaluate=settings.stage(EvaluateConfig, "evaluate", EvaluateConfig.SETTABLE, more_baselines=False),
    )
