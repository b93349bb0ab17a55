"""The configuration of learning from a log alone, in groups. Users write its settings by the flat names in
`SETTINGS`, see `flat_settings.py`.

Defaults are those that measured best.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from untilclick.rewriter.caution import HarmSetting
from untilclick.rewriter.flat_settings import Grouped

OfflineMethod = Literal["rwft", "ilql"]
Weighting = Literal["return", "advantage"]


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
    caution: HarmSetting = "balanced"
    """How much harm is accepted for gain: decides the share of the validation queries that the chosen blend may harm
    (cost more than .05 nDCG@10), see `training/validation.py`."""
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
        "caution": "caution",
        "seed": "seed",
    }
