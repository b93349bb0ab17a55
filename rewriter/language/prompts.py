"""Rendering of requests into model input: the one renderer for training and service. No torch.

    rmtre folder            <- typed now
    delete directory        <- typed before

becomes the tokens

    rmtre→<unk> <alt> rmtree  folder  <sep>  delete  directory  </s>

A word is represented by its index term, by the analysis of the vocabulary; in scripts without spaces the words are
bigrams. A word outside the vocabulary becomes `<unk>`. If the corpus lacks a word, its spelling candidates follow,
also where the vocabulary has it as an outside word. Stop words have no token. Earlier queries come after the query,
the most recent first. A T5 over subwords needs no spelling candidates and reads the text

    rmtre folder | delete directory

Every change of this format raises `PROMPT_VERSION`, and the service refuses bundles of another version.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from untilclick.rewriter.language.vocabulary import ALT_ID, EOS_ID, SEP_ID, UNK_ID, TermVocabulary
from untilclick.rewriter.rewrite import RewriteRequest

PROMPT_VERSION = 1
MAX_QUERY_WORDS = 32
"""Words of one query that the model reads, stop words included; the rest is cut off."""
MAX_HISTORY = 3
"""Earlier queries that the model reads, the latest."""
MAX_CANDIDATES = 3
"""Spelling candidates that the model reads for one unknown word."""
TEXT_SEPARATOR = " | "
"""Separator between the queries of a text prompt."""
MAX_PROMPT_TOKENS = 64
"""Longest prompt, the end token included."""


class SpellingCandidates(Protocol):
    """The part of `untilclick.search.text.spelling.SpellingCorrector` that prompts use."""

    def is_known(self, word: str) -> bool:
        """True if the corpus contains the word's index term, and for a stop word."""

    def candidates(self, word: str, n: int, query: str | None = None) -> list[str]:
        """At most n words of the corpus that may have been meant by a word of the query, best first."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """Model input of one request."""

    ids: tuple[int, ...]
    """Token ids, ending in EOS_ID."""
    query_ids: tuple[int, ...]
    """Term tokens of the query itself. They are never generated, because retrieval keeps the query anyway."""
    texts: tuple[str, ...] = field(default=(), compare=False)
    """The query as typed, then the session's earlier queries, newest first: what a sentence encoder reads. Prompts
    of the same tokens are equal, because the T5 tells no more of them apart."""

    @property
    def empty(self) -> bool:
        """True if the model knows no word of the prompt."""
        return all(token in (EOS_ID, SEP_ID, UNK_ID, ALT_ID) for token in self.ids)


def render(request: RewriteRequest, vocabulary: TermVocabulary, spelling: SpellingCandidates | None = None) -> Prompt:
    """Model input of one request, of at most `MAX_PROMPT_TOKENS` tokens. A query of stop words alone gives a prompt
    that starts with EOS_ID or SEP_ID. Without `spelling`, unknown words get no candidates."""
    ids = _query_tokens(request.query, vocabulary, spelling)
    for earlier in request.history[::-1][:MAX_HISTORY]:
        ids += [SEP_ID, *_query_tokens(earlier, vocabulary, spelling)]
    query_ids = known_terms(request.query, vocabulary)
    return Prompt((*ids[: MAX_PROMPT_TOKENS - 1], EOS_ID), query_ids, texts_of(request))


def texts_of(request: RewriteRequest) -> tuple[str, ...]:
    """The queries of a request, newest first."""
    return (request.query, *request.history[::-1])


def render_text(request: RewriteRequest, vocabulary: TermVocabulary) -> str:
    """The text of one request for a T5 over subwords; empty for a query without index terms."""
    if not vocabulary.analysis.terms(request.query):
        return ""
    queries = (request.query, *request.history[::-1][:MAX_HISTORY])
    return TEXT_SEPARATOR.join(" ".join(query.split()[:MAX_QUERY_WORDS]) for query in queries)


def prompts_digest(prompts: Iterable[Prompt]) -> str:
    """SHA-256, in hexadecimal, of prompts in order. Checkpoints store it, since they name prompts by position."""
    digest = hashlib.sha256()
    for prompt in prompts:
        digest.update(repr((prompt.ids, prompt.query_ids)).encode())
    return digest.hexdigest()


def drop_words(prompt: Prompt, share: float, rng: np.random.Generator) -> Prompt:
    """The prompt without some of its tokens: each but the end token is left out with probability `share`. If no token
    would remain, the prompt keeps all of them. Its texts stay whole."""
    if share <= 0:
        return prompt
    body = prompt.ids[:-1]
    remaining = [token for token, draw in zip(body, rng.random(len(body)), strict=True) if draw >= share]
    return replace(prompt, ids=(*(remaining or body), EOS_ID))


def read_corrected(prompt: Prompt, correct: Callable[[str], str | None]) -> Prompt:
    """The prompt whose query an encoder reads with its misspelt words replaced, since it was trained on texts that
    are spelt well. `correct` gives the corrected query, or None if no word changes."""
    if not prompt.texts:
        return prompt
    typed, *earlier = prompt.texts
    return replace(prompt, texts=(correct(typed) or typed, *earlier))


def known_terms(query: str, vocabulary: TermVocabulary) -> tuple[int, ...]:
    """Token ids of the query's distinct index terms that the vocabulary contains, without outside words."""
    analysis = vocabulary.analysis
    words = analysis.words(query)[:MAX_QUERY_WORDS]
    tokens = (vocabulary.token_ids.get(analysis.term_of(word) or "") for word in words)
    return tuple(dict.fromkeys(token for token in tokens if token is not None))


def _query_tokens(query: str, vocabulary: TermVocabulary, spelling: SpellingCandidates | None) -> list[int]:
    tokens: list[int] = []
    for word in vocabulary.analysis.words(query)[:MAX_QUERY_WORDS]:
        term = vocabulary.analysis.term_of(word)
        if term is None:  # a stop word
            continue
        tokens.append(vocabulary.read_ids.get(term, UNK_ID))
        if term not in vocabulary.token_ids and spelling is not None and not spelling.is_known(word):
            tokens += _candidate_tokens(word, query, vocabulary, spelling)
    return tokens


def _candidate_tokens(word: str, query: str, vocabulary: TermVocabulary, spelling: SpellingCandidates) -> list[int]:
    candidates = spelling.candidates(word, MAX_CANDIDATES, query)
    terms = (vocabulary.analysis.term_of(candidate) for candidate in candidates)
    tokens = [vocabulary.token_ids[term] for term in terms if term in vocabulary.token_ids]
    return [ALT_ID, *dict.fromkeys(tokens)] if tokens else []
