"""The configuration of the run and of its first stages: frozen dataclasses whose fields state their meaning and unit.
Those of PPO are in `ppo_config.py`, those of learning from a log alone in `offline_config.py`.

Defaults are those that measured best.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import ClassVar, Literal

from untilclick.rewriter.caution import HarmSetting
from untilclick.rewriter.flat_settings import AsText
from untilclick.rewriter.judging.sides import SplitKey

TermDecoding = Literal["parallel", "autoregressive"]
LearnFrom = Literal["clicks", "judgments"]
"""What a stage reads of a document's worth: clicks of the log's sessions, or the judgments of the topics that they
name."""


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
    encoder: str = "none"
    """Name of the sentence encoder, see `untilclick.search.text.encoders.opened.open_encoder`. It decides for a base,
    later stages have the encoder of their base. The commands say `auto` by default."""
    split_key: SplitKey = field(default_factory=partial(SplitKey.of_seed, 0))
    """Decides which needs of the log are held out. The default is known to everyone; give a log of real visitors a
    secret one, so that nobody can aim at the needs by which versions are judged."""


@dataclass(frozen=True, repr=False)
class PolicyConfig(AsText):
    """Shape of the `corpus` policy, a T5 over index terms."""

    LATER: ClassVar[frozenset[str]] = frozenset({"outside_words", "memory_meaning"})

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
    `untilclick.rewriter.policy.memory.document_memory`."""
    memory_terms: int = 30
    """Number of terms that are stored for each document, the heaviest by tf-idf."""
    memory_neighbours: int = 128
    """Number of documents whose terms are read for a query."""
    outside_words: int = 10_000
    """Number of English words that no document holds and that the policy reads nevertheless, the most frequent; 0
    without a sentence encoder, because nothing would be known of them. Each is a row of the embedding, d_model bytes
    of a bundle; no distribution is over them, so they cost no time in service."""
    memory_meaning: float = 0.4
    """Weight of the sentence encoder, if there is one, in the score by which the memory finds documents, 0..1; with 0
    the policy needs no encoder. It does not change the training."""
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


@dataclass(frozen=True, repr=False)
class WarmStartConfig(AsText):
    """`warm-start`: supervised training on hindsight pairs of a session log."""

    LATER: ClassVar[frozenset[str]] = frozenset({"validate_by"})

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
    learn_from: LearnFrom = "clicks"
    """`clicks`: the documents whose clicks ended the sessions; `judgments`: the documents judged relevant to the
    topics that sessions name, which no searcher need have seen."""
    validate_by: LearnFrom = "judgments"
    """The grades by which the best epoch and the blend are chosen: `judgments` of the topics that sessions name, or
    clicks if they name none; or `clicks` of the held-out sessions in any case."""
    document_weight: float = 1.0
    """Weight of -sum of click share x log p(document | query), which is added to the loss of the terms."""
    memory_learning_rate: float = 0.01
    """AdamW, for the memory, on the same schedule."""
    max_pairs: int = 4000
    """Largest number of distinct inputs; the most clicked ones are used."""
    caution: HarmSetting = "balanced"
    """How much harm is accepted for gain: decides the share of the validation queries that the chosen blend may harm
    (cost more than .05 nDCG@10), see `training/validation.py`."""
    seed: int = 0
    """Seed of order, word dropout and dropout."""


@dataclass(frozen=True)
class EnsembleConfig:
    """`mean`: several models that serve as one."""

    members: tuple[str, ...]
    """Two or more folders of stages, or of runs, whose last stage is taken; all trained on the same documents."""
    caution: HarmSetting = "balanced"
    """How much harm is accepted for gain, see `WarmStartConfig.caution`."""
