"""The training stages as the command line calls them: each reads the folder of the one before and writes its own.

    RUN/base/        from the documents alone
    RUN/warm_start/  from hindsight pairs of a session log; the reference model of PPO
    RUN/ppo/         from rewards
    RUN/ppo.checkpoint/, RUN/ppo.log/   what an interrupted run continues from; metrics

Every model folder holds `stage.json`: the stage, its configuration, the data's fingerprint, code and prompt version,
and the blend chosen on validation queries with its figures.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rewriter import ppo_checkpoint
from rewriter.base import new_policy, train_base
from rewriter.blend import BlendSettings
from rewriter.callbacks import Progress
from rewriter.checkpoint import atomic_folder, load_policy, save_policy
from rewriter.config import BaseConfig, PolicyConfig, PPOConfig, WarmStartConfig
from rewriter.environment import RewardEnvironment
from rewriter.hindsight import TargetMaker, TargetSettings, hindsight_pairs
from rewriter.policy import TermPolicy
from rewriter.ppo_trainer import PPOTrainer
from rewriter.prompts import PROMPT_VERSION, render
from rewriter.pseudo_queries import term_weights
from rewriter.rewards import make_reward
from rewriter.scorer import CorpusScorer
from rewriter.training_data import LoggedQuery, clicked_queries, simulated_queries, split_sessions, training_query
from rewriter.training_log import TrainingLog
from rewriter.validation import GRID_SHARPNESS, BlendChoice, ValidationSet
from rewriter.vocabulary import TermVocabulary
from rewriter.warm_start import make_examples, train_warm_start
from rewriter.workbench import Workbench
from search.click_models import click_model
from search.errors import DataError, ModelError
from search.records import Session
from search.version import program_version

BASE, WARM_START, PPO = "base", "warm_start", "ppo"
STAGES = (BASE, WARM_START, PPO)
VALIDATION_SHARE = 0.1
"""Share of the log's needs kept back."""
MAX_VALIDATION_QUERIES = 400
STAGE_FILE = "stage.json"


@dataclass(frozen=True)
class StageRecord:
    """What `stage.json` says."""

    stage: str
    config: Mapping[str, Any]  # Any: the fields of one stage's configuration
    data: str
    fingerprint: str
    engine: str
    blend: BlendSettings
    figures: Mapping[str, float]
    """Validation and size figures of the stage."""
    code_version: str
    prompt_version: int = PROMPT_VERSION


def read_stage(folder: Path) -> StageRecord:
    """Read `stage.json`. Raises ModelError when the folder is no finished stage."""
    try:
        content = json.loads((folder / STAGE_FILE).read_text(encoding="utf-8"))
        return StageRecord(**{**content, "blend": BlendSettings(**content["blend"])})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{folder} is not a finished training stage ({error}); train it first") from error


def latest_stage(run: Path) -> Path:
    """The folder of the last finished stage of a run, or `run` itself where it is one stage's folder. Raises
    ModelError when there is none."""
    if (run / STAGE_FILE).is_file():
        return run
    for stage in reversed(STAGES):
        if (run / stage / STAGE_FILE).is_file():
            return run / stage
    raise ModelError(f"{run} holds no trained model; run `untilclick train base` or `untilclick demo` first")


def run_base(
    bench: Workbench, run: Path, policy: PolicyConfig, config: BaseConfig, progress: Progress | None = None
) -> Path:
    """Train the base of a corpus."""
    model, vocabulary = new_policy(bench.index, policy)
    loss = train_base(model, bench.collection.corpus, bench.index, vocabulary, config, progress)
    figures = {"loss": loss, "vocabulary": float(len(vocabulary))}
    return _write(bench, run / BASE, model, vocabulary, (config, BlendChoice(BlendSettings(), 0.0, 0.0), figures))


def run_warm_start(
    bench: Workbench,
    run: Path,
    sessions: Iterable[Session],
    config: WarmStartConfig,
    progress: Progress | None = None,
) -> Path:
    """Train on the log's hindsight pairs, from the base of the same run."""
    model, vocabulary = _load(bench, run / BASE)
    scorer = bench.scorer(vocabulary)
    split = split_sessions(sessions, VALIDATION_SHARE)
    pairs = hindsight_pairs(split.training)[: config.max_pairs]
    settings = TargetSettings(config.candidate_terms, config.target_terms, config.gain_floor)
    maker = TargetMaker(scorer, term_weights(bench.index, vocabulary), settings)
    validation = _validation_set(bench, split.validation, scorer)
    corrector = bench.spelling if validation.corrections else None
    examples = make_examples(pairs, maker, vocabulary, bench.spelling, corrector)
    if not examples:
        raise DataError("The log holds no session whose clicked document a term could raise; log more sessions first")
    blend = BlendSettings()
    best_epoch, scores = train_warm_start(
        model, examples, config, lambda policy: validation.score(policy, blend), progress
    )
    drop_checkpoint(run)  # its PPO started from another warm start
    figures = {"pairs": float(len(pairs)), "examples": float(len(examples)), "best_epoch": float(best_epoch)}
    figures["validation_start"] = scores[0]
    return _write(bench, run / WARM_START, model, vocabulary, (config, validation.choose_blend(model), figures))


