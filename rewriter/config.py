"""One frozen dataclass per stage. Every field is followed by its meaning and unit; defaults are the measured ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

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
    """What a training stage reads, and where it writes."""

    out: Path
    """Run folder; holds one folder per stage."""
    data: str = "stdlib"
    """Source of the documents, see `untilclick.search.corpora.load.load_collection`."""
    log: str | None = None
    """Address of the session log; the base needs none."""
    engine: str = "tantivy"
    """Engine by name; rewards follow its ranking formula."""
    seed: int = 0
    """Random numbers of topics that are made from documents."""


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
    """Share of activations dropped in warm starts; PPO uses none, as in trlX."""
    min_document_frequency: int = 1
    """Terms in fewer documents stay outside the vocabulary. A rare term of a query says more about what is meant than
    any other, and its latent semantic vector is that of the documents it occurs in."""
    max_terms: int = 30_000
    """Largest vocabulary; the most frequent terms win."""
    identity_scale: float = 0.1
    """Factor on everything but the cross-attention at the start; see `policy.identity_start`."""
    decoding: TermDecoding = "parallel"
    """`parallel`: all terms of a sequence are drawn without replacement from the first decoder step (Plackett-Luce);
    `autoregressive`: each term is drawn given those before it."""
    candidates: int = 64
    """Best terms of the first step, among which sequences are drawn, per prompt."""
    memory_documents: int = 50_000
    """Documents of the corpus in the policy's memory at most, 0 for a policy without one; see
    `untilclick.rewriter.policy.document_memory`."""
    memory_terms: int = 30
    """Heaviest terms by tf-idf that each document is remembered by."""
    memory_neighbours: int = 128
    """Documents whose terms are read for a query."""
    seed: int = 0
    """Random numbers of the initial weights."""


@dataclass(frozen=True)
class BaseConfig:
    """Unsupervised start: pseudo-queries from documents, their best terms as targets."""

    steps: int = 800
    """Optimiser steps; 800 of 64 take about 80 seconds on one core."""
    batch_size: int = 64
    """Pseudo-queries per step."""
    learning_rate: float = 2e-3
    """AdamW, peak, after 100 steps of warm-up; falls linearly to a fifth."""
    prior_weight: float = 0.5
    """Logit adjustment (Menon et al., ICLR 2021, eq. 10): this times the log share of each term among all targets is
    added to the logits in training only. The network then need not learn which terms are frequent, and keeps to what
    sets a query apart; at 0 it ends, on short documents, with the same frequent terms for every query."""
    weight_decay: float = 0.01
    """AdamW."""
    target_terms: int = 30
    """Terms of the document per target."""
    title_share: float = 0.5
    """Share of pseudo-queries drawn from the title, the rest by tf-idf."""
    max_words: int = 4
    """Longest pseudo-query."""
    document_weight: float = 1.0
    """Weight of -log p(document | query) beside the loss of the terms: an inverse cloze task (Lee, Chang & Toutanova,
    ACL 2019) for the memory's keys."""
    memory_learning_rate: float = 0.01
    """AdamW, of the memory's keys; the same schedule."""
    seed: int = 0
    """Random numbers of sampling and dropout."""


@dataclass(frozen=True)
class WarmStartConfig:
    """Supervised start on hindsight pairs of a session log."""

    epochs: int = 12
    """Passes over the pairs."""
    patience: int = 12
    """Passes without a new best on validation before training stops. The best is found late, when the learning rate
    is low: fewer passes than `epochs` save time at a price."""
    batch_size: int = 64
    """Pairs per step."""
    learning_rate: float = 2e-3
    """AdamW, peak, after 40 steps of warm-up; falls linearly to a twentieth."""
    weight_decay: float = 0.01
    """AdamW."""
    word_dropout: float = 0.15
    """Share of prompt terms left out at random, so that no single word is leant upon."""
    candidate_terms: int = 80
    """Terms of the clicked documents tried one by one."""
    target_terms: int = 30
    """Best of them kept as target."""
    gain_floor: float = 0.02
    """Added to a term's gain in rank, so that terms without gain keep a little weight."""
    learn_from: Literal["clicks", "judgments"] = "clicks"
    """`clicks`: the documents that sessions ended on; `judgments`: those of the topics where sessions name any, which
    the log may never have shown to anybody."""
    document_weight: float = 1.0
    """Weight of -sum of click share x log p(document | query) beside the loss of the terms."""
    memory_learning_rate: float = 0.01
    """AdamW, of the memory; the same schedule."""
    max_pairs: int = 4000
    """Distinct inputs used, the most clicked first."""
    harm_limit: float | None = None
    """Largest share of the validation queries that the blend may harm: cost more than .05 nDCG@10. None: .065,
    and .12 where clicks are the grades, which show harm where there is none."""
    seed: int = 0
    """Random numbers of order, word dropout and dropout."""


