"""The configuration of PPO, in groups. Users write its settings by the flat names in `SETTINGS`, see
`flat_settings.py`.

Defaults are those that measured best.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from untilclick.rewriter.caution import HarmSetting
from untilclick.rewriter.config import LearnFrom, TermDecoding
from untilclick.rewriter.flat_settings import Grouped
from untilclick.search.click_models.behaviour import Behaviour
from untilclick.search.errors import UntilclickError

Algorithm = Literal["ppo", "rloo"]
RewardName = Literal["click", "expected_click", "rank", "hindsight", "ndcg"]
ClickCredit = Literal["every", "share", "first"]
Decoding = Literal[TermDecoding, "tokens"]


@dataclass(frozen=True)
class RewardConfig:
    """What PPO maximises: the gain in this reward over the original query; see `data/rewards.py`."""

    name: RewardName = "expected_click"
    """The reward."""
    click_model: str = "pbm"
    """Click model behind `click` and `expected_click`; see `untilclick.search.click_models`."""
    click_behaviour: Behaviour = "informational"
    """Parameter set of the click model."""
    click_credit: ClickCredit = "every"
    """`every`: the number of clicks on the list; `share`: the same as a share of the clicks on the ideal list;
    `first`: 1 / rank of the first click, which distinguishes fewer lists and learned slower."""


@dataclass(frozen=True)
class QueriesConfig:
    """Which queries of the log PPO trains on."""

    max_queries: int = 20_000
    """Largest number of distinct inputs."""
    later_share: float = 0.25
    """Number of later queries of sessions, as a share of the number of first queries."""


@dataclass(frozen=True)
class RolloutConfig:
    """How the sequences of a round are drawn, and how they are blended with the query before they are scored."""

    prompts_per_iteration: int = 64
    """Queries per round."""
    samples_per_prompt: int = 16
    """Sequences drawn for each query."""
    terms: int = 4
    """Longest sequence, in terms."""
    word_dropout: float = 0.0
    """Share of the prompt's terms that are left out at random."""
    rewrite_weight: float = 0.3
    """Weight of the rewrite in the score of a document, 0..1; the original query has the remaining weight."""
    feedback_weight: float = 0.0
    """Weight of the relevance model (RM3) in the score of a document, 0..1."""
    context_weight: float = 0.25
    """Largest share of the original query's weight that words of the session's earlier queries get; see
    `serving/blend.py`."""


@dataclass(frozen=True)
class AdvantageConfig:
    """How rewards become advantages."""

    gamma: float = 1.0
    """Discount per term."""
    gae_lambda: float = 1.0
    """Generalised advantage estimation (Schulman et al. 2016)."""
    center_groups: bool = True
    """Subtract each prompt's mean advantage (`ppo`; the baseline of GRPO, Shao et al. 2024)."""
    whiten: bool = True
    """Scale advantages over real tokens to mean 0 and standard deviation 1 (`ppo`), or to standard deviation 1
    (`rloo`)."""


@dataclass(frozen=True)
class LossConfig:
    """Clipping and weights in the loss of PPO."""

    clip_range: float = 0.2
    """Largest distance of the probability ratio from 1 that still has a gradient."""
    value_clip_range: float = 0.2
    """Largest distance of a value from its old estimate that still has a gradient, in units of reward."""
    value_coef: float = 0.5
    """Weight of the value loss."""
    entropy_coef: float = 0.0
    """Weight of the entropy bonus."""


@dataclass(frozen=True)
class FoundDocumentsConfig:
    """An auxiliary loss: -log p(document | query) of the relevant documents that the rankings of a round contain.

    An auxiliary task (Jaderberg et al., ICLR 2017) that imitates what succeeded (Oh et al., "Self-Imitation
    Learning", ICML 2018); it trains the keys of the policy's memory and the T5."""

    weight: float = 1.0
    """Weight beside the loss of PPO; 0 leaves the auxiliary loss out."""
    depth: int = 400
    """Ranks that are searched for relevant documents. Searchers read far fewer, but the simulator knows all relevant
    documents; with the reward `hindsight` only clicked documents can be found. What is learned from clicks is found
    in the first ten ranks at most."""


@dataclass(frozen=True)
class KLConfig:
    """The penalty for moving away from the reference policy."""

    coef: float = 0.0125
    """Initial weight of the KL to the reference."""
    placement: Literal["loss", "reward"] = "loss"
    """`loss`: exact KL of the next-term distribution as a penalty; `reward`: log-ratio of each sampled term."""
    target: float | None = None
    """KL per sequence, in nats, towards which the weight adapts (Ziegler et al. 2019); None keeps it fixed."""
    horizon: int = 100_000
    """Rollouts over which the adaptive weight moves."""


@dataclass(frozen=True)
class UpdateConfig:
    """How a round of experience changes the weights."""

    epochs: int = 2
    """Passes over the sequences of a round."""
    minibatches: int = 1
    """Optimiser steps per pass; each step takes its part of the round's prompts, in random order."""
    micro_batches: int = 1
    """Gradient accumulation: number of parts that an optimiser step is computed in."""
    learning_rate: float = 3e-4
    """AdamW, constant after 10 rounds of warm-up."""
    value_learning_rate: float = 3e-4
    """AdamW, for the value head."""
    memory_learning_rate: float = 0.01
    """AdamW, for the policy's memory."""
    max_grad_norm: float = 1.0
    """Norm at which gradients are clipped."""
    average_decay: float = 0.99
    """Decay per round of an exponential average of the weights; the average is validated and saved (Polyak & Juditsky
    1992; for policies Rame et al., WARP, 2024). 0 validates and saves the present weights."""


