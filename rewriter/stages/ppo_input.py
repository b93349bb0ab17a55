"""The input of PPO in both backends: prompts, and the rewards of their rewrites."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import ceil
from pathlib import Path
from typing import NamedTuple

from untilclick.rewriter.data.click_rates import rated_queries
from untilclick.rewriter.data.environment import RewardEnvironment, RolloutBlend
from untilclick.rewriter.data.generation_environment import GenerationEnvironment
from untilclick.rewriter.data.logged_queries import (
    JudgedQuery,
    clicked_queries,
    first_and_later,
    mostly_first,
    simulated_queries,
    training_query,
)
from untilclick.rewriter.data.rewards import SHOWN_RANKS, WORTHY_RANKS, make_reward
from untilclick.rewriter.language.prompts import Prompt
from untilclick.rewriter.policy.t5 import T5Policy
from untilclick.rewriter.ppo_config import PPOConfig
from untilclick.rewriter.stages.input import Sources, StageInput
from untilclick.rewriter.stages.record import PPO, WARM_START, StageOutcome
from untilclick.rewriter.training.callbacks import Progress
from untilclick.rewriter.training.held_out import queries_to_learn_from, rated_held_out, untyped
from untilclick.search.click_models.by_name import click_model
from untilclick.search.errors import DataError

CLICK_GRADES = 100
"""Grade of a document that was clicked at every examination: clicks per examination in hundredths. The probabilities
of a click behaviour are interpolated between grade 0 and this one."""
MAX_EVALUATED = 1500
"""Largest number of held-out queries for a trainer that evaluates by rewards."""


class RenderedQuery(NamedTuple):
    """A query of the log with its model input."""

    prompt: Prompt
    query: JudgedQuery


@dataclass(frozen=True)
class PPOInput:
    """The warm start and the queries to train on."""

    start: StageInput
    config: PPOConfig
    """As configured, except for the settings that the language of the policy decides."""
    training: tuple[RenderedQuery, ...]

    @classmethod
    def read(cls, sources: Sources, run: Path, config: PPOConfig) -> PPOInput:
        """Read the warm start of a run and the log. Raises ModelError without a warm start, DataError for a log
        without queries to train or validate on."""
        ppo_input = cls.to_learn_from(sources, run, config)
        _ = ppo_input.start.validation  # raises before any training
        return ppo_input

    @classmethod
    def to_learn_from(cls, sources: Sources, run: Path, config: PPOConfig) -> PPOInput:
        """The same for a training without validation."""
        start = StageInput.read(sources, run / WARM_START, config.validation.caution, config.learn_from)
        config = start.language.ppo_config(config)
        queries = _queries(start, config)
        rendered = _rendered(start, mostly_first(queries, config.queries.later_share, config.queries.max_queries))
        if not rendered:
            raise DataError("The log holds no query to train on; simulate or log more sessions first")
        return cls(start, config, rendered)

    @property
    def prompts(self) -> tuple[Prompt, ...]:
        """Prompts to train on."""
        return tuple(rendered.prompt for rendered in self.training)

    @cached_property
    def held_out(self) -> tuple[RenderedQuery, ...]:
        """First queries of the validation sessions, for trainers that evaluate by rewards; see `held_out.untyped`."""
        queries = _held_out(self.start, self.config)
        first, _ = first_and_later(query for query in queries if query.relevance)
        return _rendered(self.start, first[:MAX_EVALUATED])

    def environment(self, queries: Sequence[RenderedQuery] | None = None) -> GenerationEnvironment:
        """The rewards for rewrites of these queries, by their position; by default of the training queries."""
        queries = self.training if queries is None else queries
        reward, rollout, found_documents = self.config.reward, self.config.rollout, self.config.found_documents
        opened = self.start.opened
        corrector = opened.spelling if self.start.blend.corrections else None
        clicks = click_model(reward.click_model, reward.click_behaviour, self._highest_grade())
        by_clicks = self.config.learn_from == "clicks"
        found_depth = min(found_documents.depth, SHOWN_RANKS) if by_clicks else found_documents.depth
        rank_depth = SHOWN_RANKS if by_clicks else WORTHY_RANKS
        rewards = RewardEnvironment(
            self.start.scorer,
            [training_query(rendered.query, corrector, opened.analysis) for rendered in queries],
            make_reward(reward.name, clicks, reward.click_credit, rank_depth),
            RolloutBlend(rollout.rewrite_weight, rollout.feedback_weight, rollout.context_weight),
            found_depth if found_documents.weight else 0,
        )
        prompts = [rendered.prompt for rendered in queries]
        return GenerationEnvironment(rewards, prompts, self.start.language)

    def _highest_grade(self) -> int:
        """The highest grade that the click model knows."""
        if self.config.learn_from == "clicks":
            return CLICK_GRADES
        named = simulated_queries(self.start.sides.all, self.start.opened.collection.all_topics)
        grades = (grade for query in named for grade in query.relevance.values())
        return int(max(grades, default=1))

    def write(self, run: Path, policy: T5Policy, figures: dict[str, float], progress: Progress | None = None) -> Path:
        """Choose the blend of the trained policy and write the stage; returns its folder."""
        figures = {"queries": float(len(self.training)), **figures}
        outcome = StageOutcome(self.config, self.start.never_worse(policy, progress), figures)
        return self.start.write(run / PPO, outcome, policy)


def _queries(start: StageInput, config: PPOConfig) -> list[JudgedQuery]:
    """The queries to train on, those of the log before those of simulated sessions beside it."""
    sides = start.sides
    if config.learn_from == "clicks":
        rated = queries_to_learn_from(start.opened, sides.training, "clicks", rated_queries)
        return graded_by_clicks(rated + rated_queries(sides.simulated))
    clicked = config.reward.name == "hindsight"
    queries = queries_to_learn_from(start.opened, sides.training, "clicks" if clicked else "judgments")
    return queries + clicked_queries(sides.simulated)


def _held_out(start: StageInput, config: PPOConfig) -> list[JudgedQuery]:
    """The held-out queries with the grades that rewards read."""
    sides = start.sides
    if config.learn_from == "clicks":
        return graded_by_clicks(rated_held_out(sides))
    return start.judged_validation or untyped(clicked_queries(sides.validation, sides.need_of), sides)


def graded_by_clicks(rated: Sequence[JudgedQuery]) -> list[JudgedQuery]:
    """Queries with clicks per examination, in whole grades of 1 to `CLICK_GRADES`, rounded up: a click model reads
    whole grades, and every clicked document has one. More than one click per examination counts as one."""
    return [replace(query, relevance=_whole_grades(query.relevance)) for query in rated]


def _whole_grades(rates: Mapping[str, float]) -> dict[str, float]:
    return {doc_id: float(ceil(min(rate, 1.0) * CLICK_GRADES)) for doc_id, rate in rates.items()}


def _rendered(start: StageInput, queries: Sequence[JudgedQuery]) -> tuple[RenderedQuery, ...]:
    """The queries with their prompts; queries without any term that the model knows are left out."""
    language, spelling = start.language, start.opened.spelling
    rendered = (RenderedQuery(language.prompt(query.request, spelling), query) for query in queries)
    return tuple(pair for pair in rendered if not pair.prompt.empty)
