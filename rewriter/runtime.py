"""Serving a bundle: CTranslate2 for the logits, one thread, no torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import ctranslate2
import numpy as np
from numpy.typing import NDArray

from rewriter.bundle import MEMORY_FILE, MODEL_FOLDER, SPELLING_FILE, read_manifest
from rewriter.memory_reader import MemoryReader
from rewriter.prompts import Prompt
from rewriter.term_rewriter import TermRewriter
from rewriter.vocabulary import TermVocabulary
from search.engine import SearchEngine
from search.spelling import SpellingCorrector

MAX_BATCH = 32
"""Prompts translated together; bounds the memory of their logits."""


class CTranslate2Logits:
    """The next-term distribution of an exported T5, as logits, mixed with the memory's where there is one."""

    def __init__(self, folder: Path, vocabulary: TermVocabulary, memory: MemoryReader | None = None) -> None:
        self._translator = ctranslate2.Translator(str(folder), device="cpu", inter_threads=1, intra_threads=1)
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
            return raw
        size = len(self._tokens)
        return self._memory.mix(raw[:, :size], raw[:, size:], prompts)


def open_bundle(folder: Path, engine: SearchEngine) -> TermRewriter:
    """A rewriter from an exported bundle. Raises ModelError when the bundle does not fit this build."""
    manifest = read_manifest(folder)
    vocabulary = TermVocabulary.load(folder)
    return TermRewriter(
        version=manifest.version,
        logits=CTranslate2Logits.of_bundle(folder, vocabulary),
        vocabulary=vocabulary,
        spelling=SpellingCorrector.load(folder / SPELLING_FILE),
        engine=engine,
        settings=manifest.blend,
    )
