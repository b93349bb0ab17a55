"""Prompts and rewards in trlX's form: texts, with metadata for each prompt.

A prompt is a dictionary with its text, the query's own terms, the queries as typed and its position among the
prompts. The reward finds the query by that position, because a decoded text may differ from the query.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from untilclick.rewriter.data.environment import FoundDocuments
from untilclick.rewriter.data.generation_environment import GenerationEnvironment
from untilclick.rewriter.language.language import Language
from untilclick.rewriter.language.prompts import Prompt
from untilclick.rewriter.policy.models import PolicyVocabulary
from untilclick.rewriter.policy.sampling import sample
from untilclick.rewriter.policy.sequences import Rollouts
from untilclick.rewriter.policy.t5 import T5Policy

if TYPE_CHECKING:
    from untilclick.rewriter.trlx.prompts import RewriterPromptPipeline  # needs trlX, this module does not


def prompt_record(prompt: Prompt, position: int, language: Language, need: int | None = None) -> dict[str, Any]:
    """The dictionary of a prompt, with the number of its need if that is known. Its text has no end token; the
    pipeline adds it.

    Any: trlX passes all other entries on to the reward.
    """
    record = {**language.prompt_texts(prompt)._asdict(), "position": position}
    return record if need is None else {**record, "need": need}


class RewriteReward:
    """A `reward_fn` for trlX: the gain of each rewrite over its original query."""

    found: FoundDocuments | None
    """Relevant documents in the rankings of the last call, by group of samples: a `reward_fn` can only return
    numbers. The trainer reads the attribute from any `reward_fn`, so its name is part of the interface."""

    def __init__(self, environment: GenerationEnvironment, rng: np.random.Generator) -> None:
        """`rng` draws simulated clicks; each process needs its own."""
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
        """The gain of each output over the query at its `position`. Samples of one query are scored together if they
        are next to each other in groups of equal size."""
        del samples, prompts, metadata
        rows = _grouped(np.asarray(position, dtype=np.int64))
        rewards = self._environment.rewards_of_texts(rows, outputs, self.rng)
        self.found = rewards.found_documents
        gain: list[float] = rewards.gain.tolist()
        return gain


@dataclass(frozen=True)
class TextRewards:
    """Asks a `reward_fn` of trlX for the rewards of sequences."""

    reward_fn: Callable[..., Sequence[float]]
    vocabulary: PolicyVocabulary
    """Turns tokens into text."""
    tokenizer: object
    """trlX's tokenizer, passed on to `reward_fn`."""

    def of(self, pipeline: RewriterPromptPipeline, rows: Sequence[int], rollouts: Rollouts) -> NDArray[np.float64]:
        """(N,) rewards of N = B x G sequences for the B prompts at positions `rows` of the pipeline. `reward_fn` gets
        the texts of the sequences without end tokens, and each prompt's text and metadata as the caller gave them."""
        samples_per_prompt = rollouts.ids.shape[0] // len(rows)
        repeated = [row for row in rows for _ in range(samples_per_prompt)]
        sequences = zip(rollouts.ids.cpu(), rollouts.terms.cpu(), strict=True)
        outputs = [self.vocabulary.text(tokens[real].tolist()) for tokens, real in sequences]
        prompts, metadata = pipeline.reward_arguments(repeated)
        samples = [f"{prompt} {output}" for prompt, output in zip(prompts, outputs, strict=True)]
        rewards = self.reward_fn(
            samples=samples, prompts=prompts, outputs=outputs, tokenizer=self.tokenizer, **metadata
        )
        return np.asarray(rewards, dtype=np.float64)

    def of_best_terms(
        self, policy: T5Policy, pipeline: RewriterPromptPipeline, rows: Sequence[int], size: int, terms: int
    ) -> list[float]:
        """Rewards of a policy's best sequences of at most `terms` terms for the prompts at positions `rows` of the
        pipeline, `size` prompts at a time."""
        rewards: list[float] = []
        for first in range(0, len(rows), size):
            batch = rows[first : first + size]
            drawn = sample(policy, policy.batch([pipeline[row] for row in batch]), 1, terms, None)
            rewards += self.of(pipeline, batch, drawn).tolist()
        return rewards


def _grouped(positions: NDArray[np.int64]) -> NDArray[np.int64]:
    """One entry per group if equal positions (N,) are in groups of equal size, else all positions:
    [3, 3, 5, 5] -> [3, 5], but [3, 3, 5] -> [3, 3, 5]."""
    starts = np.flatnonzero(np.diff(positions, prepend=-1))  # first member of each group
    sizes = np.diff(starts, append=positions.size)
    return positions[starts] if (sizes == sizes[0]).all() else positions
