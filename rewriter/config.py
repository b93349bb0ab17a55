"""The configuration of each training stage: frozen dataclasses whose fields state their meaning and unit.

Defaults are those that measured best. Settings of PPO and of offline learning are stored in groups; users write them
by the flat names in `SETTINGS`, see `flat_settings.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import ClassVar, Literal

from untilclick.rewriter.flat_settings import Grouped
from untilclick.rewriter.judging.sides import SplitKey
from untilclick.search.click_models.behaviour import Behaviour
from untilclick.search.errors import UntilclickError

Algorithm = Literal["ppo", "rloo"]
RewardName = Literal["click", "expected_click", "rank", "hindsight", "ndcg"]
ClickCredit = Literal["every", "share", "first"]
TermDecoding = Literal["parallel", "autoregressive"]
Decoding = Literal[TermDecoding, "tokens"]
OfflineMethod = Literal["rwft", "ilql"]
Weighting = Literal["return", "advantage"]


@dataclass(frozen=True)
class RunConfig:
    """The data that a training stage reads, and the folder that it writes to."""

    out: Path
    """Run folder, with one folder per stage."""
    data: str = "stdlib"
    """Source of the documents, see `untilclick.search.corpora.load.load_collection`."""
    log: str | None = None
    """Address of the session log; the base needs none."""
    engine: str = "tantivy"
    """Name of the engine; rewards use its ranking formula."""
    seed: int = 0
    """Seed of topics that are made from documents."""
    language: str = "auto"
    """Language of the documents, see `untilclick.search.analysis.guess.analysis_of_language`. It decides for a base;
    later stages have the analysis of their base."""
    split_key: SplitKey = field(default_factory=partial(SplitKey.of_seed, 0))
    """Decides which needs of the log are held out. The default is known to everyone; give a log of real visitors a
    secret one, so that nobody can aim at the needs by which versions are judged."""


@dataclass(frozen=True)
class PolicyConfig:
    """Shape of the `corpus` policy, a T5 over index terms."""

    d_model: int = 192
    """Width of embeddings and hidden states."""
    d_kv: int = 32
    """Width of one attention head; the number of heads is d_model / d_kv."""
    d_ff: int = 384
    """Width of the gated-GELU feed-forward layers."""
    encoder_layers: int = 2
    """Encoder blocks."""
    decoder_layers: int = 1
    """Decoder blocks."""
    dropout: float = 0.1
    """Share of activations that are dropped in supervised training. PPO drops none, as in trlX."""
    min_document_frequency: int = 1
    """Smallest number of documents with a term of the vocabulary. The default keeps all terms: a rare term of a query
    is its most informative one, and its latent semantic vector is that of the documents it occurs in."""
    max_terms: int = 30_000
    """Largest vocabulary; it contains the most frequent terms."""
    identity_scale: float = 0.1
    """Factor on all initial weights except the cross-attention; see `identity_start` in `policy/t5.py`."""
    decoding: TermDecoding = "parallel"
    """`parallel`: all terms of a sequence are drawn without replacement from the first decoder step (Plackett-Luce);
    `autoregressive`: each term is drawn given those before it."""
    candidates: int = 64
    """Number of best terms of the first step from which the sequences of a prompt are drawn."""
    memory_documents: int = 50_000
    """Largest number of documents in the policy's memory, 0 for a policy without a memory; see
    `untilclick.rewriter.policy.document_memory`."""
    memory_terms: int = 30
    """Number of terms that are stored for each document, the heaviest by tf-idf."""
    memory_neighbours: int = 128
    """Number of documents whose terms are read for a query."""
    seed: int = 0
    """Seed of the initial weights."""


@dataclass(frozen=True)
class BaseConfig:
    """`base`: unsupervised training on pseudo-queries from documents, whose best terms are the targets."""

    steps: int = 800
    """Optimiser steps; 800 of 64 take about 80 seconds on one core."""
    batch_size: int = 64
    """Pseudo-queries per step."""
    learning_rate: float = 2e-3
    """AdamW, peak, after 100 steps of warm-up; falls linearly to a fifth."""
    prior_weight: float = 0.5
    """Logit adjustment (Menon et al., ICLR 2021, eq. 10): in training, this factor times the log share of each term
    among all targets is added to the logits. The network then need not learn which terms are frequent, only what
    distinguishes a query. With 0 it learns, on short documents, the same frequent terms for every query."""
    weight_decay: float = 0.01
    """AdamW."""
    target_terms: int = 30
    """Number of terms in a target."""
    title_share: float = 0.5
    """Share of pseudo-queries that are drawn from the title; the others are drawn by tf-idf."""
    max_words: int = 4
    """Longest pseudo-query, in words."""
    document_weight: float = 1.0
    """Weight of -log p(document | query), which is added to the loss of the terms: an inverse cloze task (Lee, Chang
    & Toutanova, ACL 2019) for the memory's keys."""
    memory_learning_rate: float = 0.01
    """AdamW, for the memory's keys, on the same schedule."""
    seed: int = 0
    """Seed of sampling and dropout."""


