"""The language of a policy: how it reads a request, and how its output becomes terms of the corpus. No torch.

Training and service use the same two kinds. The `corpus` policy reads and writes index terms; a pretrained T5 reads
and writes texts in subwords. `Language` carries what differs between them, so that no other module asks for the kind.
`RewriterModel` carries the differences that need the weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from untilclick.rewriter.flat_settings import changed
from untilclick.rewriter.language.log_space import TINY
from untilclick.rewriter.language.prompts import (
    Prompt,
    SpellingCandidates,
    known_terms,
    render,
    render_text,
    texts_of,
)
from untilclick.rewriter.language.subword_settings import SubwordConfig
from untilclick.rewriter.language.vocabulary import EOS_ID, PAD_ID, UNK_ID, TermVocabulary
from untilclick.rewriter.ppo_config import PPOConfig
from untilclick.rewriter.rewrite import RewriteRequest
from untilclick.search.errors import ModelError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

LanguageKind = Literal["terms", "subwords"]


class PromptTexts(NamedTuple):
    """A prompt as text, for trainers that tokenize it themselves."""

    prompt: str
    """The model input without the end token."""
    query_terms: str
    """The terms that must not be generated, separated by spaces."""


class TermSequences(NamedTuple):
    """N sequences of index terms, padded to one length."""

    ids: NDArray[np.int64]
    """(N, K) token ids in the term vocabulary."""
    mask: NDArray[np.bool_]
    """(N, K) True on terms, False on padding."""


class Language(Protocol):
    """What a policy reads and writes."""

    kind: ClassVar[LanguageKind]
    """The kind that bundles record, so that the service knows how to open them."""
    validation_limit: ClassVar[int]
    """Largest number of validation queries used."""

    @property
    def vocabulary(self) -> TermVocabulary:
        """The terms that can be searched."""

    @property
    def prompt_length(self) -> int:
        """Tokens of a prompt for which a trainer must leave room; 0 leaves the limit to the trainer."""

    def prompt(self, request: RewriteRequest, spelling: SpellingCandidates | None = None) -> Prompt:
        """Model input of one request."""

    def prompt_texts(self, prompt: Prompt) -> PromptTexts:
        """The prompt and its banned terms as text."""

    def output_terms(self, text: str, excluded: Sequence[int]) -> list[int]:
        """Token ids of the index terms that a generated text adds to a query whose terms are `excluded`."""

    def term_sequences(
        self, ids: NDArray[np.int64], mask: NDArray[np.bool_], excluded: Sequence[Sequence[int]]
    ) -> TermSequences:
        """Index terms of generated tokens `ids` (N, T) with their mask (N, T); `excluded` holds the query's terms for
        each of the N sequences."""

    def ppo_config(self, config: PPOConfig) -> PPOConfig:
        """The PPO configuration with which a policy of this language can be trained."""

    def save_settings(self, folder: Path) -> None:
        """Write the settings of the language, if it has any, into a model folder or a bundle."""

    def as_terms(self, source: Path, remedy: str) -> TermLanguage:
        """The language itself, for work that needs a policy over index terms. Raises ModelError for a policy over
        subwords; the message names its `source` and ends in `remedy`."""


@dataclass(frozen=True)
class TermLanguage:
    """Reads and writes index terms."""

    kind: ClassVar[LanguageKind] = "terms"
    validation_limit: ClassVar[int] = 1500
    """Enough queries for a stable choice; with 400 the chosen blend depended on chance."""

    vocabulary: TermVocabulary

    @property
    def prompt_length(self) -> int:
        """0: the trainer's own limit applies."""
        return 0

    def prompt(self, request: RewriteRequest, spelling: SpellingCandidates | None = None) -> Prompt:
        """The terms of one request."""
        return render(request, self.vocabulary, spelling)

    def prompt_texts(self, prompt: Prompt) -> PromptTexts:
        """Prompt and query as terms separated by spaces."""
        tokens = self.vocabulary.tokens
        read, banned = (" ".join(tokens[token] for token in ids) for ids in (prompt.ids[:-1], prompt.query_ids))
        return PromptTexts(read, banned)

    def output_terms(self, text: str, excluded: Sequence[int]) -> list[int]:
        """Every term of the text that the vocabulary contains. `excluded` is not used, because the policy never
        generates the terms of the query."""
        del excluded
        token_ids = self.vocabulary.token_ids
        return [token_ids[term] for term in text.split() if term in token_ids]

    def term_sequences(
        self, ids: NDArray[np.int64], mask: NDArray[np.bool_], excluded: Sequence[Sequence[int]]
    ) -> TermSequences:
        """The generated tokens as they are: they are terms already."""
        del excluded
        return TermSequences(ids, mask)

    def ppo_config(self, config: PPOConfig) -> PPOConfig:
        """The configuration unchanged."""
        return config

    def save_settings(self, folder: Path) -> None:
        """Write nothing: this language has no settings."""
        del folder

    def as_terms(self, source: Path, remedy: str) -> TermLanguage:
        """The language itself."""
        del source, remedy
        return self


class Hypothesis(NamedTuple):
    """A text that beam search offers as output for a prompt."""

    ids: tuple[int, ...]
    """Subwords, with the end token if the text ended before the longest length."""
    log_prob: float
    """Log-probability of all these subwords given the prompt, in nats."""


