"""Whether a rewriter is better or worse than another, or nobody can say, from sessions that neither has learned from.

What the sessions say of documents is in `data/click_judgments.py`. Documents that nobody was shown decide nothing.
Tests and intervals resample needs, because queries of one need are won and lost together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from untilclick.rewriter.data.click_judgments import JudgedInput
from untilclick.rewriter.evaluation.statistics import SIGNIFICANCE, Comparison, TopicValues, compare
from untilclick.rewriter.judging.evidence import LEAST_JUDGED, Finding, Verdict
from untilclick.rewriter.judging.partial_judgments import DEPTH, difference_bounds, unknown_share
from untilclick.rewriter.judging.sentences import difference_text
from untilclick.rewriter.rewrite import Rewriter, RewriteRequest
from untilclick.rewriter.serving.readings.ranker import rank
from untilclick.rewriter.serving.readings.searched_query import SearchedQuery
from untilclick.rewriter.training.scored import standard_error
from untilclick.search.engines.protocol import SearchEngine

MEASURE = "nDCG@10"
MAX_JUDGED = 2_000
"""Largest number of queries that are judged; with as many, differences of .01 show."""
VERDICTS_PER_VERSION = 2
"""Verdicts that may activate a version: on new needs and on returning ones."""
VERDICT_SIGNIFICANCE = SIGNIFICANCE / VERDICTS_PER_VERSION
"""Each verdict is tested at this level, so that a version that is no better passes either with a probability of at
most `SIGNIFICANCE` (Bonferroni's correction: Dunn, "Multiple Comparisons among Means", JASA 56(293), 1961). Versions
that are judged one after the other by the same needs are not corrected for."""
STANDARD_ERRORS = 2.0
"""Standard errors of a lead, for the rule of few needs."""
LEAST_BY_ERRORS = 10
"""Smallest number of needs for this rule: the standard error of fewer differences is itself hardly known."""
_BATCH = 64
"""Queries rewritten in one call."""


@dataclass(frozen=True)
class Contestant:
    """A rewriter under its name, with the engine that searches its rewrites."""

    name: str
    rewriter: Rewriter | None
    """None searches queries as typed."""
    engine: SearchEngine
    """Searches an index by the analysis that the rewriter was trained with."""


class Outcome(NamedTuple):
    """What a comparison gave: bounds of the difference, which are equal if all documents are known."""

    lower: Comparison
    upper: Comparison
    errors: tuple[float, float]
    """Standard errors by need of the lower and the upper bound."""
    unseen: tuple[float, float]
    """Shares of the first ten documents of which nothing is known, of the version and of the other."""


Decision = Callable[[Outcome], tuple[Verdict, str]]
"""The verdict, and why there is none; no reason if interval and p value say it."""


def by_test(outcome: Outcome) -> tuple[Verdict, str]:
    """A `Decision` by interval and significance test, for `LEAST_JUDGED` needs or more."""
    lower, upper = outcome.lower, outcome.upper
    if (n_needs := lower.n_needs or 0) < LEAST_JUDGED:
        return Verdict.CANNOT_SAY, _too_few(n_needs, LEAST_JUDGED)
    if lower.ci95[0] > 0 and lower.p < VERDICT_SIGNIFICANCE:
        return Verdict.BETTER, ""
    if upper.ci95[1] < 0 and upper.p < VERDICT_SIGNIFICANCE:
        return Verdict.WORSE, ""
    return Verdict.CANNOT_SAY, _because_of_unknown(outcome)


def by_standard_errors(outcome: Outcome) -> tuple[Verdict, str]:
    """A `Decision` by the standard error, for few needs, `LEAST_BY_ERRORS` or more: a lead or a lag of more than
    `STANDARD_ERRORS`."""
    lower, upper = outcome.lower, outcome.upper
    if (n_needs := lower.n_needs or 0) < LEAST_BY_ERRORS:
        return Verdict.CANNOT_SAY, _too_few(n_needs, LEAST_BY_ERRORS)
    if lower.difference > STANDARD_ERRORS * outcome.errors[0]:
        return Verdict.BETTER, ""
    if upper.difference < -STANDARD_ERRORS * outcome.errors[1]:
        return Verdict.WORSE, ""
    return Verdict.CANNOT_SAY, _because_of_unknown(outcome) or _within_errors(outcome)


def judge(
    version: Contestant,
    other: Contestant,
    inputs: Sequence[JudgedInput],
    clauses: int,
    rng: np.random.Generator,
    decide: Decision = by_test,
) -> Finding:
    """Whether a version is better or worse than another, on inputs that neither has learned from.

    Each searches with its own engine, over the same documents. As in the service, only the heaviest `clauses` clauses
    of a rewrite are searched. At most MAX_JUDGED inputs are used, the first.

    Where documents are unknown, the difference has bounds, see `judging/partial_judgments.py`. `difference` is their
    middle, `ci95` reaches from the lower end of the lower bound to the upper end of the upper one, and `p` is that of
    the bound nearer to 0, or 1 if 0 is between them. The harmed share counts inputs that are harmed even by the upper
    bound.
    """
    judged = inputs[:MAX_JUDGED]
    ours, theirs = (first_documents(contestant, judged, clauses) for contestant in (version, other))
    known = [_known(each, {*a, *b}) for each, a, b in zip(judged, ours, theirs, strict=True)]
    bounds = difference_bounds(ours, theirs, known)
    needs = np.array([each.need for each in judged], dtype=np.int64)
    names = version.name, other.name
    lower = upper = _against_zero(bounds.lower, names, needs, rng)
    if not np.array_equal(bounds.lower, bounds.upper):
        upper = _against_zero(bounds.upper, names, needs, rng)
    errors = (standard_error(bounds.lower, needs), standard_error(bounds.upper, needs)) if judged else (0.0, 0.0)
    outcome = Outcome(lower, upper, errors, (unknown_share(ours, known), unknown_share(theirs, known)))
    verdict, reason = decide(outcome)
    return Finding(
        against=other.name,
        verdict=verdict,
        measure=MEASURE,
        difference=(lower.difference + upper.difference) / 2,
        ci95=(lower.ci95[0], upper.ci95[1]),
        p=lower.p if lower.difference > 0 else upper.p if upper.difference < 0 else 1.0,
        harmed_share=upper.harmed_share,
        n_queries=len(judged),
        n_needs=lower.n_needs or 0,
        unseen=None if all(each.complete for each in judged) else outcome.unseen,
        reason=reason,
    )


def _too_few(n_needs: int, least: int) -> str:
    return f"there are {n_needs} needs to judge by, and a verdict takes {least}"


def _within_errors(outcome: Outcome) -> str:
    """The reason if a difference is not large enough: the bound nearer to 0, or one of two that are equal."""
    ahead = outcome.lower.difference > 0
    nearer, error = (outcome.lower, outcome.errors[0]) if ahead else (outcome.upper, outcome.errors[1])
    differs = difference_text(MEASURE, nearer.difference, nearer.n, nearer.n_needs or 0)
    return f"{differs}, and two standard errors are {STANDARD_ERRORS * error:.3f}"


def _because_of_unknown(outcome: Outcome) -> str:
    """A reason if the documents that nobody was shown decide; empty otherwise."""
    lower, upper, unseen = outcome.lower.difference, outcome.upper.difference, outcome.unseen
    if not lower <= 0 <= upper or lower == upper:
        return ""
    return (
        f"{unseen[0]:.0%} of its first ten documents, and {unseen[1]:.0%} of the other's, were never shown to a "
        f"searcher, and depending on them {MEASURE} differs by {lower:+.3f} to {upper:+.3f}"
    )


def _known(judged: JudgedInput, ranked: Set[str]) -> Mapping[str, float]:
    """The grades of all known documents among those ranked, and of all others that are relevant."""
    return {**dict.fromkeys(ranked, 0.0), **judged.grades} if judged.complete else judged.grades


def _against_zero(
    values: NDArray[np.float64], names: tuple[str, str], needs: NDArray[np.int64], rng: np.random.Generator
) -> Comparison:
    """Compare the differences of two versions with none."""
    a, b = TopicValues(names[0], values), TopicValues(names[1], np.zeros(values.size))
    return compare(a, b, MEASURE, rng, needs=needs)


def first_documents(
    contestant: Contestant, judged: Sequence[JudgedInput], clauses: int, depth: int = DEPTH
) -> list[list[str]]:
    """The ids of the first documents for each input, as the service shows them."""
    engine = contestant.engine
    rankings: list[list[str]] = []
    for start in range(0, len(judged), _BATCH):
        typed = [each.query for each in judged[start : start + _BATCH]]
        titled = [engine.with_title(query) for query in typed]
        ranked = rank(engine, _searched(contestant.rewriter, typed), depth, titled=titled, clauses=clauses)
        rankings += [[document.doc_id for document in ranking.shown] for ranking in ranked]
    return rankings


def _searched(rewriter: Rewriter | None, queries: Sequence[str]) -> list[SearchedQuery]:
    if rewriter is None:
        return [SearchedQuery.typed(query) for query in queries]
    return [SearchedQuery.of(rewrite) for rewrite in rewriter.rewrite([RewriteRequest(q) for q in queries])]
