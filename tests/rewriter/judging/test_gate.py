"""The gate: what may answer, by evidence and by what answers now."""

from dataclasses import replace

import pytest

from untilclick.rewriter.judging.evidence import AS_TYPED, UNTRAINED, Evidence, Finding, LearnedWords, Verdict
from untilclick.rewriter.judging.gate import Answering, Carried, Use, admitted, admitted_untrained, refusal
from untilclick.rewriter.judging.sentences import sentence
from untilclick.rewriter.judging.split_record import SplitRecord

BETTER, WORSE, CANNOT_SAY = Verdict.BETTER, Verdict.WORSE, Verdict.CANNOT_SAY
NOW = Answering("0123456789ab", Use.LEARNED)
WORDS = LearnedWords(("bill", "hoover"), ("frusk",))


def finding(verdict: Verdict, against: str = UNTRAINED, reason: str = "") -> Finding:
    difference = {BETTER: 0.03, WORSE: -0.03, CANNOT_SAY: 0.004}[verdict]
    interval = (difference - 0.01, difference + 0.01)
    return Finding(against, verdict, "nDCG@10", difference, interval, 0.001, 0.05, 420, 145, reason=reason)


def evidence(
    untrained: Verdict = CANNOT_SAY,
    typed: Verdict = CANNOT_SAY,
    start: Verdict = CANNOT_SAY,
    before: Verdict | None = None,
    returning: Verdict | None = None,
    words: LearnedWords | None = None,
) -> Evidence:
    return Evidence(
        SplitRecord("00000000", 900, 800, 700, 12, 0, 30),
        finding(typed, AS_TYPED),
        finding(untrained),
        finding(start, AS_TYPED),
        None if before is None else finding(before, NOW.version),
        None if returning is None else finding(returning),
        words,
    )


@pytest.mark.parametrize(
    ("of", "now", "use"),
    [
        (None, None, Use.LEARNED),
        (None, NOW, Use.LEARNED),
        (evidence(BETTER), None, Use.LEARNED),
        (evidence(CANNOT_SAY), None, Use.UNTRAINED),
        (evidence(CANNOT_SAY, typed=BETTER), None, Use.UNTRAINED),
        (evidence(WORSE), None, Use.UNTRAINED),
        (evidence(BETTER, typed=WORSE), None, Use.UNTRAINED),
        (evidence(WORSE, start=WORSE), None, Use.NOTHING),
        (evidence(CANNOT_SAY, returning=BETTER), None, Use.RETURNING),
        (evidence(WORSE, returning=BETTER), None, Use.UNTRAINED),
        (evidence(CANNOT_SAY, start=WORSE, returning=BETTER), None, Use.NOTHING),
        (evidence(CANNOT_SAY, returning=WORSE), None, Use.UNTRAINED),
        (evidence(BETTER, before=BETTER), NOW, Use.LEARNED),
        (evidence(BETTER, before=CANNOT_SAY), NOW, Use.NOTHING),
        (evidence(BETTER, before=WORSE), NOW, Use.NOTHING),
        (evidence(BETTER, typed=WORSE, before=BETTER), NOW, Use.NOTHING),
        (evidence(BETTER), NOW, Use.NOTHING),
        (evidence(BETTER, before=BETTER), Answering("another", Use.LEARNED), Use.NOTHING),
        (evidence(CANNOT_SAY, before=CANNOT_SAY, returning=BETTER), NOW, Use.NOTHING),
        (
            evidence(CANNOT_SAY, before=CANNOT_SAY, returning=BETTER),
            replace(NOW, use=Use.RETURNING),
            Use.RETURNING,
        ),
        (evidence(CANNOT_SAY, words=WORDS), None, Use.WORDS),
        (evidence(WORSE, words=WORDS), None, Use.WORDS),
        (evidence(CANNOT_SAY, words=LearnedWords((), ("frusk",))), None, Use.UNTRAINED),
        (evidence(CANNOT_SAY, words=WORDS, start=WORSE), None, Use.NOTHING),
        (evidence(CANNOT_SAY, words=WORDS, returning=WORSE), None, Use.UNTRAINED),
        (evidence(CANNOT_SAY, words=WORDS, returning=BETTER), None, Use.RETURNING),
        (evidence(BETTER, words=WORDS), None, Use.LEARNED),
        (evidence(CANNOT_SAY, before=CANNOT_SAY, words=WORDS), NOW, Use.NOTHING),
        (evidence(CANNOT_SAY, before=CANNOT_SAY, words=WORDS), replace(NOW, use=Use.RETURNING), Use.NOTHING),
        (evidence(CANNOT_SAY, before=CANNOT_SAY, words=WORDS), replace(NOW, use=Use.WORDS), Use.WORDS),
        (evidence(CANNOT_SAY, before=CANNOT_SAY, returning=BETTER), replace(NOW, use=Use.WORDS), Use.RETURNING),
    ],
)
def test_what_may_answer(of: Evidence | None, now: Answering | None, use: Use) -> None:
    admission = admitted(of, now)
    assert admission.use is use
    assert admission.reason.endswith(".")


@pytest.mark.parametrize(
    ("verdict", "against", "use"),
    [
        (BETTER, AS_TYPED, Use.UNTRAINED),
        (CANNOT_SAY, AS_TYPED, Use.UNTRAINED),
        (WORSE, AS_TYPED, Use.NOTHING),
        (BETTER, NOW.version, Use.UNTRAINED),
        (CANNOT_SAY, NOW.version, Use.NOTHING),
        (WORSE, NOW.version, Use.NOTHING),
    ],
)
def test_an_untrained_version_takes_the_place_of_another_only_if_it_is_better(
    verdict: Verdict, against: str, use: Use
) -> None:
    assert admitted_untrained(finding(verdict, against)).use is use


def test_the_reason_is_the_finding_that_decided() -> None:
    assert admitted(evidence(BETTER, typed=WORSE)).reason == sentence(finding(WORSE, AS_TYPED))
    assert admitted(evidence(BETTER)).reason == sentence(finding(BETTER))


def test_words_of_findings() -> None:
    assert sentence(finding(BETTER)) == (
        "Better than the untrained rewriter: nDCG@10 +0.030 on 420 queries of 145 needs that it has not learned from "
        "(95 % interval +0.020 to +0.040, p = 0.001)."
    )
    assert sentence(finding(WORSE, AS_TYPED)).startswith("Worse than the query as typed: nDCG@10 -0.030")
    assert sentence(finding(CANNOT_SAY, "abc")).startswith(
        "Cannot say whether it is better than version abc, the difference may be chance: nDCG@10 +0.004"
    )
    assert sentence(finding(CANNOT_SAY, reason="12 needs were kept apart, 30 are needed")) == (
        "Cannot say whether it is better than the untrained rewriter: 12 needs were kept apart, 30 are needed."
    )
    seen = replace(finding(BETTER), unseen=(0.31, 0.02))
    assert sentence(seen).endswith(
        "; 31% of its first ten documents, and 2% of the other's, were never shown to a searcher."
    )


def test_a_version_for_words_is_activated_where_the_words_may_answer() -> None:
    of = evidence(CANNOT_SAY, words=WORDS)
    assert refusal(Carried(Use.WORDS, of, asked=False), None) is None
    refused = refusal(Carried(Use.LEARNED, of, asked=False), None)
    assert refused is not None
    assert refused.startswith(
        "It may answer queries of words that no document holds alone. For bill, hoover it finds"
    )
    assert "For frusk" in refused
    assert "clicks of more visitors are needed" in refused
