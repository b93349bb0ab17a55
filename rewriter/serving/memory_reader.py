"""The memory of documents in service: `policy/memory/document_memory.py` as plain arrays. No torch.

CTranslate2 returns logits but no decoder states. An exported model therefore has one more token for each dimension of
a state, embedded so that its logit is that dimension (`save_with_states` in `policy/t5_folder.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from untilclick.rewriter.language.log_space import MASKED_LOGIT, TINY
from untilclick.rewriter.language.prompts import Prompt
from untilclick.rewriter.language.vocabulary import SPECIAL_TOKENS
from untilclick.search.errors import ModelError
from untilclick.search.text.encoders.encoder import Vectors


@dataclass(frozen=True)
class MemoryReader:
    """The memory of D documents as arrays, with its reading settings."""

    ids: NDArray[np.int64]
    """(D, K) token ids of each document's terms, padded."""
    weights: NDArray[np.float32]
    """(D, K) weights of those terms, 0 on padding."""
    keys: NDArray[np.float32]
    """(D, d) unit vectors."""
    sharpness: float
    """Factor on the score of query and document before the softmax."""
    share: float
    """Weight of the memory in the mixture with the T5's distribution, 0..1."""
    neighbours: int
    """Number of documents whose terms are read for a query."""
    vectors: NDArray[np.float32] | None = None
    """(D, e) unit vectors of the documents by an encoder; None without one."""
    hashes: NDArray[np.uint64] | None = None
    """(D,) of the documents' texts, see `text_hashes`; None without `vectors`."""
    doc_ids: Sequence[str] = ()
    """(D,) ids of the documents; empty without `vectors`."""
    meaning: float = 0.0
    """Weight of `vectors` in the score by which the model finds documents, 0..1; with 0 it reads no meaning."""

    def save(self, path: Path, *, half: bool) -> None:
        """Write an `.npz` file, with weights and keys in float16 if `half`, else in float32."""
        meaning = [self.meaning] if self.meaning else []  # else the file is that of earlier versions
        numbers = np.array([self.sharpness, self.share, self.neighbours, *meaning], dtype=np.float64)
        weights, keys = (part.astype(np.float16 if half else np.float32) for part in (self.weights, self.keys))
        parts: dict[str, NDArray[Any]] = {}  # Any: of three types
        if self.vectors is not None and self.hashes is not None:
            doc_ids = np.array(self.doc_ids, dtype=np.str_)
            parts = {"vectors": self.vectors.astype(np.float16), "hashes": self.hashes, "doc_ids": doc_ids}
        np.savez(
            path,
            allow_pickle=False,
            ids=self.ids.astype(np.int32),
            weights=weights,
            keys=keys,
            numbers=numbers,
            **parts,
        )

    @classmethod
    def load(cls, path: Path) -> MemoryReader:
        """Read a file that `save` wrote. Raises ModelError if it cannot be read."""
        try:
            with np.load(path, allow_pickle=False) as parts:
                sharpness, share, neighbours, *meaning = parts["numbers"].tolist()
                weights, keys = (parts[name].astype(np.float32) for name in ("weights", "keys"))
                ids, n = parts["ids"].astype(np.int64), int(neighbours)
                vectors = parts["vectors"].astype(np.float32) if "vectors" in parts else None
                hashes, doc_ids = parts.get("hashes"), parts["doc_ids"].tolist() if "doc_ids" in parts else ()
                return cls(ids, weights, keys, sharpness, share, n, vectors, hashes, doc_ids, *meaning)
        except (OSError, EOFError, ValueError, KeyError, BadZipFile) as error:
            raise ModelError(f"{path} cannot be read ({error}); make it again with `untilclick export`") from error

    def scores(self, states: NDArray[np.float32], sentences: Vectors | None = None) -> NDArray[np.float32]:
        """(B, D) score of each document, in [-1, 1], as `DocumentMemory.scores` gives it: for first decoder states
        (B, d) and, if the model reads meaning, the sentence vectors of the queries (B, e)."""
        lengths = np.maximum(np.linalg.norm(states, axis=1, keepdims=True), TINY)  # (B, 1)
        cosines = states / lengths @ self.keys.T  # (B, D), since keys are unit vectors
        if self.meaning:
            assert self.vectors is not None
            assert sentences is not None
            cosines = (1.0 - self.meaning) * cosines + self.meaning * (sentences @ self.vectors.T)
        return np.asarray(cosines, dtype=np.float32)

    def mix(
        self,
        logits: NDArray[np.float32],
        states: NDArray[np.float32],
        prompts: Sequence[Prompt],
        sentences: Vectors | None = None,
    ) -> NDArray[np.float32]:
        """(B, V) log-probabilities of the next term from the T5's logits (B, V), and first decoder states (B, d) and
        sentence vectors (B, e) as for `scores`; special tokens and the terms of each prompt's query get
        `MASKED_LOGIT`."""
        return self.mix_scores(logits, self.scores(states, sentences), prompts)

    def mix_scores(
        self, logits: NDArray[np.float32], scores: NDArray[np.float32], prompts: Sequence[Prompt]
    ) -> NDArray[np.float32]:
        """(B, V) log-probabilities as `mix` gives them, from the scores of the documents (B, D)."""
        rows = zip(logits, scores, prompts, strict=True)
        return np.stack([self._mixed(row_logits, row_scores, prompt) for row_logits, row_scores, prompt in rows])

    def recalled(
        self, scores: NDArray[np.float32], sharpness: float, size: int, banned: Sequence[int]
    ) -> NDArray[np.float32]:
        """(V,) distribution over the `size` terms of the vocabulary, recalled from documents by their scores (D,) for
        a query, without the terms `banned`. It sums to 1, or to 0 if no term remains."""
        n = min(self.neighbours, scores.size)
        nearest = np.argpartition(-scores, n - 1)[:n]  # (n,) in any order: the terms of all n are summed
        # The softmax over documents needs no denominator: the terms are scaled to sum 1 below.
        attention = np.exp(sharpness * (scores[nearest] - scores.max()))  # (n,)
        shares = attention[:, None] * self.weights[nearest]  # (n, K)
        recalled = np.bincount(self.ids[nearest].ravel(), shares.ravel(), minlength=size)  # (V,)
        recalled[list(banned)] = 0.0
        return np.asarray(recalled / max(float(recalled.sum()), TINY), dtype=np.float32)

    def _mixed(self, logits: NDArray[np.float32], scores: NDArray[np.float32], prompt: Prompt) -> NDArray[np.float32]:
        """(V,) log-probabilities for one prompt from logits (V,) and the scores of the documents (D,)."""
        banned = [*range(len(SPECIAL_TOKENS)), *prompt.query_ids]
        generated = np.exp(logits - logits.max())  # (V,)
        generated[banned] = 0.0
        generated /= max(float(generated.sum()), TINY)
        recalled = self.recalled(scores, self.sharpness, logits.size, banned)  # (V,)
        share = self.share if recalled.any() else 0.0  # a memory without a usable term leaves the T5's distribution
        mixed = np.log(np.maximum((1.0 - share) * generated + share * recalled, TINY))
        mixed[banned] = MASKED_LOGIT
        return np.asarray(mixed, dtype=np.float32)