def run_ppo(
    bench: Workbench, run: Path, sessions: Iterable[Session], config: PPOConfig, progress: Progress | None = None
) -> Path:
    """Train on rewards, from the warm start of the same run; continues an interrupted run of the same settings."""
    model, vocabulary = _load(bench, run / WARM_START)
    scorer = bench.scorer(vocabulary)
    split = split_sessions(sessions, VALIDATION_SHARE)
    queries = clicked_queries(split.training) if config.reward == "hindsight" else _wanted(bench, split.training)
    rendered = [(render(one.request, vocabulary, bench.spelling), one) for one in _mixed(queries, config)]
    rendered = [(prompt, one) for prompt, one in rendered if not prompt.empty]
    if not rendered:
        raise DataError("The log holds no query to train on; simulate or log more sessions first")
    blend = read_stage(run / WARM_START).blend
    corrector = bench.spelling if blend.corrections else None
    environment = RewardEnvironment(
        scorer,
        [training_query(one, corrector) for _, one in rendered],
        make_reward(
            config.reward,
            click_model(config.click_model, config.click_behaviour, _max_grade(bench)),
            config.click_credit,
        ),
        config.rollout_weight,
        config.rollout_feedback,
    )
    validation = _validation_set(bench, split.validation, scorer)
    blends = [replace(blend, sharpness=sharpness) for sharpness in GRID_SHARPNESS]  # PPO sharpens what it learns
    trainer = PPOTrainer(
        model,
        [prompt for prompt, _ in rendered],
        environment,
        config,
        lambda policy: max(validation.score(policy, one) for one in blends),
    )
    _train(trainer, run, progress)
    figures = {"queries": float(len(rendered)), "rollouts": float(trainer.state.rollouts)}
    figures["best_round"] = float(trainer.state.best_round)
    choice = _never_worse(validation, model, blend)
    path = _write(bench, run / PPO, model, vocabulary, (config, choice, figures))
    drop_checkpoint(run)
    return path


def drop_checkpoint(run: Path) -> None:
    """Forget an interrupted PPO run, so that the next one starts from the warm start."""
    shutil.rmtree(_checkpoint(run), ignore_errors=True)


def _mixed(queries: list[LoggedQuery], config: PPOConfig) -> list[LoggedQuery]:
    """First queries of sessions with a share of the later ones, `max_queries` of each kind at most."""
    first = [one for one in queries if not one.request.history][: config.max_queries]
    later = [one for one in queries if one.request.history]
    return first + (later[: int(config.later_share * len(first))] if first else later[: config.max_queries])


def _train(trainer: PPOTrainer, run: Path, progress: Progress | None) -> None:
    checkpoint = _checkpoint(run)
    if ppo_checkpoint.exists(checkpoint):
        ppo_checkpoint.load_checkpoint(trainer, checkpoint)
    with TrainingLog(run / f"{PPO}.log", resume_at=trainer.state.round) as log:
        trainer.train(log, lambda: ppo_checkpoint.save_checkpoint(trainer, checkpoint), progress)


def _never_worse(validation: ValidationSet, model: TermPolicy, blend: BlendSettings) -> BlendChoice:
    """The blend chosen anew, or the earlier one where the grid finds nothing better."""
    choice = validation.choose_blend(model)
    ungated = replace(blend, min_confidence=0.0)  # the gate was set for another model's confidences
    earlier = validation.score(model, ungated)
    return choice if choice.ndcg >= earlier else BlendChoice(ungated, earlier, choice.original_ndcg)


def _wanted(bench: Workbench, sessions: tuple[Session, ...]) -> list[LoggedQuery]:
    """Inputs with the grades of simulated users' topics, or with clicks where no session names a topic."""
    topics = [topic for split in bench.collection.topics.values() for topic in split]
    return simulated_queries(sessions, topics) or clicked_queries(sessions)


def _validation_set(bench: Workbench, sessions: tuple[Session, ...], scorer: CorpusScorer) -> ValidationSet:
    validation = bench.validation_set(_wanted(bench, sessions), scorer, MAX_VALIDATION_QUERIES)
    if not len(validation):
        raise DataError("The log holds no query to validate on besides those to train on; log sessions of more needs")
    return validation


def _max_grade(bench: Workbench) -> int:
    topics = (topic for split in bench.collection.topics.values() for topic in split)
    return max((grade for topic in topics for grade in topic.relevance.values()), default=1)


def _checkpoint(run: Path) -> Path:
    return run / f"{PPO}.checkpoint"


def _load(bench: Workbench, folder: Path) -> tuple[TermPolicy, TermVocabulary]:
    record = read_stage(folder)
    found = bench.collection.corpus.fingerprint
    if record.fingerprint != found:
        raise ModelError(
            f"{folder} was trained on other documents ({record.fingerprint}, now {found}); train it again"
        )
    return load_policy(folder)


def _write(
    bench: Workbench,
    folder: Path,
    model: TermPolicy,
    vocabulary: TermVocabulary,
    outcome: tuple[BaseConfig | WarmStartConfig | PPOConfig, BlendChoice, dict[str, float]],
) -> Path:
    config, choice, figures = outcome
    record = StageRecord(
        stage=folder.name,
        config=asdict(config),
        data=bench.collection.corpus.source,
        fingerprint=bench.collection.corpus.fingerprint,
        engine=bench.engine,
        blend=choice.settings,
        figures={**figures, "validation_ndcg": choice.ndcg, "validation_ndcg_original": choice.original_ndcg},
        code_version=program_version(),
    )
    with atomic_folder(folder) as new:
        save_policy(model, vocabulary, new)
        (new / STAGE_FILE).write_text(json.dumps(asdict(record), indent=1), encoding="utf-8")
    return folder
