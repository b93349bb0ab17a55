"""What PPO works on, whichever backend runs its loop: a warm start, prompts, rewards, validation queries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from untilclick.rewriter.blend import BlendSettings
from untilclick.rewriter.config import PPOConfig
from untilclick.rewriter.environment import Environment, RewardEnvironment, RolloutBlend
from untilclick.rewriter.held_out import (
    MAX_VALIDATION_QUERIES,
    VALIDATION_SHARE,
    never_worse,
    open_validation,
    sharpened_score,
    wanted_queries,
)
from untilclick.rewriter.language import Language, SubwordLanguage
from untilclick.rewriter.policy import T5Policy
from untilclick.rewriter.policy_rewriter import reader
from untilclick.rewriter.prompts import Prompt
from untilclick.rewriter.rewards import make_reward
from untilclick.rewriter.scorer import CorpusScorer
from untilclick.rewriter.stage_record import PPO, WARM_START, load_stage, read_stage, write_stage
from untilclick.rewriter.text_environment import TextEnvironment
from untilclick.rewriter.training_data import (
    LoggedQuery,
    clicked_queries,
    first_and_later,
    mostly_first,
    split_sessions,
    training_query,
)
from untilclick.rewriter.validation import ValidationSet
from untilclick.rewriter.workbench import Workbench
from untilclick.search.click_models import click_model
from untilclick.search.errors import DataError
from untilclick.search.records import Session


@dataclass(frozen=True)
class PPOTask:
    """Everything a trainer needs besides its configuration."""

    policy: T5Policy
    """The warm start; trained in place."""
    language: Language
    settings: PPOConfig
    """As given, but for what the kind of policy decides."""
    prompts: tuple[Prompt, ...]
    held_out: tuple[Prompt, ...]
    """Prompts of validation queries."""
    rewards: RewardEnvironment
    """Rewards of rewrites in index terms, by position of the prompt; those of `held_out` follow after all others."""
    validation: ValidationSet
    blend: BlendSettings
    """Chosen for the warm start."""

    @classmethod
    def of(cls, bench: Workbench, run: Path, sessions: Iterable[Session], config: PPOConfig) -> PPOTask:
        """Read the warm start of a run and the log. Raises ModelError without a warm start, DataError without
        queries to train or validate on."""
        policy, language = load_stage(bench, run / WARM_START)
        config = settings_of(config, language)
        scorer = bench.scorer(language.vocabulary)
        split = split_sessions(sessions, VALIDATION_SHARE)
        clicked = config.reward == "hindsight"
        queries = clicked_queries(split.training) if clicked else wanted_queries(bench, split.training)
        rendered = _rendered(bench, language, mostly_first(queries, config.later_share, config.max_queries))
        if not rendered:
            raise DataError("The log holds no query to train on; simulate or log more sessions first")
        kept_back = _rendered(bench, language, _wanted_first(bench, split.validation))
        blend = read_stage(run / WARM_START).blend
        known = [one for _, one in (*rendered, *kept_back)]
        rewards = _rewards(bench, known, scorer, config, corrections=blend.corrections)
        validation = open_validation(bench, split.validation, scorer, language, config.harm_limit)
        prompts, held_out = (tuple(prompt for prompt, _ in part) for part in (rendered, kept_back))
        return cls(policy, language, config, prompts, held_out, rewards, validation, blend)

    @property
    def environment(self) -> Environment:
        """The same rewards for what the policy writes."""
        if isinstance(self.language, SubwordLanguage):
            return TextEnvironment(self.rewards, (*self.prompts, *self.held_out), self.language)
        return self.rewards

    def score(self, policy: T5Policy) -> float:
        """nDCG@10 on the validation queries in the warm start's blend, at the better sharpness of the grid: PPO
        sharpens what it learns."""
        return sharpened_score(self.validation, reader(policy, self.language), self.blend)

    def write(self, bench: Workbench, run: Path, policy: T5Policy, figures: dict[str, float]) -> Path:
        """Choose the blend of the trained policy and write the stage; returns its folder."""
        figures = {"queries": float(len(self.prompts)), **figures}
        choice = never_worse(self.validation, reader(policy, self.language), self.blend)
        return write_stage(bench, run / PPO, policy, self.language, (self.settings, choice, figures))


def settings_of(config: PPOConfig, language: Language) -> PPOConfig:
    """The settings with which a policy of this language is trained: how long the answers of a subword T5 are was
    decided with its base, and it has no memory that could learn from what is found."""
    if not isinstance(language, SubwordLanguage):
        return config
    return replace(config, terms=language.settings.length, found_weight=0.0)


def _rendered(
    bench: Workbench, language: Language, queries: Sequence[LoggedQuery]
) -> list[tuple[Prompt, LoggedQuery]]:
    """Prompts that mean something to the model, with their queries."""
    rendered = [(language.prompt(one.request, bench.spelling), one) for one in queries]
    return [(prompt, one) for prompt, one in rendered if not prompt.empty]


def _wanted_first(bench: Workbench, sessions: tuple[Session, ...]) -> list[LoggedQuery]:
    """First queries of sessions, `MAX_VALIDATION_QUERIES` at most."""
    first, _ = first_and_later(one for one in wanted_queries(bench, sessions) if one.relevance)
    return first[:MAX_VALIDATION_QUERIES]


def _rewards(
    bench: Workbench,
    queries: Sequence[LoggedQuery],
    scorer: CorpusScorer,
    config: PPOConfig,
    *,
    corrections: bool,
) -> RewardEnvironment:
    corrector = bench.spelling if corrections else None
    clicks = click_model(config.click_model, config.click_behaviour, _max_grade(bench))
    return RewardEnvironment(
        scorer,
        [training_query(one, corrector) for one in queries],
        make_reward(config.reward, clicks, config.click_credit),
        RolloutBlend(config.rollout_weight, config.rollout_feedback, config.rollout_context),
        config.found_depth if config.found_weight else 0,
    )


def _max_grade(bench: Workbench) -> int:
    topics = bench.collection.all_topics
    return max((grade for topic in topics for grade in topic.relevance.values()), default=1)
