"""Rewards of what a subword T5 writes: token ids to text, text to index terms, and what those earn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from untilclick.rewriter.environment import Environment, RewardBatch
from untilclick.rewriter.language import SubwordLanguage
from untilclick.rewriter.prompts import Prompt
from untilclick.rewriter.vocabulary import PAD_ID


class TextEnvironment:
    """Asks an environment over terms. Each term of a text counts once, those of the query itself not at all, as in
    the service; a text without any earns what the original query alone does."""

    def __init__(self, rewards: Environment, prompts: Sequence[Prompt], language: SubwordLanguage) -> None:
        self._rewards = rewards
        self._prompts = prompts
        self._language = language

    def __len__(self) -> int:
        """Number of prompts."""
        return len(self._rewards)

    def rewards(
        self, rows: NDArray[np.int64], ids: NDArray[np.int64], mask: NDArray[np.bool_], rng: np.random.Generator
    ) -> RewardBatch:
        """Rewards of G token sequences for each of B prompts, as `Environment.rewards` says."""
        texts = self._language.texts([one[real].tolist() for one, real in zip(ids, mask, strict=True)])
        return self.rewards_of_texts(rows, texts, rng)

    def rewards_of_texts(
        self, rows: NDArray[np.int64], texts: Sequence[str], rng: np.random.Generator
    ) -> RewardBatch:
        """The same for texts."""
        own = np.repeat(rows, len(texts) // rows.size).tolist()
        terms = [
            self._language.terms(text, self._prompts[row].query_ids) for text, row in zip(texts, own, strict=True)
        ]
        return self._rewards.rewards(rows, *padded(terms), rng)


def padded(terms: Sequence[Sequence[int]]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """(N, T) ids and mask of sequences of terms; at least one column."""
    width = max(1, *(len(one) for one in terms))
    ids = np.full((len(terms), width), PAD_ID, dtype=np.int64)
    for row, one in enumerate(terms):
        ids[row, : len(one)] = one
    lengths = np.array([len(one) for one in terms])
    return ids, np.arange(width) < lengths[:, None]
