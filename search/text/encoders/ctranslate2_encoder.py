"""A transformer encoder run by CTranslate2: no torch, one thread by default.

Texts of the same number of tokens are encoded together, without padding. With padding, CTranslate2 rounds int8
activations by the other texts of the batch (cosines of .9984 between a text alone and in a batch of 16). Texts of the
same length have the same vectors alone and together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

import ctranslate2
import numpy as np

from untilclick.search.analysis.normal_form import encodable
from untilclick.search.errors import ModelError
from untilclick.search.text.encoders.encoder import EncoderCard, TextKind, Vectors, of_unit_length
from untilclick.search.text.encoders.encoder_folder import (
    MODEL_FOLDER,
    TOKENIZER_FILE,
    read_encoder_folder,
)
from untilclick.search.text.encoders.tokens import open_tokenizer

BATCH_TOKENS = 256
"""Number of tokens that are encoded together. Larger batches leave the processor's cache and are slower."""


class CTranslate2Encoder:
    """`Encoder` of a folder, see `encoder_folder.py`."""

    def __init__(self, folder: Path, threads: int = 1) -> None:
        """Load the encoder, which computes with so many threads. Raises ModelError if the folder is not an encoder's,
        or was changed since it was written."""
        self.folder = folder
        self._settings, self._card = read_encoder_folder(folder)
        self._tokenizer = open_tokenizer(folder / TOKENIZER_FILE, self._settings.max_tokens)
        self._model = _model(folder / MODEL_FOLDER, threads)
        self._blank = {kind: self._tokens(self._settings.prompt(kind)) for kind in ("document", "query")}

    @property
    def card(self) -> EncoderCard:
        """See `Encoder.card`."""
        return self._card

    def encode(self, texts: Sequence[str], kind: TextKind = "document") -> Vectors:
        """See `Encoder.encode`. Raises ModelError if the tokenizer names a token that the model lacks."""
        prompt = self._settings.prompt(kind)
        ids = [self._tokens(prompt + text) for text in texts]
        vectors = np.zeros((len(texts), self._card.dimension), dtype=np.float32)
        for rows in _batches(ids, self._blank[kind]):
            vectors[rows] = self._pooled([ids[row] for row in rows])
        return of_unit_length(vectors)

    def n_cut(self, texts: Sequence[str], kind: TextKind = "document") -> int:
        """See `Encoder.n_cut`."""
        prompt = self._settings.prompt(kind)
        return sum(bool(self._tokenizer.encode(encodable(prompt + text)).overflowing) for text in texts)

    def _tokens(self, text: str) -> list[int]:
        # One text a call: `encode_batch` starts threads, which a process that forks later must not have.
        ids: list[int] = self._tokenizer.encode(encodable(text)).ids
        return ids

    def _pooled(self, ids: list[list[int]]) -> Vectors:
        """(B, d) One vector for each of B texts of T tokens."""
        try:
            output = self._model.forward_batch(ids)
        except (RuntimeError, ValueError) as error:
            raise ModelError(
                f"The encoder {self.folder} cannot read its tokens ({error}); convert it again"
            ) from error
        states = np.asarray(output.last_hidden_state, dtype=np.float32)  # (B, T, d)
        pooled: Vectors = states.mean(axis=1) if self._settings.pooling == "mean" else states[:, 0]
        return pooled


def _batches(ids: Sequence[Sequence[int]], blank: Sequence[int]) -> Iterator[list[int]]:
    """Rows of texts with equally many tokens, in batches; texts that add no token to the prompt are left out."""
    rows = sorted((row for row, tokens in enumerate(ids) if tokens != blank), key=lambda row: len(ids[row]))
    for length, group in groupby(rows, key=lambda row: len(ids[row])):
        of_length = list(group)
        size = max(1, BATCH_TOKENS // length)
        yield from (of_length[start : start + size] for start in range(0, len(of_length), size))


def _model(folder: Path, threads: int) -> ctranslate2.Encoder:
    try:
        return ctranslate2.Encoder(str(folder), device="cpu", inter_threads=1, intra_threads=threads)
    except (RuntimeError, ValueError) as error:
        problem = f"{folder} is not a model that CTranslate2 can read ({error})"
        raise ModelError(f"{problem}; convert the encoder again") from error
