"""The language of a policy: how it reads a request, and how its output becomes terms of the corpus. No torch.

There are two kinds, the same in training and serving. The `corpus` policy reads and writes index terms. A pretrained
T5 reads and writes texts in subwords. A `Language` carries what differs between them, so that no other module asks
which kind it has; what needs the weights differs in `RewriterModel`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from untilclick.rewriter.config import PPOConfig
from untilclick.rewriter.flat_settings import changed
from untilclick.rewriter.language.log_space import TINY
from untilclick.rewriter.language.prompts import Prompt, SpellingCandidates, known_terms, render, render_text
from untilclick.rewriter.language.subword_settings import SubwordConfig
from untilclick.rewriter.language.vocabulary import EOS_ID, PAD_ID, UNK_ID, TermVocabulary
from untilclick.rewriter.rewrite import RewriteRequest
from untilclick.search.errors import ModelError
from untilclick.search.text.analysis import terms as analyse

if TYPE_CHECKING:
    from tokenizers import Tokenizer

LanguageKind = Literal["terms", "subwords"]


class PromptTexts(NamedTuple):
    """A prompt as text, for trainers that tokenize it themselves."""

    prompt: str
    """Without the end token."""
    query_terms: str
    """The terms that must not be generated, separated by spaces."""


class Language(Protocol):
    """What a policy reads and writes."""

    kind: ClassVar[LanguageKind]
    """Written into bundles, so that the service knows how to open them."""
    validation_limit: ClassVar[int]
    """Validation queries used at most."""

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
        """Vocabulary tokens of the index terms that a generated text adds to a query with the terms `excluded`."""

    def term_sequences(
        self, ids: NDArray[np.int64], mask: NDArray[np.bool_], excluded: Sequence[Sequence[int]]
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Generated tokens (N, T) and their mask as index terms (N, K) and their mask; `excluded` holds the query's
        terms for each of the N sequences."""

    def ppo_config(self, config: PPOConfig) -> PPOConfig:
        """The PPO configuration with which a policy of this language can be trained."""

    def save_settings(self, folder: Path) -> None:
        """Write the settings of the language, if it has any, into a model folder or a bundle."""

    def as_terms(self, source: Path, remedy: str) -> TermLanguage:
        """The language itself, for work that needs a policy over index terms. Raises ModelError for a policy over
        subwords that was read from `source`; `remedy` says what to do instead."""


