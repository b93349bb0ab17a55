"""Opens a trained stage as a rewriter: one model, or the mean of several."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from untilclick.rewriter.language.language import Language
from untilclick.rewriter.language.log_space import TINY
from untilclick.rewriter.policy.document_memory import DocumentMemory
from untilclick.rewriter.policy.models import RewriterModel, open_rewriter
from untilclick.rewriter.serving.blend import BlendSettings
from untilclick.rewriter.serving.ensemble import MeanLogits
from untilclick.rewriter.serving.memory_reader import MemoryReader
from untilclick.rewriter.serving.readings.meaning import Meaning
from untilclick.rewriter.serving.term_rewriter import NextTermLogits, TermRewriter
from untilclick.rewriter.stages.record import member_folders, read_stage
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.engines.vectors.encoded_corpus import EncodedCorpus
from untilclick.search.errors import ModelError
from untilclick.search.text.encoders.opened import WITHOUT_ENCODER


class StageReader(NamedTuple):
    """The models of a stage, opened."""

    read: NextTermLogits
    """Gives the distribution over index terms, the mean one of several models."""
    language: Language


def open_reader(folder: Path) -> StageReader:
    """Open the models of a stage. Raises ModelError for a folder without a model."""
    return reader_of(open_models(folder))


def open_models(folder: Path) -> list[RewriterModel]:
    """The models of a stage. Raises ModelError for a folder without a model."""
    return [open_rewriter(member) for member in member_folders(folder) or [folder]]


def reader_of(models: Sequence[RewriterModel]) -> StageReader:
    """Models that answer as one."""
    readers = [model.reader() for model in models]
    return StageReader(readers[0] if len(readers) == 1 else MeanLogits(readers), models[0].language)


def stage_rewriter(folder: Path, opened: OpenedCollection, blend: BlendSettings | None = None) -> TermRewriter:
    """A rewriter with a stage's models, in the blend chosen for them or in another one.

    Raises ModelError if the blend needs an encoder and the documents are not encoded.
    """
    models, blend = open_models(folder), blend or read_stage(folder).blend
    read, language = reader_of(models)
    meaning = None if blend.mixture is None else meaning_of(models[0], opened)
    return TermRewriter("unexported", read, language, opened.spelling, opened.engine, blend, meaning)


def meaning_of(model: RewriterModel, opened: OpenedCollection) -> Meaning:
    """The encoder of a collection with the words of a model's remembered documents. Raises ModelError without one."""
    encoded, memory = opened.encoded, model.policy.memory
    if encoded is None or memory is None:
        raise ModelError(f"{opened.collection.corpus.source}: the model needs a sentence encoder. {WITHOUT_ENCODER}")
    return Meaning(encoded.queries, lambda: encoded.index, memory_reader(memory, encoded))


def memory_reader(memory: DocumentMemory, encoded: EncodedCorpus | None) -> MemoryReader:
    """A memory as arrays, with the vectors of its documents if they are encoded."""
    settings = memory.settings
    ids, weights, keys = (part.detach().numpy() for part in (memory.ids, memory.weights, memory.keys))
    unit = keys / np.maximum(np.linalg.norm(keys, axis=1, keepdims=True), TINY)
    vectors = None if encoded is None else encoded.stored.of(memory.documents.numpy())  # (D, e)
    return MemoryReader(ids, weights, unit, settings.sharpness, settings.share, settings.neighbours, vectors)
