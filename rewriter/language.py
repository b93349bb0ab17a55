"""The language of a policy: how a request becomes what it reads, and its output terms of the corpus. No torch.

Two kinds, the same in training and serving. The `corpus` policy reads and writes index terms. A pretrained T5 reads
and writes texts in subwords: several likely texts of a prompt become a distribution over index terms, and from there
on nothing knows the kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from untilclick.rewriter.log_space import TINY
from untilclick.rewriter.prompts import Prompt, SpellingCandidates, known_terms, render, render_text
from untilclick.rewriter.rewrite import RewriteRequest
from untilclick.rewriter.subword_config import SubwordConfig
from untilclick.rewriter.vocabulary import EOS_ID, UNK_ID, TermVocabulary
from untilclick.search.analysis import terms as analyse

if TYPE_CHECKING:
    from tokenizers import Tokenizer


class Language(Protocol):
    """What a policy reads and writes."""

    @property
    def vocabulary(self) -> TermVocabulary:
        """The terms that can be searched."""

    def prompt(self, request: RewriteRequest, spelling: SpellingCandidates | None = None) -> Prompt:
        """Model input of one request."""


@dataclass(frozen=True)
class TermLanguage:
    """Index terms in, index terms out."""

    vocabulary: TermVocabulary

    def prompt(self, request: RewriteRequest, spelling: SpellingCandidates | None = None) -> Prompt:
        """The terms of one request."""
        return render(request, self.vocabulary, spelling)


class Answer(NamedTuple):
    """A text that a model may answer with."""

    ids: tuple[int, ...]
    """Subwords, the end token included where the text ended by itself."""
    log_prob: float
    """Of all of them, given the prompt."""


@dataclass(frozen=True, eq=False)
class SubwordLanguage:
    """Texts in, texts out, in the subwords of a pretrained T5."""

    tokenizer: Tokenizer
    vocabulary: TermVocabulary
    settings: SubwordConfig

    def prompt(self, request: RewriteRequest, spelling: SpellingCandidates | None = None) -> Prompt:
        """The subwords of one request, which are spelt as they were typed; none for a query without index terms."""
        del spelling
        ids = self.subwords(render_text(request))[: self.settings.prompt_length - 1]
        return Prompt((*ids, EOS_ID), known_terms(request.query, self.vocabulary))

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

    def log_probs(self, answers: Sequence[Answer], prompt: Prompt) -> NDArray[np.float32]:
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
