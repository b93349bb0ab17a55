"""Models: a policy together with its language, as training passes them on and model folders store them.

The two kinds of policy, over index terms and over subwords, differ here and in `Language`. Training, export and
evaluation use these interfaces and need not know the kind.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from untilclick.rewriter.language.language import Language, SubwordLanguage, TermLanguage
from untilclick.rewriter.language.outside_words import OutsideWord, start_vectors
from untilclick.rewriter.language.soft_targets import SoftTarget
from untilclick.rewriter.language.subword_settings import is_subword_stage
from untilclick.rewriter.language.vocabulary import UNK_ID, TermVocabulary
from untilclick.rewriter.policy.logits import PolicyLogits, PolicyTexts
from untilclick.rewriter.policy.subword import (
    SubwordVocabulary,
    load_subword,
    load_subword_stage,
    plain_tokenizer,
    save_subword,
    save_subword_stage,
)
from untilclick.rewriter.policy.supervised_loss import SupervisedLoss, target_batch
from untilclick.rewriter.policy.t5 import PromptBatch, T5Policy, read_outside
from untilclick.rewriter.policy.t5_folder import is_term_model, load_policy, save_policy, save_with_states
from untilclick.rewriter.policy.text_loss import target_ids, text_loss
from untilclick.rewriter.serving.blend import BlendSettings
from untilclick.rewriter.serving.term_rewriter import NextTermLogits, OpenedModel, Spelling, TermRewriter
from untilclick.search.engines.protocol import SearchEngine
from untilclick.search.text.encoders.encoder import Encoder

PolicyVocabulary = TermVocabulary | SubwordVocabulary
"""The token ids of a policy over terms, or of one over subwords."""

TargetLoss = Callable[[T5Policy, PromptBatch, Sequence[SoftTarget], Sequence[SoftTarget]], Tensor]
"""Function from a policy, B prompts, their target terms and their target documents to a loss (), in nats."""


class RewriterModel(Protocol):
    """A policy with its language."""

    @property
    def policy(self) -> T5Policy:
        """The network."""

    @property
    def language(self) -> Language:
        """How the policy reads requests, and how its outputs become terms."""

    def with_policy(self, policy: T5Policy) -> RewriterModel:
        """A model of another policy with the same language."""

    def reader(self) -> NextTermLogits:
        """The function from prompts to the policy's distribution over index terms; puts the policy into evaluation
        mode."""

    def with_outside_words(self, words: Sequence[OutsideWord], encoder: Encoder | None) -> RewriterModel:
        """The model that reads these words as well, which no document holds. Its policy is changed in place. Their
        embeddings start as in `start_vectors`."""

    def reading_outside_of(self, vocabulary: TermVocabulary) -> RewriterModel:
        """The model that reads the outside words of another vocabulary of the same terms, in its order; those that it
        did not read are unknown words to it. Its policy is changed in place."""

    def target_loss(self, document_weight: float) -> TargetLoss:
        """The loss of target terms and, with this weight, of target documents if the policy has a memory."""

    def save(self, folder: Path) -> None:
        """Write policy and language into an existing folder."""

    def save_for_conversion(self, folder: Path) -> int:
        """Write a T5 and a tokenizer that `conversion.py` reads; returns the number of tokens, the first ones, that
        have logits. The policy cannot be used afterwards."""


@dataclass(frozen=True, eq=False)
class TermModel:
    """A policy over index terms."""

    policy: T5Policy
    language: TermLanguage

    def with_policy(self, policy: T5Policy) -> TermModel:
        """A model of another policy with the same language."""
        return TermModel(policy, self.language)

    def reader(self) -> NextTermLogits:
        """The distribution of the first generated term."""
        return PolicyLogits(self.policy)

    def with_outside_words(self, words: Sequence[OutsideWord], encoder: Encoder | None) -> TermModel:
        """Words that the vocabulary has keep their embeddings."""
        vocabulary, embedding = self.language.vocabulary, self._embedding  # (V + n, d)
        new = [word for word in words if word.term not in vocabulary.read_ids]
        if not new:
            return self
        rows = start_vectors(new, vocabulary, embedding[: len(vocabulary)], encoder)
        grown = vocabulary.with_outside(word.term for word in new)
        return self._reading(grown, np.concatenate([embedding[len(vocabulary) :], rows]))

    def reading_outside_of(self, vocabulary: TermVocabulary) -> TermModel:
        """A word that the model did not read gets the embedding of `<unk>`."""
        ids = [self.language.vocabulary.read_ids.get(term, UNK_ID) for term in vocabulary.outside]
        return self._reading(vocabulary, self._embedding[ids])

    @property
    def _embedding(self) -> NDArray[np.float32]:
        """(V + n, d) of all tokens."""
        return np.asarray(self.policy.t5.shared.weight.detach().cpu().numpy(), dtype=np.float32)

    def _reading(self, vocabulary: TermVocabulary, rows: NDArray[np.float32]) -> TermModel:
        """The model with the outside words of a vocabulary and their embeddings (n, d)."""
        read_outside(self.policy, torch.from_numpy(rows).to(self.policy.device))
        return TermModel(self.policy, TermLanguage(vocabulary))

    def target_loss(self, document_weight: float) -> TargetLoss:
        """Cross-entropy of the first generated term and of the attention to documents."""
        supervised = SupervisedLoss(t5=0.0, mixture=1.0, documents=document_weight)
        return lambda policy, batch, terms, documents: supervised(policy, batch, target_batch(terms, documents))

    def save(self, folder: Path) -> None:
        """Write policy and vocabulary."""
        save_policy(self.policy, self.language.vocabulary, folder)

    def save_for_conversion(self, folder: Path) -> int:
        """Write T5 and tokenizer; with a memory, the T5 outputs its states as well, see `save_with_states`."""
        return save_with_states(self.policy, self.language.vocabulary, folder)


@dataclass(frozen=True, eq=False)
class SubwordModel:
    """A pretrained T5 over subwords."""

    policy: T5Policy
    language: SubwordLanguage

    def with_policy(self, policy: T5Policy) -> SubwordModel:
        """A model of another policy with the same language."""
        return SubwordModel(policy, self.language)

    def reader(self) -> NextTermLogits:
        """The distribution over the terms of the likeliest texts."""
        return PolicyTexts(self.policy, self.language)

    def with_outside_words(self, words: Sequence[OutsideWord], encoder: Encoder | None) -> SubwordModel:
        """The model itself, which reads any word."""
        del words, encoder
        return self

    def reading_outside_of(self, vocabulary: TermVocabulary) -> SubwordModel:
        """The model itself."""
        del vocabulary
        return self

    def target_loss(self, document_weight: float) -> TargetLoss:
        """Cross-entropy of a text of the heaviest target terms. Without a memory there is no loss of documents."""
        del document_weight
        return lambda policy, batch, terms, _: text_loss(
            policy, batch, [target_ids(target, self.language) for target in terms]
        )

    def save(self, folder: Path) -> None:
        """Write policy, tokenizer, vocabulary and settings."""
        save_subword_stage(self.policy, self.language, folder)

    def save_for_conversion(self, folder: Path) -> int:
        """Write T5 and tokenizer, without embedding rows that have no token: CTranslate2 could generate them."""
        size = self.language.tokenizer.get_vocab_size()
        self.policy.t5.resize_token_embeddings(size)
        self.policy.t5.save_pretrained(folder)
        plain_tokenizer(self.language).save_pretrained(folder)
        return size


def open_rewriter(folder: Path, encoder: Encoder | None = None) -> RewriterModel:
    """The model of a stage's folder, in evaluation mode. `encoder` is as in `load_policy`. Raises ModelError if the
    folder does not hold a model, and if its encoder is another one or cannot be opened."""
    if is_subword_stage(folder):
        return SubwordModel(*load_subword_stage(folder))
    policy, vocabulary = load_policy(folder, encoder)
    return TermModel(policy, TermLanguage(vocabulary))


def open_model(folder: Path) -> tuple[T5Policy, PolicyVocabulary]:
    """The policy and the vocabulary of a model folder, in evaluation mode; the folder need not be that of a stage.
    Raises ModelError if it does not hold a model."""
    return load_policy(folder) if is_term_model(folder) else load_subword(folder)


def save_model(policy: T5Policy, vocabulary: PolicyVocabulary, folder: Path) -> None:
    """Write policy and vocabulary into an existing folder."""
    if isinstance(vocabulary, TermVocabulary):
        save_policy(policy, vocabulary, folder)
    else:
        save_subword(policy, vocabulary, folder)


def model_rewriter(
    model: RewriterModel, spelling: Spelling, engine: SearchEngine, settings: BlendSettings
) -> TermRewriter:
    """A rewriter with the present weights of a model, before its export."""
    return TermRewriter("unexported", OpenedModel(model.reader(), model.language), spelling, engine, settings)