@dataclass(frozen=True, eq=False)
class SubwordLanguage:
    """Reads and writes texts in the subwords of a pretrained T5."""

    kind: ClassVar[LanguageKind] = "subwords"
    validation_limit: ClassVar[int] = 300
    """Fewer queries than over terms, because a subword T5 takes a hundred times as long to read a query."""

    tokenizer: Tokenizer
    vocabulary: TermVocabulary
    settings: SubwordConfig

    @property
    def prompt_length(self) -> int:
        """The length that the base was trained with."""
        return self.settings.prompt_length

    def prompt(self, request: RewriteRequest, spelling: SpellingCandidates | None = None) -> Prompt:
        """The subwords of one request, spelt as typed; the end token alone for a query without index terms."""
        del spelling
        ids = self.subwords(render_text(request, self.vocabulary))[: self.settings.prompt_length - 1]
        return Prompt((*ids, EOS_ID), known_terms(request.query, self.vocabulary), texts_of(request))

    def prompt_texts(self, prompt: Prompt) -> PromptTexts:
        """The text as typed, and no banned terms: a subword T5 may write any word."""
        return PromptTexts(self.texts([prompt.ids])[0], "")

    def output_terms(self, text: str, excluded: Sequence[int]) -> list[int]:
        """The distinct terms of the text without those of the query, as the service reads them."""
        return self.terms(text, excluded)

    def term_sequences(
        self, ids: NDArray[np.int64], mask: NDArray[np.bool_], excluded: Sequence[Sequence[int]]
    ) -> TermSequences:
        """Index terms of the texts that the generated tokens decode to."""
        texts = self.texts([tokens[real].tolist() for tokens, real in zip(ids, mask, strict=True)])
        return pad_terms([self.output_terms(text, query) for text, query in zip(texts, excluded, strict=True)])

    def ppo_config(self, config: PPOConfig) -> PPOConfig:
        """The configuration with the output length that the base was trained with, and without the loss of found
        documents: a subword T5 has no memory that could learn from them."""
        return changed(config, terms=self.settings.length, found_weight=0.0)

    def save_settings(self, folder: Path) -> None:
        """Write `subword.json`."""
        self.settings.save(folder)

    def as_terms(self, source: Path, remedy: str) -> TermLanguage:
        """Raise ModelError always."""
        raise ModelError(f"{source} is a subword T5; {remedy}")

    @cached_property
    def special_tokens(self) -> tuple[str, ...]:
        """Tokens that are not text: padding, end, unknown, sentinels."""
        added = sorted(self.tokenizer.get_added_tokens_decoder().items())
        return tuple(token.content for _, token in added if token.special)

    def subwords(self, text: str) -> tuple[int, ...]:
        """Token ids of a text, without an end token."""
        return tuple(self.tokenizer.encode(text, add_special_tokens=False).ids)

    def target(self, text: str) -> tuple[int, ...]:
        """Token ids of a text to be learned as output, the end token included; cut off at the longest length."""
        return (*self.subwords(text)[: self.settings.length - 1], EOS_ID)

    def texts(self, sequences: Sequence[Sequence[int]]) -> list[str]:
        """The text of each sequence of token ids, without special tokens."""
        return self.tokenizer.decode_batch([list(ids) for ids in sequences], skip_special_tokens=True)

    def terms(self, text: str, excluded: Sequence[int] = ()) -> list[int]:
        """Token ids of the distinct index terms of a text, in order, without the excluded ones."""
        tokens = (self.vocabulary.token_ids.get(term) for term in self.vocabulary.analysis.terms(text))
        return list(dict.fromkeys(token for token in tokens if token is not None and token not in excluded))

    def term_log_probs(self, hypotheses: Sequence[Hypothesis], prompt: Prompt) -> NDArray[np.float32]:
        """(V,) log-probability of each index term if a text is drawn from the hypotheses and then, uniformly, one of
        its terms that the query lacks; -inf for terms in no text. UNK_ID gets the remaining probability: that of all
        other texts, and of texts without such a term."""
        probs = np.zeros(len(self.vocabulary))  # (V,)
        for text, hypothesis in zip(self.texts([each.ids for each in hypotheses]), hypotheses, strict=True):
            ids = self.terms(text, prompt.query_ids)
            if ids:
                probs[ids] += np.exp(hypothesis.log_prob) / len(ids)
        probs[UNK_ID] = max(1.0 - probs.sum(), TINY)  # rounding can take the sum slightly above 1
        with np.errstate(divide="ignore"):  # log 0 = -inf is intended
            return np.log(probs).astype(np.float32)


def pad_terms(sequences: Sequence[Sequence[int]]) -> TermSequences:
    """N sequences of terms as arrays (N, K), padded with PAD_ID; K is at least 1."""
    width = max(1, *(len(sequence) for sequence in sequences))
    ids = np.full((len(sequences), width), PAD_ID, dtype=np.int64)  # (N, K)
    for row, sequence in enumerate(sequences):
        ids[row, : len(sequence)] = sequence
    lengths = np.array([len(sequence) for sequence in sequences])  # (N,)
    return TermSequences(ids, np.arange(width) < lengths[:, None])