@dataclass(frozen=True)
class WarmStartConfig:
    """`warm-start`: supervised training on hindsight pairs of a session log."""

    epochs: int = 12
    """Passes over the pairs."""
    patience: int = 12
    """Number of passes without a new best on validation after which training stops. The best pass comes late, when
    the learning rate is low: a patience below `epochs` saves time and costs quality."""
    batch_size: int = 64
    """Pairs per step."""
    learning_rate: float = 2e-3
    """AdamW, peak, after 40 steps of warm-up; falls linearly to a twentieth."""
    weight_decay: float = 0.01
    """AdamW."""
    word_dropout: float = 0.15
    """Share of the prompt's terms that are left out at random, so that the policy relies on no single word."""
    candidate_terms: int = 80
    """Number of terms of the clicked documents that are tried as an addition to the query, each alone."""
    target_terms: int = 30
    """Number of the best candidate terms that form the target."""
    gain_floor: float = 0.02
    """Added to the gain of each term, so that terms without gain keep a little weight."""
    learn_from: Literal["clicks", "judgments"] = "clicks"
    """`clicks`: the documents whose clicks ended the sessions; `judgments`: the documents judged relevant to the
    topics that sessions name, which no searcher need have seen."""
    document_weight: float = 1.0
    """Weight of -sum of click share x log p(document | query), which is added to the loss of the terms."""
    memory_learning_rate: float = 0.01
    """AdamW, for the memory, on the same schedule."""
    max_pairs: int = 4000
    """Largest number of distinct inputs; the most clicked ones are used."""
    harm_limit: float | None = None
    """Largest share of the validation queries that the chosen blend may harm (cost more than .05 nDCG@10). None:
    `HARM_LIMIT`, or `CLICKED_HARM_LIMIT` if clicks are the grades, because clicks also report harm that is not
    real."""
    seed: int = 0
    """Seed of order, word dropout and dropout."""


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
    documents; with the reward `hindsight` only clicked documents can be found."""


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
    harm_limit: float | None = None
    """Largest share of the validation queries that the chosen blend may harm (cost more than .05 nDCG@10). None:
    `HARM_LIMIT`, or `CLICKED_HARM_LIMIT` if clicks are the grades, because clicks also report harm that is not
    real."""


@dataclass(frozen=True, repr=False)
class PPOConfig(Grouped):
    """Reinforcement learning from clicks (Schulman et al. 2017; Ziegler et al. 2019 for the KL to a reference)."""

    algorithm: Algorithm = "ppo"
    """`ppo`: value head, GAE, clipped losses; `rloo`: leave-one-out baseline (Ahmadian et al. 2024)."""
    iterations: int = 300
    """Largest number of rounds; a round draws sequences and updates the weights on them."""
    checkpoint_every: int = 25
    """Rounds between resumable checkpoints."""
    seed: int = 0
    """Seed of prompts, sampling and simulated clicks."""
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
        "harm_limit": "validation.harm_limit",
        "seed": "seed",
    }

    @property
    def needs_distributions(self) -> bool:
        """Whether the loss needs whole next-token distributions, or only the log-probabilities of drawn tokens."""
        return self.kl.placement == "loss" or self.loss.entropy_coef > 0


@dataclass(frozen=True)
class RWFTConfig:
    """Settings of `rwft` alone."""

    patience: int = 3
    """Number of passes without a new best on validation after which training stops."""
    weighting: Weighting = "return"
    """Weight of an action: its return, or exp(advantage / temperature) (Peng et al., AWR, 2019)."""
    temperature: float = 0.2
    """Temperature of the weighting `advantage`, in units of return; a small one follows the best actions only."""
    max_weight: float = 20.0
    """Largest weight of the weighting `advantage`, as in AWR."""
    kl_coef: float = 0.1
    """Weight of the exact KL to the starting policy."""


@dataclass(frozen=True)
class ILQLConfig:
    """Settings of `ilql` alone."""

    expectile: float = 0.7
    """The value follows this expectile of the actions' Q; .5 is their mean, 1 the best of them."""
    conservatism: float = 0.1
    """Weight of the loss that keeps the Q of actions low that are not in the log."""
    target_rate: float = 0.1
    """Share of the distance to Q that the target Q moves at each step."""
    head_learning_rate: float = 1e-3
    """AdamW, for the Q and value heads, which start from random weights."""
    advantage_scale: float = 1.0
    """beta of the policy log pi + beta (Q - V), in standard deviations of the return."""
    distil_epochs: int = 4
    """Passes over the prompts in which the T5 learns this policy."""


