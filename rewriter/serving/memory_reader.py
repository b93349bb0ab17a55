"""Reading a memory of documents when serving. No torch; what the numbers mean is said in `policy/document_memory.py`.

CTranslate2 tells logits and no states. An exported model therefore has one token more for each dimension of a state,
embedded so that its logit is that dimension, see `stages/export.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from untilclick.rewriter.language.log_space import MASKED_LOGIT, TINY
from untilclick.rewriter.language.prompts import Prompt
from untilclick.rewriter.language.vocabulary import SPECIAL_TOKENS
from untilclick.search.errors import ModelError


@dataclass(frozen=True)
class MemoryReader:
    """A memory as arrays."""

    ids: NDArray[np.int64]
    """(D, K) terms of each document."""
    weights: NDArray[np.float32]
    """(D, K)"""
    keys: NDArray[np.float32]
    """(D, d) unit vectors."""
    sharpness: float
    share: float
    neighbours: int

    def save(self, path: Path, *, half: bool) -> None:
        """Write an `.npz` file, in half the precision in which it is read or in the same."""
        numbers = np.array([self.sharpness, self.share, self.neighbours], dtype=np.float64)
        weights, keys = (part.astype(np.float16 if half else np.float32) for part in (self.weights, self.keys))
        np.savez(path, ids=self.ids.astype(np.int32), weights=weights, keys=keys, numbers=numbers)

    @classmethod
    def load(cls, path: Path) -> MemoryReader:
        """Read what `save` wrote. Raises ModelError when it cannot be read."""
        try:
            with np.load(path, allow_pickle=False) as parts:
                sharpness, share, neighbours = parts["numbers"].tolist()
                weights, keys = (parts[name].astype(np.float32) for name in ("weights", "keys"))
                return cls(parts["ids"].astype(np.int64), weights, keys, sharpness, share, int(neighbours))
        except (OSError, EOFError, ValueError, KeyError, BadZipFile) as error:
            raise ModelError(f"{path} cannot be read ({error}); make it again with `untilclick export`") from error

    def mix(
        self, logits: NDArray[np.float32], states: NDArray[np.float32], prompts: Sequence[Prompt]
    ) -> NDArray[np.float32]:
        """(B, V) log-probabilities of the next term, from the T5's logits (B, V) and first decoder states (B, d);
        specials and terms of the prompt's own query are near -1e9."""
        lengths = np.maximum(np.linalg.norm(states, axis=1, keepdims=True), TINY)
        likeness = states / lengths @ self.keys.T  # (B, D)
        parts = zip(logits, likeness, prompts, strict=True)
        return np.stack([self._mixed(own, like, prompt) for own, like, prompt in parts])

    def _mixed(
        self, logits: NDArray[np.float32], likeness: NDArray[np.float32], prompt: Prompt
    ) -> NDArray[np.float32]:
        banned = [*range(len(SPECIAL_TOKENS)), *prompt.query_ids]
        own = np.exp(logits - logits.max())
        own[banned] = 0.0
        own /= max(float(own.sum()), TINY)
        n = min(self.neighbours, likeness.size)
        nearest = np.argpartition(-likeness, n - 1)[:n]
        attention = np.exp(self.sharpness * (likeness[nearest] - likeness.max()))
        shares = attention[:, None] * self.weights[nearest]
        recalled = np.bincount(self.ids[nearest].ravel(), shares.ravel(), minlength=logits.size)
        recalled[banned] = 0.0
        total = float(recalled.sum())
        share = self.share if total > 0 else 0.0
        mixed = np.log(np.maximum((1.0 - share) * own + share * recalled / max(total, TINY), TINY))
        mixed[banned] = MASKED_LOGIT
        return np.asarray(mixed, dtype=np.float32)
