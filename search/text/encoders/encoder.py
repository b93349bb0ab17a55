"""The interface of encoders: functions from texts to vectors, whose inner product is the likeness of two meanings.

There are `CTranslate2Encoder` (a transformer) and `StaticEncoder` (word vectors); `opened.py` opens one by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]

TextKind = Literal["document", "query"]
"""Some encoders were trained with another prompt before queries than before documents, such as E5 (Wang et al., "Text
Embeddings by Weakly-Supervised Contrastive Pre-training", arXiv 2212.03533, 2022)."""


@dataclass(frozen=True, slots=True)
class EncoderCard:
    """What is to be known of an encoder: what it is, where it is from, and what may be done with it."""

    name: str
    """Name of the model, such as `sentence-transformers/all-MiniLM-L6-v2`."""
    dimension: int
    """Length of a vector."""
    digest: str
    """SHA-256, in hexadecimal, of all that decides a vector: weights, tokenizer, pooling. Encoders of equal digests
    give equal vectors on one processor; another instruction set rounds int8 weights differently."""
    licence: str
    """Licence of the weights, as their authors state it."""
    trained_on: tuple[str, ...] = ()
    """Names of the data sets that it was trained on, as its authors state them; figures on such data flatter it."""
    max_tokens: int | None = None
    """Number of tokens of a text that are read, a prompt included; the end of a longer text is cut off. None: all."""
    origin: str = ""
    """SHA-256, in hexadecimal, of the model that it was made from."""
    changes: str = ""
    """What was done to that model, such as the conversion to int8."""


class Encoder(Protocol):
    """Turns texts into vectors. Threads may share it."""

    @property
    def card(self) -> EncoderCard:
        """What is to be known of the encoder."""

    def encode(self, texts: Sequence[str], kind: TextKind = "document") -> Vectors:
        """(N, d) float32 vectors of unit length, so that inner products are cosines.

        A text without a token, such as an empty one, has the zero vector. A vector depends on its text alone, not on
        the texts beside it.
        """

    def n_cut(self, texts: Sequence[str], kind: TextKind = "document") -> int:
        """Number of texts that are longer than `card.max_tokens`, whose ends are not read."""


def of_unit_length(vectors: Vectors) -> Vectors:
    """(N, d) The vectors divided by their lengths; a zero vector stays."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)  # (N, 1)
    return (vectors / np.where(lengths > 0, lengths, 1)).astype(np.float32)
