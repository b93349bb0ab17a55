"""Rewards and prompts as trlX passes them: texts, with metadata beside each prompt.

A prompt is a dictionary of its text, the query's own terms and its position among the training queries; the reward is
found by that position, never by the decoded text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from untilclick.rewriter.environment import FoundDocuments, RewardEnvironment
from untilclick.rewriter.language import SubwordLanguage
from untilclick.rewriter.prompts import Prompt
from untilclick.rewriter.text_environment import TextEnvironment, padded
from untilclick.rewriter.vocabulary import TermVocabulary


def prompt_record(prompt: Prompt, position: int, vocabulary: TermVocabulary) -> dict[str, Any]:
    """The dictionary of one prompt; the text leaves out the end token, which the tokenizer's user adds.

    Any: trlX passes whatever stands beside the prompt on to the reward.
    """
    return {
        "prompt": " ".join(vocabulary.tokens[token] for token in prompt.ids[:-1]),
        "query_terms": " ".join(vocabulary.tokens[token] for token in prompt.query_ids),
        "position": position,
    }


class RewriteReward:
    """`reward_fn` of trlX: the gain of each rewrite over its original query."""

    found: FoundDocuments | None
    """What the rankings of the last call brought up, by group of samples; trlX itself takes numbers alone."""

    def __init__(self, environment: RewardEnvironment, vocabulary: TermVocabulary, rng: np.random.Generator) -> None:
        """`rng` draws simulated clicks; give each process its own."""
        self._environment = environment
        self._tokens = vocabulary.token_ids
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
        """The gain of each output, terms separated by spaces; `position` says which query it rewrites. Samples of
        one query are scored together where they stand next to each other in groups of one size."""
        del samples, prompts, metadata
        terms = [[self._tokens[term] for term in output.split() if term in self._tokens] for output in outputs]
        rows = _grouped(np.asarray(position, dtype=np.int64))
        paid = self._environment.rewards(rows, *padded(terms), self.rng)
        self.found = paid.found
        gain: list[float] = paid.gain.tolist()
        return gain


def text_record(prompt: Prompt, position: int, language: SubwordLanguage) -> dict[str, Any]:
    """The same for a subword T5, which bans no term of the query."""
    return {"prompt": language.texts([prompt.ids])[0], "position": position}


class TextReward:
    """`reward_fn` of trlX for a subword T5."""

    found: None = None
    """Nothing: there is no memory that could learn from it."""

    def __init__(self, environment: TextEnvironment, rng: np.random.Generator) -> None:
        """`rng` draws simulated clicks; give each process its own."""
        self._environment = environment
        self.rng = rng

    def __call__(
        self,
        samples: Sequence[str],
        prompts: Sequence[str],
        outputs: Sequence[str],
        position: Sequence[int],
        **metadata: object,
    ) -> list[float]:
        """The gain of each output; see `RewriteReward`."""
        del samples, prompts, metadata
        rows = _grouped(np.asarray(position, dtype=np.int64))
        gain: list[float] = self._environment.rewards_of_texts(rows, outputs, self.rng).gain.tolist()
        return gain


def _grouped(positions: NDArray[np.int64]) -> NDArray[np.int64]:
    """One entry per group where equal positions stand in groups of one size, the positions themselves elsewhere."""
    starts = np.flatnonzero(np.diff(positions, prepend=-1))
    sizes = np.diff(starts, append=positions.size)
    return positions[starts] if (sizes == sizes[0]).all() else positions
