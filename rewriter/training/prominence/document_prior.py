"""The weight of the documents' prominence in a chosen blend.

It is learned like the other weights of a blend: on held-out needs of the log. Since it is a single number for all
queries, it is chosen last, for a blend whose other weights are fixed. What many documents name is wanted more often
than what none names only if the needs of the log show it, so the weight stays 0 unless another one is better by two
standard errors, by need, and harms no more queries than the caution accepts. It is judged with the rest of the
blend. A log of simulated users shows how they were made to want what others name (`simulate.prominence_exponent`):
that assumption is taught, and what it is worth to people is in docs/experiments.md (2026-11-30).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from untilclick.rewriter.serving.blend import BlendSettings
from untilclick.rewriter.training.blend_scores import BlendCandidate, BlendScores, ReadQueries
from untilclick.rewriter.training.scored import Floats, Needs, Strata, mean_of, standard_error

GRID_PRIORS = (0.02, 0.05, 0.1)
"""Weights that are tried beside 0; docs/experiments.md (2026-11-30) has what they do to queries of documents whose
prominence says nothing."""
STANDARD_ERRORS = 2.0
"""Number of standard errors by which a weight has to be better than 0."""

Excess = Callable[[Floats], float]
"""Gives the share of queries that are harmed beyond what is accepted, from the nDCG@10 of the queries (B,)."""


def prior_candidate(
    settings: BlendSettings,
    blends: BlendScores,
    queries: ReadQueries,
    needs: Needs,
    excess: Excess,
    strata: Strata | None = None,
) -> BlendCandidate | None:
    """The blend with the weight of the prior that is the best on held-out queries, and what it reaches; None if that
    is the blend as it is. `needs` (B,): number of the need of each query. `strata`: those that means are taken over.

    None also for a blend without a mixture, and for documents that do not name each other.
    """
    if settings.mixture is None or not blends.has_prior:
        return None
    weights = (0.0, *GRID_PRIORS)
    mixtures = [replace(settings.mixture, prior=weight) for weight in weights]
    without, *others = blends.candidates([replace(settings, mixture=mixture) for mixture in mixtures], queries)
    best = without
    for other in others:
        lead = other.ndcg - without.ndcg  # (B,)
        is_better = mean_of(lead, strata) > STANDARD_ERRORS * standard_error(lead, needs, strata) and lead.any()
        if is_better and excess(other.ndcg) <= excess(without.ndcg) and mean_of(other.ndcg - best.ndcg, strata) > 0:
            best = other
    return None if best.settings == settings else best
