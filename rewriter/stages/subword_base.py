"""Stage `base` of a pretrained subword T5: it learns its task from the documents alone.

The T5 knows words and their meaning already. Pseudo-queries teach it the form of an output (words of the corpus that
the query lacks) and which words occur together in these documents.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from untilclick.rewriter.config import PolicyConfig, RunConfig
from untilclick.rewriter.data.pseudo_queries import PseudoQuerySettings, PseudoQuerySource
from untilclick.rewriter.language.subword_settings import SubwordBaseConfig, SubwordConfig
from untilclick.rewriter.language.vocabulary import TermVocabulary
from untilclick.rewriter.policy.models import SubwordModel
from untilclick.rewriter.policy.subword import load_subword
from untilclick.rewriter.policy.t5 import parameter_groups
from untilclick.rewriter.policy.text_loss import target_ids, text_loss
from untilclick.rewriter.rewrite import RewriteRequest
from untilclick.rewriter.stages.input import load_opened
from untilclick.rewriter.stages.record import BASE, StageOutcome, write_stage
from untilclick.rewriter.training.callbacks import Progress
from untilclick.rewriter.training.optimisation import LinearWarmupDecay, descend
from untilclick.rewriter.training.validation import BlendChoice
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.records import Corpus
from untilclick.search.text.term_index import TermIndex

WARMUP_STEPS = 20
"""Steps over which the learning rate rises."""


@dataclass(frozen=True)
class SubwordStart:
    """The T5 that a run starts from."""

    source: Path
    """Folder or hub name of a pretrained T5."""
    settings: SubwordConfig = field(default_factory=SubwordConfig)
    policy: PolicyConfig = field(default_factory=PolicyConfig)
    """Limits of the vocabulary of index terms: `min_document_frequency` and `max_terms`; the rest is not used."""


@dataclass(frozen=True)
class SubwordBaseStage:
    """One run of the stage."""

    run: RunConfig
    start: SubwordStart
    training: SubwordBaseConfig = field(default_factory=SubwordBaseConfig)


def main(config: SubwordBaseStage, opened: OpenedCollection | None = None, progress: Progress | None = None) -> Path:
    """Train a pretrained T5 on pseudo-queries; returns the stage's folder. Give `opened` if the collection is open
    already. Raises ModelError if the T5 cannot be loaded, DataError for documents that cannot be read."""
    run = config.run
    opened = opened or load_opened(run)
    model = new_subword_model(config.start, opened.index)
    loss = train_subword_base(model, opened.collection.corpus, opened.index, config.training, progress)
    figures = {"loss": loss, "vocabulary": float(len(model.language.vocabulary))}
    outcome = StageOutcome(config.training, BlendChoice.of_cold_start(), figures)
    return write_stage(opened, run.out / BASE, model, outcome)


def new_subword_model(start: SubwordStart, index: TermIndex) -> SubwordModel:
    """A pretrained T5 and its language over a corpus. Raises ModelError if it cannot be loaded."""
    policy, subwords = load_subword(start.source)
    limits = start.policy
    vocabulary = TermVocabulary.from_index(index, limits.min_document_frequency, limits.max_terms)
    return SubwordModel(policy.float(), subwords.language(vocabulary, start.settings))


def train_subword_base(
    model: SubwordModel,
    corpus: Corpus,
    index: TermIndex,
    config: SubwordBaseConfig,
    progress: Progress | None = None,
) -> float:
    """Train on pseudo-queries; returns the mean loss of the last tenth of the steps, in nats per token. If the corpus
    has no usable document or `steps` is 0, the policy stays as it is and the loss is NaN."""
    policy, language = model.policy, model.language
    settings = PseudoQuerySettings(config.title_share, config.max_words, config.target_terms)
    source = PseudoQuerySource(corpus, index, language.vocabulary, settings)
    if not len(source) or not config.steps:
        return float("nan")
    rng = np.random.default_rng(config.seed)
    torch.manual_seed(config.seed)
    optimizer = torch.optim.AdamW(
        parameter_groups(policy, config.learning_rate, 0.0), weight_decay=config.weight_decay
    )
    schedule = LinearWarmupDecay(optimizer, WARMUP_STEPS, config.steps, floor=0.2)
    losses: list[float] = []
    policy.train()
    for step in range(config.steps):
        queries = source.draw(config.batch_size, rng)
        batch = policy.batch([language.prompt(RewriteRequest(query.text(language.vocabulary))) for query in queries])
        loss = text_loss(policy, batch, [target_ids(query.target, language) for query in queries])
        losses.append(descend(loss, policy, optimizer))
        schedule.step()
        if progress is not None:
            progress(step + 1, config.steps, losses[-1])
    policy.eval()
    return float(np.mean(losses[-max(1, config.steps // 10) :]))
