"""Opens a trained stage as a rewriter: one model, or the mean of several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from untilclick.rewriter.language.log_space import TINY
from untilclick.rewriter.policy.memory.document_memory import DocumentMemory
from untilclick.rewriter.policy.models import RewriterModel, open_rewriter
from untilclick.rewriter.serving.blend import BlendSettings
from untilclick.rewriter.serving.ensemble import MeanLogits
from untilclick.rewriter.serving.memory_reader import MemoryReader
from untilclick.rewriter.serving.readings.document_prior import prior_of
from untilclick.rewriter.serving.readings.meaning import Meaning
from untilclick.rewriter.serving.term_rewriter import OpenedModel, TermRewriter
from untilclick.rewriter.stages.record import encoder_of, member_folders, read_stage
from untilclick.rewriter.training.validation import ValidationSet
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.engines.vectors.encoded_documents import text_hashes
from untilclick.search.errors import ModelError
from untilclick.search.text.encoders.encoder import Encoder
from untilclick.search.text.encoders.opened import WITHOUT_ENCODER


def open_reader(folder: Path, encoder: Encoder | None = None) -> OpenedModel:
    """Open the models of a stage as one. `encoder` and errors are those of `open_models`."""
    return reader_of(open_models(folder, encoder))


def open_models(folder: Path, encoder: Encoder | None = None) -> list[RewriterModel]:
    """The models of a stage. `encoder` is as in `load_policy`. Raises ModelError for a folder without a model, and
    for models that need another encoder."""
    return [open_rewriter(member, encoder) for member in member_folders(folder) or [folder]]


def reader_of(models: Sequence[RewriterModel]) -> OpenedModel:
    """Models that answer as one."""
    readers = [model.reader() for model in models]
    return OpenedModel(readers[0] if len(readers) == 1 else MeanLogits(readers), models[0].language)


def stage_rewriter(folder: Path, opened: OpenedCollection, blend: BlendSettings | None = None) -> TermRewriter:
    """A rewriter with a stage's models, in the blend chosen for them or in another one.

    Raises ModelError if the blend needs an encoder and the documents are not encoded.
    """
    models, blend = open_models(folder, encoder_of(opened)), blend or read_stage(folder).blend
    meaning = None if blend.mixture is None else meaning_of(models[0], opened)
    model = reader_of(models)._replace(meaning=meaning)
    return TermRewriter("unexported", model, opened.spelling, opened.engine, blend)


def meaning_of(model: RewriterModel, opened: OpenedCollection) -> Meaning:
    """The encoder of a collection with the words of a model's remembered documents. Raises ModelError without one."""
    encoded, memory = opened.encoded, model.policy.memory
    if encoded is None or memory is None:
        raise ModelError(f"{opened.collection.corpus.source}: the model needs a sentence encoder. {WITHOUT_ENCODER}")
    prior = partial(prior_of, opened.collection.corpus)
    return Meaning(encoded.queries, lambda: encoded.index, memory_reader(memory, opened), prior)


def read_by_meaning(validation: ValidationSet, model: RewriterModel, opened: OpenedCollection) -> ValidationSet:
    """The validation set, whose queries are read by the collection's encoder as well if it has one and the model can
    use it."""
    if opened.encoded is None or model.policy.memory is None:
        return validation
    made = opened.collection.queries == "made"
    return validation.with_meaning(meaning_of(model, opened), opened.encoded, made=made)


def memory_reader(memory: DocumentMemory, opened: OpenedCollection | None = None) -> MemoryReader:
    """A memory as arrays, with the vectors of its documents if it has some, or if they are encoded in `opened`, whose
    texts they belong to."""
    settings = memory.settings
    ids, weights, keys = (part.detach().numpy() for part in (memory.ids, memory.weights, memory.keys))
    unit = keys / np.maximum(np.linalg.norm(keys, axis=1, keepdims=True), TINY)
    reader = MemoryReader(ids, weights, unit, settings.sharpness, settings.share, settings.neighbours)
    rows = memory.documents.numpy()
    if memory.vectors is not None:
        reader = replace(reader, vectors=memory.vectors.numpy(), meaning=settings.meaning)
    elif opened is not None and opened.encoded is not None:
        reader = replace(reader, vectors=opened.encoded.stored.of(rows))
    if opened is None or reader.vectors is None:
        return reader
    documents = [opened.collection.corpus.documents[row] for row in rows.tolist()]
    hashes = text_hashes([document.content for document in documents])
    return replace(reader, hashes=hashes, doc_ids=[document.doc_id for document in documents])
