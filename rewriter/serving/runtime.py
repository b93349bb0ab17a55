"""Serving a bundle: CTranslate2 for logits or texts, one thread, no torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import ctranslate2
import numpy as np
from numpy.typing import NDArray

from untilclick.rewriter.language.language import Hypothesis, Language, SubwordLanguage, TermLanguage
from untilclick.rewriter.language.log_space import MASKED_LOGIT
from untilclick.rewriter.language.prompts import Prompt
from untilclick.rewriter.language.subword_settings import SubwordConfig
from untilclick.rewriter.language.vocabulary import EOS_ID, SPECIAL_TOKENS, TermVocabulary
from untilclick.rewriter.serving.bundle import (
    MEMBERS_FOLDER,
    MEMORY_FILE,
    MODEL_FOLDER,
    SPELLING_FILE,
    TOKENIZER_FILE,
    Kind,
    read_manifest,
)
from untilclick.rewriter.serving.ensemble import MeanLogits
from untilclick.rewriter.serving.memory_reader import MemoryReader
from untilclick.rewriter.serving.term_rewriter import NextTermLogits, TermRewriter
from untilclick.search.engines.protocol import SearchEngine
from untilclick.search.errors import ModelError
from untilclick.search.text.spelling import SpellingCorrector

MAX_BATCH = 32
"""Prompts translated together; bounds the memory of their logits."""


def _translator(folder: Path) -> ctranslate2.Translator:
    """A model at work in one thread. Raises ModelError for files that hold none that this CTranslate2 reads."""
    try:
        return ctranslate2.Translator(str(folder), device="cpu", inter_threads=1, intra_threads=1)
    except (RuntimeError, ValueError) as error:
        raise ModelError(f"{folder} holds no model that can be read ({error}); export it again") from error


class CTranslate2Logits:
    """The next-term distribution of an exported T5, as logits, mixed with the memory's where there is one."""

    def __init__(self, folder: Path, vocabulary: TermVocabulary, memory: MemoryReader | None = None) -> None:
        self._translator = _translator(folder)
        self._tokens = vocabulary.tokens
        self._memory = memory

    @classmethod
    def of_bundle(cls, folder: Path, vocabulary: TermVocabulary) -> CTranslate2Logits:
        """The model of a bundle, with its memory. Raises ModelError for a memory that cannot be read."""
        memory = MemoryReader.load(folder / MEMORY_FILE) if (folder / MEMORY_FILE).is_file() else None
        return cls(folder / MODEL_FOLDER, vocabulary, memory)

    def __call__(self, prompts: Sequence[Prompt]) -> NDArray[np.float32]:
        """(B, V) logits of the first generated term."""
        sources = [[self._tokens[token] for token in prompt.ids] for prompt in prompts]
        found = self._translator.translate_batch(
            sources,
            max_batch_size=MAX_BATCH,
            beam_size=1,
            max_decoding_length=1,
            min_decoding_length=0,
            return_logits_vocab=True,
        )
        raw = np.stack([np.asarray(result.logits[0][0], dtype=np.float32) for result in found])
        if self._memory is None:
            raw[:, : len(SPECIAL_TOKENS)] = MASKED_LOGIT
            return raw
        size = len(self._tokens)
        return self._memory.mix(raw[:, :size], raw[:, size:], prompts)


class CTranslate2Texts:
    """The terms of the likeliest texts of an exported subword T5, as log-probabilities."""

    def __init__(self, folder: Path, language: SubwordLanguage) -> None:
        self._translator = _translator(folder)
        self._language = language
        self._token, self._id = language.tokenizer.id_to_token, language.tokenizer.token_to_id
        end = self._token(EOS_ID)
        self._banned = [[token] for token in language.special_tokens if token != end]

    def __call__(self, prompts: Sequence[Prompt]) -> NDArray[np.float32]:
        """(B, V) of `SubwordLanguage.term_log_probs`."""
        found = self._translator.translate_batch(
            [[self._token(token) for token in prompt.ids] for prompt in prompts],
            max_batch_size=MAX_BATCH,
            beam_size=self._language.settings.beams,
            num_hypotheses=self._language.settings.beams,
            length_penalty=0,
            max_decoding_length=self._language.settings.length,
            min_decoding_length=0,
            suppress_sequences=self._banned,
            return_scores=True,
        )
        answers = [[self._answer(*text) for text in zip(one.hypotheses, one.scores, strict=True)] for one in found]
        read = self._language.term_log_probs
        return np.stack([read(one, prompt) for one, prompt in zip(answers, prompts, strict=True)])

    def _answer(self, tokens: Sequence[str], log_prob: float) -> Hypothesis:
        ids = (self._id(token) for token in tokens)
        return Hypothesis(tuple(token for token in ids if token is not None), log_prob)


def open_language(folder: Path, vocabulary: TermVocabulary) -> SubwordLanguage:
    """The language of a bundle of subwords. Raises ModelError where `tokenizers` is not installed, or cannot read the
    bundle's."""
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise ModelError(
            f"Bundle {folder} is a subword T5's and needs the package tokenizers: pip install 'untilclick[subword]'"
        ) from error
    try:
        tokenizer = Tokenizer.from_file(str(folder / TOKENIZER_FILE))
    except Exception as error:  # the library raises nothing narrower
        raise ModelError(f"{folder / TOKENIZER_FILE} cannot be read ({error}); export the model again") from error
    return SubwordLanguage(tokenizer, vocabulary, SubwordConfig.load(folder))


def _term_logits(folder: Path, vocabulary: TermVocabulary) -> NextTermLogits:
    """The model of a bundle, or the mean of its models."""
    members = sorted((folder / MEMBERS_FOLDER).glob("[0-9]*"))
    if not members:
        return CTranslate2Logits.of_bundle(folder, vocabulary)
    return MeanLogits([CTranslate2Logits.of_bundle(member, vocabulary) for member in members])


def _open_terms(folder: Path, vocabulary: TermVocabulary) -> tuple[Language, NextTermLogits]:
    return TermLanguage(vocabulary), _term_logits(folder, vocabulary)


def _open_subwords(folder: Path, vocabulary: TermVocabulary) -> tuple[Language, NextTermLogits]:
    language = open_language(folder, vocabulary)
    return language, CTranslate2Texts(folder / MODEL_FOLDER, language)


_OPENERS: Mapping[Kind, Callable[[Path, TermVocabulary], tuple[Language, NextTermLogits]]] = {
    "terms": _open_terms,
    "mean": _open_terms,
    "subwords": _open_subwords,
}


def open_bundle(folder: Path, engine: SearchEngine) -> TermRewriter:
    """A rewriter from an exported bundle. Raises ModelError when the bundle does not fit this build."""
    manifest = read_manifest(folder)
    vocabulary = TermVocabulary.load(folder)
    language, logits = _OPENERS[manifest.kind](folder, vocabulary)
    return TermRewriter(
        version=manifest.version,
        logits=logits,
        language=language,
        spelling=SpellingCorrector.load(folder / SPELLING_FILE),
        engine=engine,
        settings=manifest.blend,
    )
