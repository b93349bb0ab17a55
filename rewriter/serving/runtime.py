"""Opening a bundle for service: CTranslate2 computes logits or texts in one thread. No torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from weakref import WeakValueDictionary

import ctranslate2
import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from untilclick.rewriter.caution import Caution
from untilclick.rewriter.language.language import Hypothesis, SubwordLanguage, TermLanguage
from untilclick.rewriter.language.log_space import MASKED_LOGIT
from untilclick.rewriter.language.prompts import Prompt
from untilclick.rewriter.language.sentence_vectors import SentenceVectors
from untilclick.rewriter.language.subword_settings import SubwordConfig
from untilclick.rewriter.language.vocabulary import EOS_ID, SPECIAL_TOKENS, VOCABULARY_FILE, TermVocabulary
from untilclick.rewriter.rewrite import Rewriter, RewriteRequest
from untilclick.rewriter.serving.arithmetic import compute_type
from untilclick.rewriter.serving.bundle import (
    MEMBERS_FOLDER,
    MEMORY_FILE,
    MODEL_FOLDER,
    PRIOR_FILE,
    SPELLING_FILE,
    TOKENIZER_FILE,
    UNTRAINED_FOLDER,
    BundleManifest,
    Kind,
    encoder_folder,
    read_manifest,
)
from untilclick.rewriter.serving.ensemble import MeanLogits
from untilclick.rewriter.serving.memory_reader import MemoryReader
from untilclick.rewriter.serving.readings.document_prior import DocumentPrior
from untilclick.rewriter.serving.readings.meaning import Meaning
from untilclick.rewriter.serving.scope import Scope
from untilclick.rewriter.serving.scoped import ScopedRewriter
from untilclick.rewriter.serving.term_rewriter import ModelReading, NextTermLogits, OpenedModel, TermRewriter
from untilclick.search.engines.protocol import SearchEngine
from untilclick.search.engines.vectors.document_vectors import DocumentVectors, KnownVectors, not_encoded
from untilclick.search.errors import EncoderError, ModelError
from untilclick.search.text.encoders.ctranslate2_encoder import CTranslate2Encoder
from untilclick.search.text.encoders.encoder import EncoderCard
from untilclick.search.text.encoders.query_vectors import QueryVectors
from untilclick.search.text.spelling import SpellingCorrector

MAX_BATCH = 32
"""Largest number of prompts in one call of the model; limits the memory of their logits."""


def _translator(folder: Path) -> ctranslate2.Translator:
    """A model that runs in one thread. Raises ModelError if this CTranslate2 cannot read the folder."""
    try:
        return ctranslate2.Translator(
            str(folder), device="cpu", compute_type=compute_type(), inter_threads=1, intra_threads=1
        )
    except (RuntimeError, ValueError) as error:
        raise ModelError(f"{folder} is not a model that CTranslate2 can read ({error}); export it again") from error


class CTranslate2Logits:
    """The next-term distribution of an exported T5 as logits, mixed with that of its memory if it has one."""

    def __init__(
        self,
        folder: Path,
        vocabulary: TermVocabulary,
        memory: MemoryReader | None = None,
        sentences: SentenceVectors | None = None,
    ) -> None:
        """`folder` holds the CTranslate2 model. A memory that reads meaning needs `sentences`. Raises ModelError if
        the model cannot be read, or the memory lacks what it needs."""
        if memory is not None and memory.meaning and (sentences is None or memory.vectors is None):
            raise ModelError(f"{folder} needs a sentence encoder and its vectors; export the model again")
        self._translator = _translator(folder)
        self._tokens, self._size = vocabulary.tokens, len(vocabulary)
        self._memory = memory
        self._sentences = sentences if memory is not None and memory.meaning else None

    @classmethod
    def of_bundle(
        cls, folder: Path, vocabulary: TermVocabulary, sentences: SentenceVectors | None = None
    ) -> CTranslate2Logits:
        """The model of a bundle with its memory. Raises ModelError if one of them cannot be read."""
        memory = MemoryReader.load(folder / MEMORY_FILE) if (folder / MEMORY_FILE).is_file() else None
        return cls(folder / MODEL_FOLDER, vocabulary, memory, sentences)

    def __call__(self, prompts: Sequence[Prompt]) -> NDArray[np.float32]:
        """(B, V) logits of the first generated term."""
        return self.read(prompts).logits

    def read(self, prompts: Sequence[Prompt]) -> ModelReading:
        """See `ReadsDocuments.read`."""
        sources = [[self._tokens[token] for token in prompt.ids] for prompt in prompts]
        results = self._translator.translate_batch(
            sources,
            max_batch_size=MAX_BATCH,
            beam_size=1,
            max_decoding_length=1,
            min_decoding_length=0,
            return_logits_vocab=True,
        )
        rows = [np.asarray(result.logits[0][0], dtype=np.float32) for result in results]
        outputs = np.stack(rows)  # (B, V), with a memory (B, V + d)
        if self._memory is None:
            outputs[:, : len(SPECIAL_TOKENS)] = MASKED_LOGIT
            return ModelReading(outputs)
        terms, states = np.split(outputs, [self._size], axis=1)  # see `memory_reader.py`
        vectors = None if self._sentences is None else self._sentences.of(prompts)
        scores = self._memory.scores(states, vectors)  # (B, D)
        logits = self._memory.mix_scores(terms, scores, prompts)
        return ModelReading(logits, scores if self._memory.meaning else None)


class CTranslate2Texts:
    """The terms of the likeliest texts of an exported subword T5, as log-probabilities."""

    def __init__(self, folder: Path, language: SubwordLanguage) -> None:
        """`folder` holds the CTranslate2 model. Raises ModelError if it cannot be read."""
        self._translator = _translator(folder)
        self._language = language
        self._token, self._id = language.tokenizer.id_to_token, language.tokenizer.token_to_id
        end = self._token(EOS_ID)
        self._banned = [[token] for token in language.special_tokens if token != end]

    def __call__(self, prompts: Sequence[Prompt]) -> NDArray[np.float32]:
        """(B, V) log-probabilities of `SubwordLanguage.term_log_probs`."""
        results = self._translator.translate_batch(
            [[self._token(token) for token in prompt.ids] for prompt in prompts],
            max_batch_size=MAX_BATCH,
            beam_size=self._language.settings.beams,
            num_hypotheses=self._language.settings.beams,
            length_penalty=0,  # scores are plain sums of log-probabilities, as in training
            max_decoding_length=self._language.settings.length,
            min_decoding_length=0,
            suppress_sequences=self._banned,
            return_scores=True,
        )
        log_probs = self._language.term_log_probs
        return np.stack(
            [log_probs(self._hypotheses(result), prompt) for result, prompt in zip(results, prompts, strict=True)]
        )

    def _hypotheses(self, result: ctranslate2.TranslationResult) -> list[Hypothesis]:
        texts = zip(result.hypotheses, result.scores, strict=True)
        return [Hypothesis(self._ids(tokens), log_prob) for tokens, log_prob in texts]

    def _ids(self, tokens: Sequence[str]) -> tuple[int, ...]:
        ids = (self._id(token) for token in tokens)
        return tuple(token for token in ids if token is not None)


def open_language(folder: Path, vocabulary: TermVocabulary) -> SubwordLanguage:
    """The language of a bundle of kind `subwords`. Raises ModelError if its tokenizer cannot be read."""
    try:
        tokenizer = Tokenizer.from_file(str(folder / TOKENIZER_FILE))
    except Exception as error:  # the library raises nothing narrower
        raise ModelError(f"{folder / TOKENIZER_FILE} cannot be read ({error}); export the model again") from error
    return SubwordLanguage(tokenizer, vocabulary, SubwordConfig.load(folder))


def _term_logits(folder: Path, vocabulary: TermVocabulary, sentences: SentenceVectors | None) -> NextTermLogits:
    """The next-term logits of a bundle's model, or of the mean of its models."""
    members = sorted((folder / MEMBERS_FOLDER).glob("[0-9]*"))
    if not members:
        return CTranslate2Logits.of_bundle(folder, vocabulary, sentences)
    return MeanLogits([CTranslate2Logits.of_bundle(member, vocabulary, sentences) for member in members])


