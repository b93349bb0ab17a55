"""Rewards: the worth of a ranking to the searcher, as pure functions of the grades at its ranks.

`environment.py` subtracts the worth of the original query's ranking, so that no reward can omit it.

    click           number of clicks, or 1 / rank of the first, with clicks sampled from a click model
    expected_click  expectation of `click`; 1 / rank under the cascade model is ERR (Chapelle et al., CIKM 2009)
    rank            2..1 over ranks 1-10, 1..0 over ranks 11-100 of the first relevant document (ConvSearch-R1, 2025)
    hindsight       the same worth of ranks, averaged over the clicked documents of a log; needs no simulator
    ndcg            nDCG@10 (Jarvelin & Kekalainen, TOIS 2002) for documents with judgments
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from untilclick.rewriter.ppo_config import ClickCredit, RewardName
from untilclick.search.click_models.base import ClickModel
from untilclick.search.measures.metrics import dcg, ranks_to

SHOWN_RANKS = 10
"""Ranks of a ranking that searchers are shown."""
WORTHY_RANKS = 100
"""Ranks that have a worth of their own, see `rank_worth`."""
Grades = NDArray[np.float32]
"""(N, k) grade of the document at each rank; 0 for a document that is not relevant and after the end of a ranking."""


class Reward(Protocol):
    """Function from rankings to their worth."""

    @property
    def depth(self) -> int:
        """Number of ranks k that the reward reads."""

    def __call__(self, grades: Grades, ideal: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float64]:
        """(N,) worth of each ranking, which may be sampled with `rng`; `ideal` (N, k) are the best grades of the
        topic in falling order."""

    def expected(self, grades: Grades, ideal: NDArray[np.float32]) -> NDArray[np.float64]:
        """(N,) expected worth of each ranking, without sampling; the original query is judged by it."""


class ExpectedClickReward:
    """Expected worth of the clicks on a ranking.

    Credit `first` is 1 / rank of the first click. Credit `every` is the number of clicks; under the position-based
    model, whose users go on after a click, that is a discounted cumulative gain. Credit `share` is the number of
    clicks divided by that on the ideal ranking, so that needs with many relevant documents weigh no more than others;
    under the position-based model that is a normalised discounted cumulative gain.
    """

    depth = SHOWN_RANKS

    def __init__(self, click_model: ClickModel, credit: ClickCredit) -> None:
        self._click_model = click_model
        self._credit = credit

    def __call__(self, grades: Grades, ideal: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float64]:
        """See `Reward`."""
        del rng
        return self.expected(grades, ideal)

    def expected(self, grades: Grades, ideal: NDArray[np.float32]) -> NDArray[np.float64]:
        """See `Reward`."""
        items = grades.astype(np.int64)  # (N, k)
        if self._credit != "first":
            return self._credited(self._click_model.click_prob(items), ideal)
        ranks = np.arange(1, grades.shape[1] + 1)  # (k,)
        return np.asarray((self._click_model.first_click_prob(items) / ranks).sum(1), dtype=np.float64)

    def _credited(self, clicks: NDArray[np.float64], ideal: NDArray[np.float32]) -> NDArray[np.float64]:
        """(N,) worth of clicks (N, k), expected or sampled, for the credits in which every click counts."""
        total = np.asarray(clicks.sum(1), dtype=np.float64)
        if self._credit == "every":
            return total
        best = self._click_model.click_prob(ideal[:, : clicks.shape[1]].astype(np.int64)).sum(1)
        return np.asarray(total / np.maximum(best, 1e-9))


class ClickReward(ExpectedClickReward):
    """Worth of sampled clicks on a ranking, with the credits of `ExpectedClickReward`."""

    def __call__(self, grades: Grades, ideal: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float64]:
        """See `Reward`."""
        clicked = self._click_model.sample(grades.astype(np.int64), rng).clicked  # (N, k) bool
        if self._credit != "first":
            return self._credited(clicked.astype(np.float64), ideal)
        return np.where(clicked.any(1), 1.0 / (1 + clicked.argmax(1)), 0.0)


def rank_worth(ranks: NDArray[np.int64]) -> NDArray[np.float64]:
    """(...) worth of 1-based ranks (...): linear from 2 at rank 1 to 1 at rank 10 and to 0 at rank 100; 0 beyond."""
    near = 2.0 - (ranks - 1) / 9.0
    far = 1.0 - (ranks - 10) / 90.0
    return np.where(ranks <= 10, near, np.where(ranks <= 100, far, 0.0))


class RankReward:
    """Worth of the rank of the first relevant document."""

    def __init__(self, depth: int = WORTHY_RANKS) -> None:
        """`depth` is the number of ranks that are read."""
        self.depth = depth

    def __call__(self, grades: Grades, ideal: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float64]:
        """See `Reward`."""
        del rng
        return self.expected(grades, ideal)

    def expected(self, grades: Grades, ideal: NDArray[np.float32]) -> NDArray[np.float64]:
        """See `Reward`."""
        del ideal
        relevant = grades > 0  # (N, k); argmax is the first True
        return np.where(relevant.any(1), rank_worth(1 + relevant.argmax(1)), 0.0)


class HindsightReward(RankReward):
    """Mean worth of the ranks of the documents that the log's searchers clicked, weighted by clicks (the grades)."""

    def expected(self, grades: Grades, ideal: NDArray[np.float32]) -> NDArray[np.float64]:
        """See `Reward`."""
        worth = rank_worth(np.arange(1, grades.shape[1] + 1))  # (k,)
        return np.asarray((grades * worth).sum(1) / np.maximum(ideal.sum(1), 1e-9))


class NdcgReward:
    """Normalised discounted cumulative gain with the grade as the gain. Grades need not be whole numbers: they may
    be clicks per examination, for instance."""

    depth = SHOWN_RANKS

    def __call__(self, grades: Grades, ideal: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float64]:
        """See `Reward`."""
        del rng
        return self.expected(grades, ideal)

    def expected(self, grades: Grades, ideal: NDArray[np.float32]) -> NDArray[np.float64]:
        """See `Reward`."""
        ranks = ranks_to(grades.shape[1])
        best = dcg(ranks, ideal[:, : grades.shape[1]])
        return np.asarray(dcg(ranks, grades) / np.maximum(best, 1e-9))


def make_reward(
    name: RewardName, click_model: ClickModel, credit: ClickCredit, rank_depth: int = WORTHY_RANKS
) -> Reward:
    """The reward of this name; `click_model` and `credit` are used by the rewards of clicks, `rank_depth` is the
    number of ranks that `rank` and `hindsight` read. The other rewards read `SHOWN_RANKS`."""
    rewards: dict[RewardName, Reward] = {
        "click": ClickReward(click_model, credit),
        "expected_click": ExpectedClickReward(click_model, credit),
        "rank": RankReward(rank_depth),
        "hindsight": HindsightReward(rank_depth),
        "ndcg": NdcgReward(),
    }
    return rewards[name]
