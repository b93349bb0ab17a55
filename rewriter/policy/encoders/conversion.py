"""Conversion of a sentence-transformers model to CTranslate2, so that it is served without torch."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from ctranslate2.converters import TransformersConverter
from transformers.utils import logging

from untilclick.rewriter.policy.encoders.sentence_model import SentenceModel, load_sentence_model
from untilclick.rewriter.policy.t5_folder import without_progress_bars
from untilclick.search.errors import ModelError
from untilclick.search.text.encoders.ctranslate2_encoder import CTranslate2Encoder
from untilclick.search.text.encoders.encoder import EncoderCard, TextKind
from untilclick.search.text.encoders.encoder_folder import (
    MODEL_FOLDER,
    TOKENIZER_FILE,
    Quantization,
    write_encoder_folder,
)
from untilclick.search.text.encoders.sources import EncoderSource

PROBES = (
    "how do I copy a folder",
    "Return the absolute path of the directory that holds the running program.",
    "Tomatoes grow in warm soil, with compost, water and light; they do not survive frost. " * 5,
)
"""Texts that the model and its conversion must agree on."""

LEAST_COSINE = {"int8": 0.97, "float32": 0.9999}
"""Cosine of a text's two vectors, below which a conversion is refused. all-MiniLM-L6-v2 has .996 and 1."""


def convert_encoder(source: EncoderSource, folder: Path, quantization: Quantization) -> None:
    """Write the encoder folder of a model into an existing folder.

    Raises ModelError if the model cannot be loaded or served, or if the conversion gives other vectors, and
    MissingDependencyError if sentence-transformers is not installed.
    """
    loaded = load_sentence_model(source.folder)
    _write_model(loaded, folder, quantization)
    write_encoder_folder(
        folder,
        loaded.settings,
        EncoderCard(
            name=source.name,
            dimension=int(loaded.transformer.config.hidden_size),
            digest="",
            licence=source.licence,
            trained_on=source.trained_on,
            max_tokens=loaded.settings.max_tokens,
            origin=source.digest,
            changes=f"converted to {quantization} by CTranslate2 {version('ctranslate2')}",
        ),
    )
    _check_agreement(loaded, folder, quantization)


def _write_model(loaded: SentenceModel, folder: Path, quantization: Quantization) -> None:
    """Write CTranslate2's model and the tokenizer. Raises ModelError if CTranslate2 refuses the model."""
    transformer, config = loaded.transformer, loaded.transformer.config
    _blank_pooler(transformer)
    if not hasattr(config, "position_embedding_type"):  # transformers 5 writes none, and CTranslate2 asks for it
        config.position_embedding_type = "absolute"
    with tempfile.TemporaryDirectory() as plain, without_progress_bars(), _without_load_report():
        transformer.save_pretrained(plain)
        loaded.model.tokenizer.save_pretrained(plain)
        shutil.copyfile(Path(plain) / TOKENIZER_FILE, folder / TOKENIZER_FILE)
        converter, target = TransformersConverter(plain), str(folder / MODEL_FOLDER)
        try:
            converter.convert(target, quantization=quantization if quantization == "int8" else None)
        except (AttributeError, AssertionError, KeyError, ValueError, RuntimeError) as error:
            raise ModelError(f"CTranslate2 cannot convert this {type(transformer).__name__} ({error})") from error


@contextmanager
def _without_load_report() -> Iterator[None]:
    """Turn the warnings of transformers off for the block: CTranslate2 loads some models with a head that they lack,
    and drops it."""
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)


def _blank_pooler(transformer: torch.nn.Module) -> None:
    """Set the pooler to zero. No vector depends on it; a model without one gets random numbers, which would give it
    another checksum each time."""
    pooler = getattr(transformer, "pooler", None)
    if pooler is not None:
        with torch.no_grad():
            for parameter in pooler.parameters():
                parameter.zero_()


def _check_agreement(loaded: SentenceModel, folder: Path, quantization: Quantization) -> None:
    """Raise ModelError if the converted encoder gives other vectors than the model."""
    encoder = CTranslate2Encoder(folder)
    kinds: tuple[TextKind, ...] = ("document", "query")
    for kind in kinds:
        texts = [loaded.settings.prompt(kind) + text for text in PROBES]
        expected = loaded.model.encode(texts, prompt="", normalize_embeddings=True, show_progress_bar=False)  # (P, d)
        cosine = float(np.min(np.sum(encoder.encode(PROBES, kind) * expected, axis=1)))
        if cosine < LEAST_COSINE[quantization]:
            raise ModelError(
                f"The {quantization} conversion of {encoder.card.name} gives other vectors (cosine {cosine:.3f}); "
                "use another model"
            )