def _open_terms(folder: Path, vocabulary: TermVocabulary, sentences: SentenceVectors | None) -> OpenedModel:
    return OpenedModel(_term_logits(folder, vocabulary, sentences), TermLanguage(vocabulary))


def _open_subwords(folder: Path, vocabulary: TermVocabulary, sentences: SentenceVectors | None) -> OpenedModel:
    del sentences  # there is no memory that could read them
    language = open_language(folder, vocabulary)
    return OpenedModel(CTranslate2Texts(folder / MODEL_FOLDER, language), language)


_OPENERS: Mapping[Kind, Callable[[Path, TermVocabulary, SentenceVectors | None], OpenedModel]] = {
    "terms": _open_terms,
    "mean": _open_terms,
    "subwords": _open_subwords,
}


class _Texts:
    """The vocabularies and spelling correctors of bundles. Equal files are read once."""

    def __init__(self) -> None:
        self._vocabularies: dict[str, TermVocabulary] = {}
        self._correctors: dict[str, SpellingCorrector] = {}

    def vocabulary(self, folder: Path, manifest: BundleManifest) -> TermVocabulary:
        """The vocabulary of a bundle. Raises ModelError if it cannot be read."""
        digest = manifest.checksums.get(VOCABULARY_FILE, str(folder))
        if digest not in self._vocabularies:
            self._vocabularies[digest] = TermVocabulary.load(folder)
        return self._vocabularies[digest]

    def corrector(self, folder: Path, manifest: BundleManifest) -> SpellingCorrector:
        """The spelling corrector of a bundle. Raises ModelError if it cannot be read."""
        digest = manifest.checksums.get(SPELLING_FILE, str(folder))
        if digest not in self._correctors:
            self._correctors[digest] = SpellingCorrector.load(folder / SPELLING_FILE)
        return self._correctors[digest]


