"""The words for findings, the same in terminals, records and answers of the service."""

from __future__ import annotations

from untilclick.rewriter.judging.evidence import AS_TYPED, UNTRAINED, Finding, Verdict

_OTHERS = {AS_TYPED: "the query as typed", UNTRAINED: "the untrained rewriter"}


def sentence(finding: Finding) -> str:
    """A finding in one sentence: `Better than the untrained rewriter: nDCG@10 +0.031 on 420 queries of 145 needs that
    it has not learned from (95 % interval +0.012 to +0.050, p 0.001).`"""
    other = _OTHERS.get(finding.against, f"version {finding.against}")
    if finding.verdict is Verdict.CANNOT_SAY:
        start = f"Cannot say whether it is better than {other}"
        return (
            f"{start}: {finding.reason}."
            if finding.reason
            else f"{start}, the difference may be chance: {_figures(finding)}."
        )
    return f"{finding.verdict.capitalize()} than {other}: {_figures(finding)}."


def _figures(finding: Finding) -> str:
    low, high = finding.ci95
    queries = "query" if finding.n_queries == 1 else "queries"
    needs = "need" if finding.n_needs == 1 else "needs"
    figures = (
        f"{finding.measure} {finding.difference:+.3f} on {finding.n_queries:,} {queries} of {finding.n_needs:,} "
        f"{needs} that it has not learned from (95 % interval {low:+.3f} to {high:+.3f}, p {finding.p:.3f})"
    )
    if finding.unseen is None:
        return figures
    own, others = finding.unseen
    shares = f"{own:.0%} of its first ten documents, and {others:.0%} of the other's"
    return f"{figures}; {shares}, were never shown to a searcher"
