"""The weight of the documents' prominence in a chosen blend.

It is learned like the other weights of a blend: on held-out needs of the log. Since it is a single number for all
queries, it is chosen last, for a blend whose other weights are fixed. What many documents name is wanted more often
than what none names only if the needs of the log show it, so the weight stays 0 unless another one is better by two
standard errors, by need, and harms no more queries than the caution accepts. It is judged with the rest of the
blend. A log of simulated users shows how they were made to want what others name (`simulate.prominence_exponent`):
that assumption is taught, and what it is worth to people is in docs/experiments.md (2026-11-30).

Every query counts as much, and the standard error is by need. The strata by which queries made from documents choose
the other weights are not those of this one: how often a document is named has nothing to do with the words that a
query shares with it. Nor does every need count once: that prominent documents are wanted more often shows in how
often needs are looked for, which equal needs would hide. Some hundred needs tell a gain of a hundredth from none in
some splits alone (docs/experiments.md, 2026-12-01), so needs that were learned from choose as well, where the blend
reads nothing that was learned (`FurtherNeeds`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from untilclick.rewriter.data.logged_queries import JudgedQuery
from untilclick.rewriter.judging.needs import terms_of_query
from untilclick.rewriter.serving.blend import BlendSettings
from untilclick.rewriter.training.blend_scores import BlendCandidate, BlendScores, ReadQueries
from untilclick.rewriter.training.scored import Floats, Needs, standard_error
from untilclick.search.analysis.analysis import Analysis

GRID_PRIORS = (0.02, 0.05, 0.1)
"""Weights that are tried beside 0; docs/experiments.md (2026-11-30) has what they do to queries of documents whose
prominence says nothing."""
STANDARD_ERRORS = 2.0
"""Number of standard errors by which a weight has to be better than 0."""
FURTHER_QUERIES = 2000
"""Largest number of queries that choose beside those of the validation."""
FURTHER_SCORES = 20_000_000
"""Largest number of scores of documents that these queries have: in a large corpus they are fewer."""

Excess = Callable[[Floats], float]
"""Gives the share of queries that are harmed beyond what is accepted, from the nDCG@10 of the queries (B,)."""


@dataclass(frozen=True, eq=False)
class FurtherNeeds:
    """Queries of needs that were learned from; those of blends that read nothing learned choose as well."""

    blends: BlendScores
    """F queries."""
    needs: Needs
    """(F,) number of the need of each query; none is a need of the validation."""


def prior_candidate(
    settings: BlendSettings,
    blends: BlendScores,
    queries: ReadQueries,
    needs: Needs,
    excess: Excess,
    further: FurtherNeeds | None = None,
) -> BlendCandidate | None:
    """The blend with the weight of the prior that is the best on held-out queries, and what it reaches; None if that
    is the blend as it is. `needs` (B,): number of the need of each query. `further`: queries that choose as well, if
    the blend recalls nothing that was learned; then `excess` gets (B + F,) values.

    None also for a blend without a mixture, and for documents that do not name each other.
    """
    if settings.mixture is None or not blends.has_prior:
        return None
    weights = (0.0, *GRID_PRIORS)
    tried = [replace(settings, mixture=replace(settings.mixture, prior=weight)) for weight in weights]
    candidates = blends.candidates(tried, queries)
    values = [candidate.ndcg for candidate in candidates]
    if further is not None:
        more = further.blends.candidates(tried, further.blends.read_by(queries.model))
        values = [np.concatenate((each, of_more.ndcg)) for each, of_more in zip(values, more, strict=True)]
        needs = np.concatenate((needs, further.needs))
    best = candidates[best_weight(values, needs, excess)]
    return None if best.settings == settings else best


def best_weight(values: Sequence[Floats], needs: Needs, excess: Excess) -> int:
    """The place of the weight of the best mean among those that lead the first by `STANDARD_ERRORS` and harm no more
    than it; 0 if none does. `values`: nDCG@10 of the queries (B,) with each weight; `needs` (B,): theirs."""
    without, best, most = values[0], 0, 0.0
    for place, ndcg in enumerate(values[1:], start=1):
        lead = ndcg - without  # (B,)
        leads = lead.any() and lead.mean() > STANDARD_ERRORS * standard_error(lead, needs)
        if leads and excess(ndcg) <= excess(without) and lead.mean() > most:
            best, most = place, float(lead.mean())
    return best


def further_queries(
    queries: Iterable[JudgedQuery], typed: Iterable[str], n_documents: int, analysis: Analysis
) -> list[JudgedQuery]:
    """As many queries as `FURTHER_QUERIES` and `FURTHER_SCORES` allow, drawn with a fixed seed from those that are
    the first of a session and have a relevant document and a known need: a need that is looked for often has more of
    them. No two have the same index terms, and none has those of a query that is `typed` already."""
    first = [query for query in queries if query.need is not None and query.relevance and not query.request.history]
    most = min(FURTHER_QUERIES, FURTHER_SCORES // max(n_documents, 1))
    seen = {terms_of_query(query, analysis) for query in typed}
    chosen: list[JudgedQuery] = []
    for place in np.random.default_rng(0).permutation(len(first)).tolist():
        if len(chosen) == most:
            break
        terms = terms_of_query(first[place].request.query, analysis)
        if terms not in seen:
            seen.add(terms)
            chosen.append(first[place])
    return chosen
