"""The gate: what of a version may be exported, served or activated, given the evidence that it carries.

All commands and the service ask this one function. It lets through what is better beyond chance than what answers
now, and not worse than the query as typed. An operator may pass it by asking for it.

There is one exception, for queries all of whose words no document holds. Three visitors of such a query are fewer
than any test takes, and yet their clicks may answer it. As typed it finds nothing, so there is nothing to lose, and
no other query changes. Each is checked alone, by the clicks of a visitor from whom nothing was learned: among so few
documents that chance finds a click with a probability of at most .05, see `proof/returning.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from untilclick.rewriter.judging.evidence import AS_TYPED, Evidence, Finding, Verdict
from untilclick.rewriter.judging.sentences import of_words, sentence


class Use(StrEnum):
    """What of a version answers."""

    LEARNED = "learned"
    """All that it has learned, for all queries."""
    RETURNING = "returning"
    """What it has learned for queries that return; the untrained rewriter answers the others."""
    WORDS = "words"
    """What it has learned for queries of words that no document holds; the untrained rewriter answers the others."""
    UNTRAINED = "untrained"
    """The untrained rewriter alone."""
    NOTHING = "nothing"
    """Nothing of it: what answers now stays."""

    @property
    def is_scoped(self) -> bool:
        """Whether the learned model answers the queries of a scope, and the untrained rewriter the others."""
        return self in (Use.RETURNING, Use.WORDS)


@dataclass(frozen=True)
class Answering:
    """The version that answers now, if it has learned from a log."""

    version: str
    use: Use


@dataclass(frozen=True)
class Admission:
    """The answer of the gate."""

    use: Use
    reason: str
    """In one sentence, for people."""

    @property
    def sentences(self) -> str:
        """What may answer, and why."""
        return f"{_ANSWERS[self.use]} {self.reason}"


_ANSWERS = {
    Use.LEARNED: "What was learned may answer.",
    Use.RETURNING: "What was learned may answer queries that return, the untrained rewriter all others.",
    Use.WORDS: "What was learned may answer some queries of words that no document holds, the untrained rewriter all "
    "others.",
    Use.UNTRAINED: "The untrained rewriter answers, not what was learned.",
    Use.NOTHING: "What answers now stays.",
}


def admitted(evidence: Evidence | None, now: Answering | None = None) -> Admission:
    """What of a version with this evidence may answer. None for `now`: queries are searched as typed or by the
    untrained rewriter. None for `evidence`: the version has learned from documents alone, or was made by a program
    that kept no evidence, and may answer."""
    if evidence is None:
        return Admission(Use.LEARNED, "It carries no evidence: nothing was learned from a log, or none was kept.")
    rest = Use.NOTHING if now is not None or evidence.start.verdict is Verdict.WORSE else Use.UNTRAINED
    deciding = _deciding(evidence, now)
    if deciding is None:
        return Admission(rest, "It was not compared with the version that answers now.")
    worse = next(_worse(evidence, deciding), None)
    if worse is None and deciding.verdict is Verdict.BETTER:
        return Admission(Use.LEARNED, sentence(deciding))
    scoped = _scoped(evidence, now, worse)
    if scoped is not None:
        return scoped
    start = evidence.start
    return Admission(rest, sentence(worse or (start if now is None and rest is Use.NOTHING else deciding)))


def _scoped(evidence: Evidence, now: Answering | None, worse: Finding | None) -> Admission | None:
    """The admission of what was learned for some queries, with the untrained rewriter for the others; None if that
    may not answer them, and if nothing speaks for those queries. What is worse for new needs may answer words that no
    document holds."""
    now_scoped = now is not None and now.use.is_scoped
    if not (now_scoped or (now is None and evidence.start.verdict is not Verdict.WORSE)):
        return None
    returning, words = evidence.returning, evidence.words
    if worse is None and returning is not None and returning.verdict is Verdict.BETTER:
        return Admission(Use.RETURNING, sentence(returning))
    is_worse = returning is not None and returning.verdict is Verdict.WORSE
    if words is not None and words.confirmed and not is_worse and (now is None or now.use is Use.WORDS):
        return Admission(Use.WORDS, of_words(words))
    return None


def admitted_untrained(finding: Finding) -> Admission:
    """Whether an untrained version may answer, given how it compares with what answers now: in place of the query as
    typed unless it is worse, in place of a version if it is better."""
    allowed = finding.verdict is Verdict.BETTER or (
        finding.against == AS_TYPED and finding.verdict is Verdict.CANNOT_SAY
    )
    return Admission(Use.UNTRAINED if allowed else Use.NOTHING, sentence(finding))


def _deciding(evidence: Evidence, now: Answering | None) -> Finding | None:
    """The finding against what answers now; None if there is none."""
    if now is None:
        return evidence.untrained
    before = evidence.before
    return before if before is not None and before.against == now.version else None


def _worse(evidence: Evidence, deciding: Finding) -> Iterator[Finding]:
    """The findings by which the version is worse."""
    return (
        finding
        for finding in (deciding, evidence.untrained, evidence.typed, evidence.returning)
        if finding is not None and finding.verdict is Verdict.WORSE
    )


_ONLY = {
    Use.RETURNING: "It may answer queries that return alone. ",
    Use.WORDS: "It may answer queries of words that no document holds alone. ",
}


@dataclass(frozen=True)
class Carried:
    """What a version brings: the part of it that would answer, and what is known of it."""

    use: Use
    evidence: Evidence | None
    asked: bool
    """Whether an operator asked for the use against the gate when the version was exported."""


def refusal(carried: Carried, now: Answering | None) -> str | None:
    """Why a version may not answer in place of `now`; None if it may."""
    if carried.asked or carried.use is Use.UNTRAINED:
        return None
    admission = admitted(carried.evidence, now)
    if admission.use in (Use.LEARNED, carried.use):
        return None
    only = _ONLY.get(admission.use, "")
    return f"{only}{admission.reason}"
