"""The words for findings, the same in terminals, records and answers of the service."""

from __future__ import annotations

from untilclick.rewriter.judging.evidence import (
    AS_TYPED,
    FEW_NEEDS,
    UNTRAINED,
    WITHOUT_SIMULATED,
    Evidence,
    Finding,
    LearnedWords,
    Verdict,
)
from untilclick.rewriter.judging.split_record import SplitRecord

_OTHERS = {
    AS_TYPED: "the query as typed",
    UNTRAINED: "the untrained rewriter",
    WITHOUT_SIMULATED: "the training without them",
}


def sentence(finding: Finding) -> str:
    """A finding in one sentence: `Better than the untrained rewriter: nDCG@10 +0.031 on 420 queries of 145 needs that
    it has not learned from (95 % interval +0.012 to +0.050, p = 0.001).`"""
    other = _OTHERS.get(finding.against, f"version {finding.against}")
    if finding.verdict is Verdict.CANNOT_SAY:
        start = f"Cannot say whether it is better than {other}"
        return (
            f"{start}: {finding.reason}."
            if finding.reason
            else f"{start}, the difference may be chance: {_figures(finding)}."
        )
    return f"{finding.verdict.capitalize()} than {other}: {_figures(finding)}."


def of_split(split: SplitRecord) -> str:
    """The needs of a log in one sentence."""
    sessions, needs = _counted(split.n_clicked, "session"), _counted(split.n_needs, "need")
    largest = f", the largest of {_counted(split.largest, 'session')}" if split.n_needs else ""
    sentence = f"{sessions} with a click or a topic state {needs}{largest}."
    if split.n_typed_in_training:
        queries = _counted(split.n_typed_in_training, "held-out query", "held-out queries")
        sentence += f" {queries} were also typed in training and judge nothing."
    return sentence


def of_words(words: LearnedWords) -> str:
    """What was learned of words that no document holds, in a sentence or two."""
    parts = []
    if words.confirmed:
        parts.append(f"For {', '.join(words.confirmed)} it finds what visitors clicked that it has not learned from.")
    if words.unconfirmed:
        parts.append(
            f"For {', '.join(words.unconfirmed)} it does not find what they clicked, or the untrained rewriter ranks "
            "it higher: clicks of more visitors are needed."
        )
    return " ".join(parts)


def few_needs(evidence: Evidence) -> str:
    """A sentence if the log holds few needs; empty otherwise."""
    if not evidence.few_needs:
        return ""
    needs = _counted(evidence.split.n_needs, "need")
    return (
        f"The log holds {needs}. Below {FEW_NEEDS}, what was learned has to lead the untrained rewriter by two "
        "standard errors, on needs that took no part in any choice."
    )


def p_text(p: float) -> str:
    """`p = 0.040`, or `p < 0.001`."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def difference_text(measure: str, difference: float, n_queries: int, n_needs: int) -> str:
    """`nDCG@10 differs by -0.004 on 36 queries of 5 needs`."""
    on = f"{_counted(n_queries, 'query', 'queries')} of {_counted(n_needs, 'need')}"
    return f"{measure} differs by {difference:+.3f} on {on}"


def _figures(finding: Finding) -> str:
    low, high = finding.ci95
    queries, needs = _counted(finding.n_queries, "query", "queries"), _counted(finding.n_needs, "need")
    test = f"95 % interval {low:+.3f} to {high:+.3f}, {p_text(finding.p)}"
    held_out = f"{needs} of visitors" if finding.by_visitor else needs
    on = f"on {queries} of {held_out} that it has not learned from"
    figures = f"{finding.measure} {finding.difference:+.3f} {on} ({test})"
    if finding.unseen is None:
        return figures
    own, others = finding.unseen
    shares = f"{own:.0%} of its first ten documents, and {others:.0%} of the other's"
    return f"{figures}; {shares}, were never shown to a searcher"


def _counted(n: int, one: str, more: str = "") -> str:
    return f"{n:,} {one if n == 1 else more or f'{one}s'}"