@dataclass(frozen=True)
class PPOConfig:
    """Reinforcement learning from clicks (Schulman et al. 2017; Ziegler et al. 2019 for the KL to a reference)."""

    algorithm: Algorithm = "ppo"
    """`ppo`: value head, GAE, clipped losses; `rloo`: leave-one-out baseline (Ahmadian et al. 2024)."""
    reward: RewardName = "expected_click"
    """What is maximised, always as gain over the original query; see `data/rewards.py`."""
    click_model: str = "pbm"
    """Click model behind `click` and `expected_click`; see `untilclick.search.click_models`."""
    click_behaviour: Behaviour = "informational"
    """Its parameter set."""
    click_credit: ClickCredit = "every"
    """`every`: the number of clicks on the list; `share`: that as a share of the clicks on the ideal list; `first`:
    1 / rank of the first click, which sees less and learned slower."""
    max_queries: int = 20_000
    """Distinct inputs of the log used."""
    iterations: int = 300
    """Rollout-and-update rounds at most."""
    later_share: float = 0.25
    """Later queries of sessions used, as a share of the number of first queries."""
    prompts_per_iteration: int = 64
    """Queries per round."""
    samples_per_prompt: int = 16
    """Rollouts of each query."""
    terms: int = 4
    """Longest sequence of terms."""
    epochs: int = 2
    """Passes over a round's rollouts."""
    minibatches: int = 1
    """Optimiser steps of a pass, each on its share of the round's prompts in random order."""
    micro_batches: int = 1
    """Gradient accumulation: parts of an optimiser step, averaged."""
    learning_rate: float = 3e-4
    """AdamW, constant after 10 rounds of warm-up."""
    value_learning_rate: float = 3e-4
    """AdamW, of the value head."""
    memory_learning_rate: float = 0.01
    """AdamW, of the policy's memory."""
    gamma: float = 1.0
    """Discount per term."""
    gae_lambda: float = 1.0
    """Generalised advantage estimation (Schulman et al. 2016)."""
    clip_range: float = 0.2
    """Clipping of the probability ratio."""
    value_clip_range: float = 0.2
    """Clipping of the value around its old estimate, in units of reward."""
    value_coef: float = 0.5
    """Weight of the value loss."""
    entropy_coef: float = 0.0
    """Weight of the entropy bonus."""
    found_weight: float = 1.0
    """Weight of -log p(document | query) of the wanted documents that a round's rankings brought up, beside the loss
    of PPO: an auxiliary task (Jaderberg et al., ICLR 2017) that imitates what succeeded (Oh et al., "Self-Imitation
    Learning", ICML 2018), for the memory's keys and the T5 alike. 0 leaves it out."""
    found_depth: int = 400
    """Ranks in which wanted documents are noticed. Far more than a searcher reads, but the simulator knows what is
    wanted; with clicks of a log (`hindsight`) nothing can be found that was not clicked."""
    kl_coef: float = 0.0125
    """Initial weight of the KL to the reference."""
    kl_placement: Literal["loss", "reward"] = "loss"
    """`loss`: exact KL of the next-term distribution as a penalty; `reward`: log-ratio of each sampled term."""
    kl_target: float | None = None
    """Adaptive coefficient towards this KL per sequence in nats (Ziegler et al. 2019); None keeps it fixed."""
    kl_horizon: int = 100_000
    """Rollouts over which the adaptive coefficient moves."""
    center_groups: bool = True
    """Subtract each prompt's mean advantage (`ppo`; the baseline of GRPO, Shao et al. 2024)."""
    whiten_advantages: bool = True
    """Scale advantages to mean 0 and standard deviation 1 over real tokens (`ppo`), standard deviation 1 (`rloo`)."""
    max_grad_norm: float = 1.0
    """Gradient clipping."""
    average_decay: float = 0.99
    """Exponential average of the weights over rounds, which is what is validated and kept (Polyak & Juditsky 1992;
    for policies Rame et al., WARP, 2024); 0 keeps the present weights."""
    rollout_weight: float = 0.3
    """Share of the rewrite in the score of a rollout; the original query has what is left."""
    rollout_feedback: float = 0.0
    """Share of the relevance model (RM3) in the score of a rollout."""
    rollout_context: float = 0.25
    """Largest share of the original query's weight that words of the session's earlier queries have; see
    `serving/blend.py`."""
    word_dropout: float = 0.0
    """Share of prompt terms left out at random in rollouts."""
    validate_every: int = 25
    """Rounds between validations."""
    patience: int = 12
    """Validations without a new best before training stops."""
    checkpoint_every: int = 25
    """Rounds between resumable checkpoints."""
    harm_limit: float | None = None
    """Largest share of the validation queries that the blend may harm: cost more than .05 nDCG@10. None: .065,
    and .12 where clicks are the grades, which show harm where there is none."""
    seed: int = 0
    """Random numbers of prompts, sampling and simulated clicks."""

    @property
    def needs_distributions(self) -> bool:
        """Whether the loss looks at whole next-token distributions; else the drawn tokens are enough."""
        return self.kl_placement == "loss" or self.entropy_coef > 0