@dataclass(frozen=True, repr=False)
class OfflineConfig(Grouped):
    """Learning from the actions and returns of a log alone; see `data/logged_actions.py`."""

    method: OfflineMethod = "rwft"
    """`rwft`: return-weighted cross-entropy (Peters & Schaal, ICML 2007); `ilql`: implicit Q-learning in trlX (Snell
    et al., ICLR 2023)."""
    terms: int = 4
    """Longest action, in terms."""
    discount: float = 0.7
    """Factor on the return for each query between the action and the click."""
    max_samples: int = 20_000
    """Largest number of distinct actions; the most frequent ones are used."""
    epochs: int = 6
    """Passes over the actions."""
    batch_size: int = 64
    """Actions per step."""
    learning_rate: float = 3e-4
    """AdamW, peak, after at most 40 steps of warm-up; falls linearly to a twentieth (`rwft`) or stays constant
    (`ilql`)."""
    memory_learning_rate: float = 2e-3
    """AdamW, for the policy's memory, on the same schedule. `ilql` trains the memory only while it distils."""
    max_grad_norm: float = 1.0
    """Norm at which gradients are clipped."""
    word_dropout: float = 0.15
    """Share of the prompt's terms that are left out at random, so that the policy relies on no single word."""
    harm_limit: float | None = None
    """Largest share of the validation queries that the chosen blend may harm (cost more than .05 nDCG@10). None:
    `HARM_LIMIT`, or `CLICKED_HARM_LIMIT` if clicks are the grades, because clicks also report harm that is not
    real."""
    seed: int = 0
    """Seed of order, word dropout and heads."""
    rwft: RWFTConfig = RWFTConfig()
    ilql: ILQLConfig = ILQLConfig()

    SETTINGS: ClassVar[Mapping[str, str]] = {
        "method": "method",
        "terms": "terms",
        "discount": "discount",
        "max_samples": "max_samples",
        "epochs": "epochs",
        "patience": "rwft.patience",
        "batch_size": "batch_size",
        "learning_rate": "learning_rate",
        "memory_learning_rate": "memory_learning_rate",
        "max_grad_norm": "max_grad_norm",
        "word_dropout": "word_dropout",
        "weighting": "rwft.weighting",
        "temperature": "rwft.temperature",
        "max_weight": "rwft.max_weight",
        "kl_coef": "rwft.kl_coef",
        "expectile": "ilql.expectile",
        "conservatism": "ilql.conservatism",
        "target_rate": "ilql.target_rate",
        "head_learning_rate": "ilql.head_learning_rate",
        "advantage_scale": "ilql.advantage_scale",
        "distil_epochs": "ilql.distil_epochs",
        "harm_limit": "harm_limit",
        "seed": "seed",
    }


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


@dataclass(frozen=True)
class EnsembleConfig:
    """`mean`: several models that serve as one."""

    members: tuple[str, ...]
    """Two or more folders of stages, or of runs, whose last stage is taken; all trained on the same documents."""
    harm_limit: float | None = None
    """Largest share of the validation queries that the chosen blend may harm. None: the default limit, see
    `training/validation.py`."""
