"""A stand-in for a sentence encoder: a vector for each text that depends on its hash, or on its words."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import numpy as np

from untilclick.search.text.encoders.encoder import EncoderCard, TextKind, Vectors, of_unit_length

DIMENSION = 8


def of_hash(text: str) -> np.ndarray:
    """Another direction for every text."""
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
    return np.random.default_rng(seed).normal(size=DIMENSION)


class FakeEncoder:
    """Encodes by a function of one text, and remembers the texts."""

    def __init__(self, vector: Callable[[str], np.ndarray] = of_hash, digest: str = "f" * 64) -> None:
        self.card = EncoderCard("fake", len(vector("a")), digest, "MIT", max_tokens=20)
        self.encoded: list[str] = []
        self._vector = vector

    def encode(self, texts: Sequence[str], kind: TextKind = "document") -> Vectors:
        self.encoded += texts
        rows = [self._vector(text) if text.strip() else np.zeros(self.card.dimension) for text in texts]
        return of_unit_length(np.array(rows, dtype=np.float32).reshape(-1, self.card.dimension))

    def n_cut(self, texts: Sequence[str], kind: TextKind = "document") -> int:
        return sum(len(text.split()) > 20 for text in texts)