@dataclass(frozen=True)
class TermLanguage:
    """Index terms in, index terms out."""

    kind: ClassVar[LanguageKind] = "terms"
    validation_limit: ClassVar[int] = 1500
    """With 400 queries the chosen blend was a matter of chance."""

    vocabulary: TermVocabulary

    @property
    def prompt_length(self) -> int:
        """The trainer's own limit holds."""
        return 0

    def prompt(self, request: RewriteRequest, spelling: SpellingCandidates | None = None) -> Prompt:
        """The terms of one request."""
        return render(request, self.vocabulary, spelling)

    def prompt_texts(self, prompt: Prompt) -> PromptTexts:
        """Terms separated by spaces."""
        tokens = self.vocabulary.tokens
        read, banned = (" ".join(tokens[token] for token in ids) for ids in (prompt.ids[:-1], prompt.query_ids))
        return PromptTexts(read, banned)

    def output_terms(self, text: str, excluded: Sequence[int]) -> list[int]:
        """Every known term of the text: the policy never generates the query's own."""
        del excluded
        token_ids = self.vocabulary.token_ids
        return [token_ids[term] for term in text.split() if term in token_ids]

    def term_sequences(
        self, ids: NDArray[np.int64], mask: NDArray[np.bool_], excluded: Sequence[Sequence[int]]
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Generated tokens are terms already."""
        del excluded
        return ids, mask

    def ppo_config(self, config: PPOConfig) -> PPOConfig:
        """Unchanged."""
        return config

    def save_settings(self, folder: Path) -> None:
        """There are none."""
        del folder

    def as_terms(self, source: Path, remedy: str) -> TermLanguage:
        """The language itself."""
        del source, remedy
        return self


class Hypothesis(NamedTuple):
    """A text that a model may answer with."""

    ids: tuple[int, ...]
    """Subwords, the end token included where the text ended by itself."""
    log_prob: float
    """Of all of them, given the prompt."""


@dataclass(frozen=True, eq=False)
class SubwordLanguage:
    """Texts in, texts out, in the subwords of a pretrained T5."""

    kind: ClassVar[LanguageKind] = "subwords"
    validation_limit: ClassVar[int] = 300
    """Fewer than over terms: a subword T5 takes a hundred times as long to read a query."""

    tokenizer: Tokenizer
    vocabulary: TermVocabulary
    settings: SubwordConfig

    @property
    def prompt_length(self) -> int:
        """The length that was decided with the base."""
        return self.settings.prompt_length

    def prompt(self, request: RewriteRequest, spelling: SpellingCandidates | None = None) -> Prompt:
        """The subwords of one request, which are spelt as they were typed; none for a query without index terms."""
        del spelling
        ids = self.subwords(render_text(request))[: self.settings.prompt_length - 1]
        return Prompt((*ids, EOS_ID), known_terms(request.query, self.vocabulary))

    def prompt_texts(self, prompt: Prompt) -> PromptTexts:
        """The text that was typed. A subword T5 may write any word."""
        return PromptTexts(self.texts([prompt.ids])[0], "")

    def output_terms(self, text: str, excluded: Sequence[int]) -> list[int]:
        """Each term of the text once, without those of the query, as in the service."""
        return self.terms(text, excluded)

    def term_sequences(
        self, ids: NDArray[np.int64], mask: NDArray[np.bool_], excluded: Sequence[Sequence[int]]
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Tokens to text, text to terms."""
        texts = self.texts([tokens[real].tolist() for tokens, real in zip(ids, mask, strict=True)])
        return padded([self.output_terms(text, own) for text, own in zip(texts, excluded, strict=True)])

    def ppo_config(self, config: PPOConfig) -> PPOConfig:
        """The length of answers was decided with the base, and there is no memory that could learn from found
        documents."""
        return changed(config, terms=self.settings.length, found_weight=0.0)

    def save_settings(self, folder: Path) -> None:
        """Write `subword.json`."""
        self.settings.save(folder)

    def as_terms(self, source: Path, remedy: str) -> TermLanguage:
        """Raises ModelError always."""
        raise ModelError(f"{source} is a subword T5; {remedy}")

    @cached_property
    def special_tokens(self) -> tuple[str, ...]:
        """Padding, end, unknown, sentinels: all that is no text."""
        added = sorted(self.tokenizer.get_added_tokens_decoder().items())
        return tuple(one.content for _, one in added if one.special)

    def subwords(self, text: str) -> tuple[int, ...]:
        """A text as token ids, without an end token."""
        return tuple(self.tokenizer.encode(text, add_special_tokens=False).ids)

    def target(self, text: str) -> tuple[int, ...]:
        """A text as an answer to be learned, of at most the longest length, the end token included."""
        return (*self.subwords(text)[: self.settings.length - 1], EOS_ID)

    def texts(self, answers: Sequence[Sequence[int]]) -> list[str]:
        """What token ids say, special tokens left out."""
        return self.tokenizer.decode_batch([list(ids) for ids in answers], skip_special_tokens=True)

    def terms(self, text: str, excluded: Sequence[int] = ()) -> list[int]:
        """Tokens in the vocabulary of a text's distinct index terms, in order, without the excluded ones."""
        found = (self.vocabulary.token_ids.get(term) for term in analyse(text))
        return list(dict.fromkeys(token for token in found if token is not None and token not in excluded))

    def log_probs(self, answers: Sequence[Hypothesis], prompt: Prompt) -> NDArray[np.float32]:
        """(V,) log-probability of the term that one gets by drawing one of these texts and then, uniformly, one of
        its terms that the query lacks; -inf for terms in no text. UNK_ID has what remains: all other texts, and
        those without such a term."""
        probs = np.zeros(len(self.vocabulary))
        for text, answer in zip(self.texts([one.ids for one in answers]), answers, strict=True):
            ids = self.terms(text, prompt.query_ids)
            if ids:
                probs[ids] += np.exp(answer.log_prob) / len(ids)
        probs[UNK_ID] = max(1.0 - probs.sum(), TINY)
        with np.errstate(divide="ignore"):
            return np.log(probs).astype(np.float32)


def padded(terms: Sequence[Sequence[int]]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """(N, K) ids and mask of N sequences of terms; K is at least 1."""
    width = max(1, *(len(sequence) for sequence in terms))
    ids = np.full((len(terms), width), PAD_ID, dtype=np.int64)
    for row, sequence in enumerate(terms):
        ids[row, : len(sequence)] = sequence
    lengths = np.array([len(sequence) for sequence in terms])
    return ids, np.arange(width) < lengths[:, None]
