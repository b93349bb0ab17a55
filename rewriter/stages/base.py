"""Stage `base`: a rewriter that is trained on the documents alone, without any search session.

It makes the vocabulary, the latent semantic embedding and the identity start, and trains on pseudo-queries for a
minute or two. `warm_start.py` continues with sessions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from untilclick.rewriter.config import BaseConfig, PolicyConfig, RunConfig
from untilclick.rewriter.data.pseudo_queries import PseudoQuery, PseudoQuerySettings, PseudoQuerySource, term_weights
from untilclick.rewriter.language.language import TermLanguage
from untilclick.rewriter.language.latent_semantics import term_vectors
from untilclick.rewriter.language.outside_words import common_words
from untilclick.rewriter.language.prompts import Prompt
from untilclick.rewriter.language.sentence_vectors import SentenceVectors
from untilclick.rewriter.language.soft_targets import SoftTarget
from untilclick.rewriter.language.vocabulary import EOS_ID, TermVocabulary
from untilclick.rewriter.policy.memory.document_memory import DocumentMemory, MemorySettings
from untilclick.rewriter.policy.memory.document_terms import DocumentTerms, remember, semantic_keys
from untilclick.rewriter.policy.models import TermModel
from untilclick.rewriter.policy.supervised_loss import SupervisedLoss, TargetBatch, target_batch
from untilclick.rewriter.policy.t5 import build_policy, parameter_groups
from untilclick.rewriter.stages.input import load_opened
from untilclick.rewriter.stages.record import BASE, StageOutcome, write_stage
from untilclick.rewriter.training.callbacks import Progress
from untilclick.rewriter.training.optimisation import LinearWarmupDecay, descend
from untilclick.rewriter.training.validation import BlendChoice
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.engines.vectors.encoded_corpus import EncodedCorpus
from untilclick.search.records import Corpus
from untilclick.search.text.term_index import TermIndex

PRIOR_FLOOR = 0.01
"""Added to each term's share of the targets, as a fraction of the mean share."""


@dataclass(frozen=True)
class BaseStage:
    """One run of the stage."""

    run: RunConfig
    policy: PolicyConfig = field(default_factory=PolicyConfig)
    training: BaseConfig = field(default_factory=BaseConfig)


def main(config: BaseStage, opened: OpenedCollection | None = None, progress: Progress | None = None) -> Path:
    """Train the base of a collection; returns the stage's folder. Give `opened` if the collection is open already.
    Raises DataError for documents that cannot be read."""
    run = config.run
    opened = opened or load_opened(run)
    model = new_model(opened.index, config.policy, opened.encoded)
    loss = train_base(model, opened.collection.corpus, opened.index, config.training, progress)
    if opened.encoded is not None:
        words = common_words(opened.analysis, opened.spelling, config.policy.outside_words)
        model = model.with_outside_words(words, opened.encoded.encoder)
    vocabulary = model.language.vocabulary
    figures = {"loss": loss, "vocabulary": float(len(vocabulary)), "outside_words": float(len(vocabulary.outside))}
    outcome = StageOutcome(config.training, BlendChoice.of_cold_start(encoded=opened.encoded is not None), figures)
    return write_stage(opened, run.out / BASE, model, outcome)


def new_model(index: TermIndex, config: PolicyConfig, encoded: EncodedCorpus | None = None) -> TermModel:
    """The untrained policy of a corpus and its language. With the documents as vectors, its memory reads meaning."""
    vocabulary = TermVocabulary.from_index(index, config.min_document_frequency, config.max_terms)
    vectors = torch.from_numpy(term_vectors(index, vocabulary, config.d_model, np.random.default_rng(config.seed)))
    policy = build_policy(config, vectors)
    if config.memory_documents:
        terms = remember(term_weights(index, vocabulary), config.memory_terms, config.memory_documents)
        policy.memory = DocumentMemory(terms, semantic_keys(terms, vectors), *_meaning(terms, config, encoded))
        if encoded is not None and policy.memory.meaning:
            policy.sentences = SentenceVectors.for_training(encoded.encoder)
    return TermModel(policy, TermLanguage(vocabulary))


def _meaning(
    terms: DocumentTerms, config: PolicyConfig, encoded: EncodedCorpus | None
) -> tuple[MemorySettings, torch.Tensor | None]:
    """How the remembered documents are read, and their sentence vectors (D, e) if there are any."""
    settings = MemorySettings(neighbours=config.memory_neighbours)
    if encoded is None or not config.memory_meaning:
        return settings, None
    settings = replace(settings, meaning=config.memory_meaning)
    vectors = torch.from_numpy(encoded.stored.of(terms.documents.numpy()))
    return settings, vectors.half().float()  # rounded as they are saved, so that a saved policy answers as before


def prior_offset(shares: NDArray[np.float64], weight: float) -> torch.Tensor:
    """(V,) logit adjustment weight x log(share) (Menon et al., ICLR 2021) from the shares of the targets (V,), which
    sum to 1. The floor keeps it finite for terms that are never a target."""
    return torch.from_numpy(weight * np.log(shares + PRIOR_FLOOR / shares.size)).float()  # 1 / V is the mean share


def train_base(
    model: TermModel,
    corpus: Corpus,
    index: TermIndex,
    config: BaseConfig,
    progress: Progress | None = None,
) -> float:
    """Train on pseudo-queries; returns the mean loss of the last tenth of the steps, in nats. If the corpus has no
    usable document, the policy stays as it is and the loss is NaN."""
    policy = model.policy
    settings = PseudoQuerySettings(config.title_share, config.max_words, config.target_terms)
    source = PseudoQuerySource(corpus, index, model.language.vocabulary, settings)
    if not len(source):
        return float("nan")
    rng = np.random.default_rng(config.seed)
    torch.manual_seed(config.seed)
    groups = parameter_groups(policy, config.learning_rate, config.memory_learning_rate)
    optimizer = torch.optim.AdamW(groups, weight_decay=config.weight_decay)
    schedule = LinearWarmupDecay(optimizer, 100, config.steps, floor=0.2)
    loss_of = SupervisedLoss(
        documents=config.document_weight, offset=prior_offset(source.target_shares(), config.prior_weight)
    )
    losses: list[float] = []
    policy.train()
    for step in range(config.steps):
        queries = source.draw(config.batch_size, rng)
        prompts = [_prompt(query) for query in queries]
        losses.append(descend(loss_of(policy, policy.batch(prompts), _targets(queries)), policy, optimizer))
        schedule.step()
        if progress is not None:
            progress(step + 1, config.steps, losses[-1])
    policy.eval()
    return float(np.mean(losses[-max(1, config.steps // 10) :]))


def _prompt(query: PseudoQuery) -> Prompt:
    """The terms of a query."""
    return Prompt((*map(int, query.query_ids), EOS_ID), ())


def _targets(queries: Sequence[PseudoQuery]) -> TargetBatch:
    """The target terms of each query, and as its only target document the one that it was made from."""
    certain = np.ones(1, dtype=np.float32)
    documents = [SoftTarget(np.array([query.document]), certain) for query in queries]
    return target_batch([query.target for query in queries], documents)
