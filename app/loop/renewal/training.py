"""The training of a renewal: a base, kept while documents, settings and program stay, and what the log teaches."""

from __future__ import annotations

from untilclick.app.loop.renewal.config import RenewalConfig
from untilclick.app.loop.step_key import step_key
from untilclick.app.loop.training import train_ppo
from untilclick.rewriter.config import RunConfig
from untilclick.rewriter.data.log_sides import LogSides
from untilclick.rewriter.data.logged_queries import simulated_queries
from untilclick.rewriter.data.show import ShowProgress, steps
from untilclick.rewriter.language.prompts import PROMPT_VERSION
from untilclick.rewriter.stages import base, ppo, warm_start
from untilclick.rewriter.stages.record import BASE, STAGE_FILE
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.files.whole_files import whole_file
from untilclick.search.version import program_version

BASE_KEY = "base.key"
"""File of the run folder with the key of the documents, settings and program that its base was made of."""


def train_base(opened: OpenedCollection, config: RenewalConfig, show: ShowProgress) -> None:
    """Train the base for these documents, settings and program, unless the run folder holds it."""
    program = f"{program_version()} {PROMPT_VERSION}"
    settings = (config.policy, config.base, opened.analysis.name, *opened.encoder_digests)
    key = step_key(opened.collection.corpus.fingerprint, program, settings)
    key_file, folder = config.out / BASE_KEY, config.out / BASE
    if (folder / STAGE_FILE).is_file() and key_file.is_file() and key_file.read_text(encoding="ascii") == key:
        return
    with whole_file(key_file) as file:
        file.write("unfinished")
    with show("Base") as update:
        base.main(base.BaseStage(config.run, config.policy, config.base), opened, steps(update))
    with whole_file(key_file) as file:
        file.write(key)


def train_on_log(
    opened: OpenedCollection,
    config: RenewalConfig,
    sides: LogSides,
    show: ShowProgress,
    run: RunConfig | None = None,
) -> None:
    """Train warm start and PPO on a log, in the run of the configuration or in another one. Raises DataError for a
    log that holds too little to train or validate on."""
    run = run or config.run
    topics = opened.collection.all_topics
    settings = config.ppo if simulated_queries(sides.training, topics) else config.ppo_of_clicks
    with show("Warm start") as update:
        stage = warm_start.WarmStartStage(run, config.warm_start)
        warm_start.main(stage, opened, sides, steps(update))
    with show("PPO") as update:
        ppo_stage = ppo.PPOStage(run, settings, resume=config.backend == "builtin")
        train_ppo(ppo_stage, config.backend, opened, sides, steps(update))
