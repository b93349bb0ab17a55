"""The documents of a collection as vectors: the encoder is opened by name, and documents new to it are encoded."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from untilclick.rewriter.data.show import ShowProgress
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.engines.vectors.encoded_corpus import EncodedCorpus
from untilclick.search.engines.vectors.encoded_documents import vector_folder
from untilclick.search.measures.encoder_trial import usable_encoder
from untilclick.search.text.encoders.encoder_folder import Quantization
from untilclick.search.text.encoders.opened import open_encoder
from untilclick.search.text.encoders.sources import EncoderSource


class EncodedCollection(NamedTuple):
    """The documents as vectors, or a sentence that says why there are none."""

    corpus: EncodedCorpus | None
    note: str | None
    """What is lost without an encoder and how to get one, or why the encoder is left out. None if there is an
    encoder, and if none was asked for."""


def encode_collection(
    name: str, opened: OpenedCollection, progress: ShowProgress, index_folder: Path | None = None
) -> EncodedCollection:
    """Encode those documents of a collection that were not encoded before, with the encoder of a name.

    The names are those of `open_encoder`. An encoder that does not speak the language of the documents is left out,
    see `usable_encoder`. The vectors are kept beside the engine's index, or in the cache if the index is in memory.
    Raises ModelError, MissingDependencyError and EngineError as `open_encoder` and `encode_documents` do.
    """
    documents, folder = opened.collection.corpus.documents, vector_folder(index_folder)
    with progress("Trying the encoder"):
        encoder, note = usable_encoder(open_encoder(name, _convert), documents, opened.analysis, folder)
    if encoder is None:
        return EncodedCollection(None, note)
    with progress("Encoding documents") as update:
        corpus = EncodedCorpus.of(documents, encoder, folder, update)
    return EncodedCollection(corpus, None)


def _convert(source: EncoderSource, folder: Path, quantization: Quantization) -> None:
    """Convert a model; torch is imported only if there is one to convert."""
    from untilclick.rewriter.policy.encoders.conversion import convert_encoder

    convert_encoder(source, folder, quantization)
