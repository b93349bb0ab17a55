"""Rewards and prompts as trlX passes them: texts, with metadata beside each prompt.

A prompt is a dictionary of its text, the query's own terms and its position among the training queries; the reward is
found by that position, never by the decoded text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from untilclick.rewriter.data.environment import FoundDocuments
from untilclick.rewriter.data.generation_environment import GenerationEnvironment
from untilclick.rewriter.language.language import Language
from untilclick.rewriter.language.prompts import Prompt


def prompt_record(prompt: Prompt, position: int, language: Language) -> dict[str, Any]:
    """The dictionary of one prompt; the text leaves out the end token, which the tokenizer's user adds.

    Any: trlX passes whatever stands beside the prompt on to the reward.
    """
    return {**language.prompt_texts(prompt)._asdict(), "position": position}


class RewriteReward:
    """`reward_fn` of trlX: the gain of each rewrite over its original query."""

    found: FoundDocuments | None
    """Relevant documents in the rankings of the last call, by group of samples; trlX itself takes numbers alone."""

    def __init__(self, environment: GenerationEnvironment, rng: np.random.Generator) -> None:
        """`rng` draws simulated clicks; give each process its own."""
        self._environment = environment
        self.rng = rng
        self.found = None

    def __call__(
        self,
        samples: Sequence[str],
        prompts: Sequence[str],
        outputs: Sequence[str],
        position: Sequence[int],
        **metadata: object,
    ) -> list[float]:
        """The gain of each output; `position` says which query it rewrites. Samples of one query are scored together
        where they stand next to each other in groups of one size."""
        del samples, prompts, metadata
        rows = _grouped(np.asarray(position, dtype=np.int64))
        paid = self._environment.rewards_of_texts(rows, outputs, self.rng)
        self.found = paid.found
        gain: list[float] = paid.gain.tolist()
        return gain


def _grouped(positions: NDArray[np.int64]) -> NDArray[np.int64]:
    """One entry per group where equal positions stand in groups of one size, the positions themselves elsewhere."""
    starts = np.flatnonzero(np.diff(positions, prepend=-1))
    sizes = np.diff(starts, append=positions.size)
    return positions[starts] if (sizes == sizes[0]).all() else positions
