"""Environments with a known optimum, for tests of trainers."""

from __future__ import annotations

import numpy as np

from untilclick.rewriter.data.environment import FoundDocuments, RewardBatch


class PlantedReward:
    """Pays 1 for each sequence that holds the one right term of its prompt; its optimum is known."""

    def __init__(self, right: list[int]) -> None:
        self.right = np.array(right)
        self.seen: list[tuple[np.ndarray, np.ndarray]] = []

    def __len__(self) -> int:
        return self.right.size

    def rewards(self, rows, ids, mask, rng) -> RewardBatch:
        self.seen.append((ids, mask))
        right = np.repeat(self.right[rows], ids.shape[0] // rows.size)
        gain = ((ids == right[:, None]) & mask).any(1).astype(np.float64)
        return RewardBatch(gain, gain, np.zeros_like(gain))


class NoReward(PlantedReward):
    """Pays every sequence the same."""

    def rewards(self, rows, ids, mask, rng) -> RewardBatch:
        same = np.full(ids.shape[0], 0.25)
        return RewardBatch(same, same, np.zeros_like(same))


class RewardOfThePrompt(PlantedReward):
    """Pays by prompt, independently of the drawn sequence."""

    def rewards(self, rows, ids, mask, rng) -> RewardBatch:
        gain = np.repeat(0.1 + rows / 7, ids.shape[0] // rows.size)
        return RewardBatch(gain, gain, np.zeros_like(gain))


class LengthReward(PlantedReward):
    """Pays for short sequences."""

    def rewards(self, rows, ids, mask, rng) -> RewardBatch:
        gain = -mask.sum(1).astype(np.float64)
        return RewardBatch(gain, gain, np.zeros_like(gain))


class FindingReward(PlantedReward):
    """Pays as `PlantedReward`, and finds a different document for each prompt."""

    def rewards(self, rows, ids, mask, rng) -> RewardBatch:
        documents = FoundDocuments(rows[:, None] % 8, np.ones((rows.size, 1), dtype=np.float32))
        return super().rewards(rows, ids, mask, rng)._replace(found_documents=documents)
