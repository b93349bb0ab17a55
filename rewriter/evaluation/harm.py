"""How many topics a system makes better or worse, against BM25 and against the strongest system that learned nothing.

A mean hides who pays for it. A gain over BM25 that an untrained system reaches too is not the training's own, and
neither is its harm told by BM25 alone. Intervals of the shares are in `statistics.Comparison`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from untilclick.rewriter.evaluation.statistics import TIE_TOLERANCE
from untilclick.rewriter.evaluation.system_names import APART, BASELINE, UNTRAINED
from untilclick.search.measures.metrics import HARM_MARGIN, TopicScores

HARM_MEASURE = "nDCG@10"
"""The measure of harm and of strength."""


@dataclass(frozen=True, slots=True)
class Harm:
    """A system against a rival, topic by topic."""

    system: str
    against: str
    """The rival: `bm25`, or the strongest untrained system."""
    helped_share: float
    """Share of topics on which the system is better by more than HARM_MARGIN of nDCG@10, 0..1."""
    harmed_share: float
    """Share of topics on which it is worse by more than that, 0..1."""


def strongest_untrained(means: Mapping[str, float]) -> str | None:
    """The untrained system of the highest mean; of equal ones the first of UNTRAINED. None if there is none.

    The choice is made on the reported topics, which favours the rival.
    """
    return max((name for name in UNTRAINED if name in means), key=lambda name: means[name], default=None)


def harms(scores: Mapping[str, TopicScores]) -> tuple[Harm, ...]:
    """Every system that competes against BM25, then every one against the strongest untrained system, if that is
    another; rivals that were not evaluated are left out."""
    values = {name: system.values[HARM_MEASURE] for name, system in scores.items() if name not in APART}
    strongest = strongest_untrained({name: float(np.mean(each)) for name, each in values.items()})
    rivals = dict.fromkeys(name for name in (BASELINE, strongest) if name is not None and name in values)
    return tuple(
        Harm(name, rival, _share(values[name] - values[rival]), _share(values[rival] - values[name]))
        for rival in rivals
        for name in values
        if name != rival
    )


def _share(difference: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
    """Share of topics (n,) that gain more than HARM_MARGIN; a gain of exactly that does not count, however it was
    rounded. 0 without topics."""
    return float(np.mean(difference > HARM_MARGIN + TIE_TOLERANCE)) if difference.size else 0.0
