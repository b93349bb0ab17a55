"""The blends from which one is chosen on held-out queries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from untilclick.rewriter.data.environment import FEEDBACK_TERMS
from untilclick.rewriter.serving.blend import BlendSettings, Recall
from untilclick.rewriter.serving.readings.mixture import Mixture

GRID_TERMS = (20, 60, 200)
"""Numbers of expansion terms. Many terms of small weight find more and harm less than few of large weight; 200 cost
the default engine 2 ms."""
GRID_SHARPNESS = (0.2, 0.35, 0.6, 1.0)
"""Exponents on the policy's probabilities, mostly below 1: the policy is more certain about queries like those it was
trained on than about new ones."""
GRID_WEIGHTS = tuple(
    (original / 20, feedback / 20, (20 - original - feedback) / 20)
    for original in (4, 5, 6, 7, 8, 10, 12, 14, 16, 17, 18, 19)
    for feedback in (0, 1, 2, 4, 6)
    if original + feedback < 20
)
"""(original, feedback, rewrite), which sum to 1; the original keeps at least a fifth."""
GRID_CONTEXT = (0.25, 0.0, 0.1, 0.4, 0.5)
"""Limits of the share that words of earlier queries get; the first of equally good ones is chosen."""
GRID_GAPS = (0.0, 0.5)
"""Values of `BlendSettings.full_gap`. The first of equally good values is chosen; the first value
turns the shares off."""


GRID_MIXTURES = tuple(
    Mixture(typed / 10, words / 10, rule)
    for rule in ("balanced", "fixed")
    for typed in (1, 2, 3, 4, 5, 7)
    for words in (1, 2, 3, 4, 5, 6)
    if typed + words < 10
)
"""Mixtures with documents by meaning, of which the first is chosen of equally good ones."""


def mixed(shape: BlendSettings) -> Iterator[BlendSettings]:
    """A shape with every mixture."""
    for mixture in GRID_MIXTURES:
        yield replace(shape, mixture=mixture)


def expansion_shapes(recall: Recall, documents: Recall | None = None) -> Iterator[BlendSettings]:
    """Every number of terms at every sharpness, of the terms that are recalled so, with these scores of documents."""
    for terms in GRID_TERMS:
        for sharpness in GRID_SHARPNESS:
            yield BlendSettings(
                expansion_terms=terms,
                sharpness=sharpness,
                feedback_terms=FEEDBACK_TERMS,
                recall=recall,
                documents=documents,
            )


def weighted(shape: BlendSettings) -> Iterator[BlendSettings]:
    """A shape with every combination of weights and of `full_gap`."""
    for gap in GRID_GAPS:
        for original, feedback, rewrite in GRID_WEIGHTS:
            yield replace(shape, original=original, feedback=feedback, rewrite=rewrite, full_gap=gap)
