"""Rewards for the output of a policy of any language: generated tokens or texts become index terms, which the
environment over index terms rewards.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from untilclick.rewriter.data.environment import Environment, RewardBatch
from untilclick.rewriter.language.language import Language, pad_terms
from untilclick.rewriter.language.prompts import Prompt


class GenerationEnvironment:
    """Environment for the tokens of a policy, on top of an environment over index terms."""

    def __init__(self, rewards: Environment, prompts: Sequence[Prompt], language: Language) -> None:
        """`rewards` is the environment over index terms; `prompts` are its prompts, in the same order."""
        self._rewards = rewards
        self._prompts = prompts
        self._language = language

    def __len__(self) -> int:
        """Number of prompts."""
        return len(self._rewards)

    def rewards(
        self, rows: NDArray[np.int64], ids: NDArray[np.int64], mask: NDArray[np.bool_], rng: np.random.Generator
    ) -> RewardBatch:
        """Rewards of G token sequences for each of B prompts, see `Environment.rewards`."""
        terms = self._language.term_sequences(ids, mask, self._query_ids(rows, len(ids)))
        return self._rewards.rewards(rows, *terms, rng)

    def rewards_of_texts(
        self, rows: NDArray[np.int64], texts: Sequence[str], rng: np.random.Generator
    ) -> RewardBatch:
        """Rewards of G texts for each of B prompts at positions `rows` (B,), those of one prompt next to each other.
        A text without any index term has a gain of 0."""
        excluded = self._query_ids(rows, len(texts))
        terms = [self._language.output_terms(text, query) for text, query in zip(texts, excluded, strict=True)]
        return self._rewards.rewards(rows, *pad_terms(terms), rng)

    def _query_ids(self, rows: NDArray[np.int64], n: int) -> list[tuple[int, ...]]:
        """The terms of the query for each of n sequences, those of one prompt next to each other."""
        return [self._prompts[row].query_ids for row in np.repeat(rows, n // rows.size).tolist()]