@dataclass(frozen=True)
class OfflineConfig:
    """Learning from the actions and returns of a log alone; see `data/logged_actions.py`."""

    method: OfflineMethod = "rwft"
    """`rwft`: return-weighted cross-entropy (Peters & Schaal, ICML 2007); `ilql`: implicit Q-learning in trlX (Snell
    et al., ICLR 2023)."""
    terms: int = 4
    """Longest action, in terms."""
    discount: float = 0.7
    """Factor on the return per query that was still needed until the click."""
    max_samples: int = 20_000
    """Distinct actions used, the most frequent first."""
    epochs: int = 6
    """Passes over the actions."""
    patience: int = 3
    """Passes without a new best on validation before training stops (`rwft`)."""
    batch_size: int = 64
    """Actions per step."""
    learning_rate: float = 3e-4
    """AdamW, peak, after at most 40 steps of warm-up; falls linearly to a twentieth (`rwft`), constant (`ilql`)."""
    memory_learning_rate: float = 2e-3
    """AdamW, of the policy's memory; the same schedule. `ilql` learns it in its distillation alone."""
    max_grad_norm: float = 1.0
    """Gradient clipping."""
    word_dropout: float = 0.15
    """Share of prompt terms left out at random, so that no single word is leant upon."""
    weighting: Weighting = "return"
    """Weight of an action in `rwft`: its return, or exp(advantage / temperature) (Peng et al., AWR, 2019)."""
    temperature: float = 0.2
    """Of `advantage`, in units of return; small follows the best actions only."""
    max_weight: float = 20.0
    """Largest weight of `advantage`, as in AWR."""
    kl_coef: float = 0.1
    """Weight of the exact KL to the starting policy in `rwft`."""
    expectile: float = 0.7
    """`ilql`: the value follows this expectile of the actions' Q; .5 is their mean, 1 the best of them."""
    conservatism: float = 0.1
    """`ilql`: weight of the loss that keeps the Q of actions nobody tried low."""
    target_rate: float = 0.1
    """`ilql`: how far the target Q moves towards Q at each step."""
    head_learning_rate: float = 1e-3
    """`ilql`: AdamW, of the Q and value heads, which start from nothing."""
    advantage_scale: float = 1.0
    """`ilql`: beta of the policy log pi + beta (Q - V), in standard deviations of the return."""
    distil_epochs: int = 4
    """`ilql`: passes over the prompts that teach this policy to the T5."""
    harm_limit: float | None = None
    """Largest share of the validation queries that the blend may harm: cost more than .05 nDCG@10. None: .065,
    and .12 where clicks are the grades, which show harm where there is none."""
    seed: int = 0
    """Random numbers of order, word dropout and heads."""


def check_samples(config: PPOConfig) -> None:
    """A single sample has no other to be compared with: its centred advantage says nothing of the reward. Raises
    UntilclickError where the settings compare it all the same, or ask for no sample at all."""
    if config.samples_per_prompt >= 2:
        return
    if config.algorithm == "rloo":
        remedy = "ppo.algorithm=rloo compares the samples of a prompt; give 2 or more, or use ppo.algorithm=ppo"
    elif config.center_groups:
        remedy = "ppo.center_groups compares the samples of a prompt; give 2 or more, or set it to false"
    elif config.samples_per_prompt < 1:
        remedy = "give 1 or more"
    else:
        return
    raise UntilclickError(f"ppo.samples_per_prompt is {config.samples_per_prompt}: {remedy}")


@dataclass(frozen=True)
class EnsembleConfig:
    """`mean`: several models that answer as one."""

    members: tuple[str, ...]
    """Folders of stages, or of runs, whose last stage is taken; two or more, over the same documents."""
    harm_limit: float | None = None
    """Largest share of the validation queries that the blend may harm; None: the usual limit
    (`training/validation.py`)."""