@dataclass(frozen=True)
class ValidationConfig:
    """When PPO validates, and when it stops."""

    every: int = 25
    """Rounds between validations."""
    patience: int = 12
    """Number of validations without a new best after which training stops."""
    caution: HarmSetting = "balanced"
    """How much harm is accepted for gain: decides the share of the validation queries that the chosen blend may harm
    (cost more than .05 nDCG@10), see `training/validation.py`."""


@dataclass(frozen=True, repr=False)
class PPOConfig(Grouped):
    """Reinforcement learning from the worth of rankings (Schulman et al. 2017; Ziegler et al. 2019 for the KL to a
    reference)."""

    LATER: ClassVar[frozenset[str]] = frozenset({"learn_from"})

    algorithm: Algorithm = "ppo"
    """`ppo`: value head, GAE, clipped losses; `rloo`: leave-one-out baseline (Ahmadian et al. 2024)."""
    iterations: int = 300
    """Largest number of rounds; a round draws sequences and updates the weights on them."""
    checkpoint_every: int = 25
    """Rounds between resumable checkpoints."""
    seed: int = 0
    """Seed of prompts, sampling and simulated clicks."""
    learn_from: LearnFrom = "judgments"
    """What rewards, found documents and validation read. `judgments`: the documents judged relevant to the topics
    that sessions name, shown or not; for sessions without topics, and always in training with the reward `hindsight`,
    the documents whose clicks ended them. `clicks`: the clicks per examination of the log, in the first ten ranks of
    a ranking; no judgment is read."""
    reward: RewardConfig = RewardConfig()
    queries: QueriesConfig = QueriesConfig()
    rollout: RolloutConfig = RolloutConfig()
    advantage: AdvantageConfig = AdvantageConfig()
    loss: LossConfig = LossConfig()
    found_documents: FoundDocumentsConfig = FoundDocumentsConfig()
    kl: KLConfig = KLConfig()
    update: UpdateConfig = UpdateConfig()
    validation: ValidationConfig = ValidationConfig()

    SETTINGS: ClassVar[Mapping[str, str]] = {
        "algorithm": "algorithm",
        "learn_from": "learn_from",
        "reward": "reward.name",
        "click_model": "reward.click_model",
        "click_behaviour": "reward.click_behaviour",
        "click_credit": "reward.click_credit",
        "max_queries": "queries.max_queries",
        "iterations": "iterations",
        "later_share": "queries.later_share",
        "prompts_per_iteration": "rollout.prompts_per_iteration",
        "samples_per_prompt": "rollout.samples_per_prompt",
        "terms": "rollout.terms",
        "epochs": "update.epochs",
        "minibatches": "update.minibatches",
        "micro_batches": "update.micro_batches",
        "learning_rate": "update.learning_rate",
        "value_learning_rate": "update.value_learning_rate",
        "memory_learning_rate": "update.memory_learning_rate",
        "gamma": "advantage.gamma",
        "gae_lambda": "advantage.gae_lambda",
        "clip_range": "loss.clip_range",
        "value_clip_range": "loss.value_clip_range",
        "value_coef": "loss.value_coef",
        "entropy_coef": "loss.entropy_coef",
        "found_weight": "found_documents.weight",
        "found_depth": "found_documents.depth",
        "kl_coef": "kl.coef",
        "kl_placement": "kl.placement",
        "kl_target": "kl.target",
        "kl_horizon": "kl.horizon",
        "center_groups": "advantage.center_groups",
        "whiten_advantages": "advantage.whiten",
        "max_grad_norm": "update.max_grad_norm",
        "average_decay": "update.average_decay",
        "rollout_weight": "rollout.rewrite_weight",
        "rollout_feedback": "rollout.feedback_weight",
        "rollout_context": "rollout.context_weight",
        "word_dropout": "rollout.word_dropout",
        "validate_every": "validation.every",
        "patience": "validation.patience",
        "checkpoint_every": "checkpoint_every",
        "caution": "validation.caution",
        "seed": "seed",
    }

    @property
    def needs_distributions(self) -> bool:
        """Whether the loss needs whole next-token distributions, or only the log-probabilities of drawn tokens."""
        return self.kl.placement == "loss" or self.loss.entropy_coef > 0


def check_samples(config: PPOConfig) -> None:
    """Raises UntilclickError for settings that compare the samples of a prompt if there is only one, and for less
    than one sample. Once centred, the advantages of a single sample say nothing about its reward."""
    samples = config.rollout.samples_per_prompt
    if samples >= 2:
        return
    if config.algorithm == "rloo":
        remedy = "ppo.algorithm=rloo compares the samples of a prompt; give 2 or more, or use ppo.algorithm=ppo"
    elif config.advantage.center_groups:
        remedy = "ppo.center_groups compares the samples of a prompt; give 2 or more, or set it to false"
    elif samples < 1:
        remedy = "give 1 or more"
    else:
        return
    raise UntilclickError(f"ppo.samples_per_prompt is {samples}: {remedy}")