_ENCODERS: WeakValueDictionary[str, CTranslate2Encoder] = WeakValueDictionary()
"""The encoders in use, by their digests. The versions of a service have mostly one."""


def _encoder(folder: Path, card: EncoderCard) -> CTranslate2Encoder:
    """The encoder of a bundle. Raises EncoderError if it cannot be read."""
    encoder = _ENCODERS.get(card.digest)
    if encoder is None:
        try:
            encoder = _ENCODERS[card.digest] = CTranslate2Encoder(encoder_folder(folder))
        except ModelError as error:
            raise EncoderError(str(error)) from error
    return encoder


def open_bundle(
    folder: Path,
    engine: SearchEngine,
    documents: DocumentVectors = not_encoded,
    caution: Caution | None = None,
) -> Rewriter:
    """The rewriter of an exported bundle, with feedback from `engine`, in the blend for a caution, see
    `BundleManifest.blend_for`. `documents` are those of the engine as vectors; without them, bundles with an encoder
    read queries as words alone. A bundle whose use has a scope has two models, which answer as one. A twin is opened
    only if `folder` is its own. Raises ModelError if this build cannot read the bundle, an EncoderError if
    the sentence encoder alone is at fault."""
    manifest, opener = read_manifest(folder), _Opener(engine, documents, caution)
    rewriter = opener.rewriter(folder, manifest)
    if not manifest.use.is_scoped:
        return rewriter
    inner = folder / UNTRAINED_FOLDER
    untrained = opener.rewriter(inner, read_manifest(inner))
    vocabulary = opener.texts.vocabulary(folder, manifest)
    # The service tries versions with queries that the scope may not cover: a model that fails has to fail here.
    rewriter.rewrite([RewriteRequest(word) for word in vocabulary.surfaces[:1]])
    return ScopedRewriter(rewriter, untrained, Scope.load(folder, vocabulary.analysis))


class _Opener:
    """Opens the models of a bundle, which share what is equal."""

    def __init__(self, engine: SearchEngine, documents: DocumentVectors, caution: Caution | None) -> None:
        self.texts = _Texts()
        self._engine, self._documents, self._caution = engine, documents, caution

    def rewriter(self, folder: Path, manifest: BundleManifest) -> TermRewriter:
        """The rewriter of one model, or of the mean of several."""
        queries = None if manifest.encoder is None else QueryVectors(_encoder(folder, manifest.encoder))
        sentences = None if queries is None else SentenceVectors(queries)
        opened = _OPENERS[manifest.kind](folder, self.texts.vocabulary(folder, manifest), sentences)
        return TermRewriter(
            version=manifest.version,
            model=opened if queries is None else opened._replace(meaning=self._meaning(folder, queries)),
            spelling=self.texts.corrector(folder, manifest),
            engine=self._engine,
            settings=manifest.blend_for(self._caution),
        )

    def _meaning(self, folder: Path, queries: QueryVectors) -> Meaning:
        """The encoder of a bundle, with the words of the remembered documents of its model, or of the first."""
        first = folder if (folder / MEMORY_FILE).is_file() else folder / MEMBERS_FOLDER / "0"
        memory = MemoryReader.load(first / MEMORY_FILE)
        if memory.vectors is None or memory.hashes is None:
            raise ModelError(f"{folder}: its documents have no vectors; make it again with `untilclick export`")
        documents = self._documents(queries.encoder, KnownVectors(memory.hashes, memory.vectors))
        prior = DocumentPrior.load(folder / PRIOR_FILE) if (folder / PRIOR_FILE).is_file() else DocumentPrior()
        return Meaning(queries, documents, memory, lambda: prior)
