"""docs/judging.md says what the gate does, and prints the sentences of the terminal."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import pytest

from untilclick.app.loop.renewal.config import SPLIT_KEY
from untilclick.app.terminal.proof_lines import lines_of_proof
from untilclick.rewriter.data.log_sides import SHARES
from untilclick.rewriter.evaluation.judge import (
    LEAST_BY_ERRORS,
    MAX_JUDGED,
    MEASURE,
    VERDICT_SIGNIFICANCE,
    Outcome,
    by_test,
)
from untilclick.rewriter.evaluation.statistics import SIGNIFICANCE, Comparison
from untilclick.rewriter.judging.evidence import (
    AS_TYPED,
    FEW_NEEDS,
    LEAST_JUDGED,
    UNTRAINED,
    Evidence,
    Finding,
    Verdict,
)
from untilclick.rewriter.judging.gate import Answering, Use, admitted
from untilclick.rewriter.judging.jury import JUDGED_SHARE, LEAST_LEARNED, LEAST_VISITORS, MOST_JUDGED
from untilclick.rewriter.judging.linking import FEW_GROUPS, JACCARD, LARGEST_SHARE
from untilclick.rewriter.judging.returning import ReturningRecord
from untilclick.rewriter.judging.split_record import SplitRecord

PAGE = (Path(__file__).parents[1] / "docs" / "judging.md").read_text(encoding="utf-8")
QUOTES = {
    re.sub(r"\s*^> ", " ", quote, flags=re.MULTILINE).strip()
    for quote in re.findall(r"(?:^> .+\n)+", PAGE, re.MULTILINE)
}
TEXT = " ".join(PAGE.split())

CHAMPION = "3f9c1e0b7a52"
MANY = SplitRecord("5e0c1a7b", 48_210, 31_544, 6_918, 212, 0, 1_203)
FEW = SplitRecord("5e0c1a7b", 1_020, 640, 212, 31, 0, 0)

BETTER = Finding(
    UNTRAINED, Verdict.BETTER, MEASURE, 0.031, (0.012, 0.050), 0.001, 0.05, 1_204, 1_187, unseen=(0.11, 0.07)
)
WORSE = Finding(AS_TYPED, Verdict.WORSE, MEASURE, -0.024, (-0.041, -0.007), 0.006, 0.2, 420, 145)
BY_CHANCE = Finding(CHAMPION, Verdict.CANNOT_SAY, MEASURE, 0.004, (-0.006, 0.014), 0.431, 0.05, 420, 145)


def undecided(n_needs: int, lower: float, upper: float) -> Finding:
    """The finding of a test that gives no verdict, with its reason."""
    bounds = [
        Comparison("a", "b", MEASURE, mean, (-0.1, 0.1), 1.0, 0, 0, 0.0, 420, n_needs) for mean in (lower, upper)
    ]
    verdict, reason = by_test(Outcome(bounds[0], bounds[1], (0.1, 0.1), (0.38, 0.09)))
    assert verdict is Verdict.CANNOT_SAY
    return Finding.unknown(UNTRAINED, reason)


UNSHOWN = undecided(145, -0.021, 0.048)
TOO_FEW = undecided(12, 0.1, 0.1)
FEW_RETURN = Finding.unknown(UNTRAINED, ReturningRecord(20, 12, 402, 51, 30).too_few)
RETURN = Finding(UNTRAINED, Verdict.BETTER, MEASURE, 0.082, (0.031, 0.134), 0.002, 0.0, 64, 64, by_visitor=True)
TYPED = Finding.unknown(AS_TYPED, "it does not matter here")

USES = {
    "what was learned": Use.LEARNED,
    "what was learned for queries that return, the untrained rewriter for others": Use.RETURNING,
    "the untrained rewriter": Use.UNTRAINED,
    "what answers now": Use.NOTHING,
}
NOW = {
    "the query as typed, or the untrained rewriter": None,
    "a version that has learned": Answering(CHAMPION, Use.LEARNED),
    "a version that serves queries that return": Answering(CHAMPION, Use.RETURNING),
}


def evidence(
    split: SplitRecord = MANY,
    typed: Finding = TYPED,
    untrained: Finding = TOO_FEW,
    before: Finding | None = None,
    returning: Finding | None = None,
) -> Evidence:
    return Evidence(split, typed, untrained, TYPED, before, returning)


def lines(of: Evidence, now: Answering | None = None) -> list[str]:
    return list(lines_of_proof(of, admitted(of, now)))


@pytest.mark.parametrize(
    "printed",
    [
        lines(evidence(untrained=BETTER))[0],
        lines(evidence(untrained=BETTER))[2],
        lines(evidence(untrained=BETTER))[-1],
        lines(evidence(FEW))[1],
        lines(evidence(typed=WORSE))[1],
        lines(evidence(typed=WORSE))[-1],
        lines(evidence(before=BY_CHANCE))[3],
        lines(evidence(before=BY_CHANCE), NOW["a version that has learned"])[-1],
        lines(evidence(untrained=UNSHOWN))[2],
        lines(evidence(untrained=TOO_FEW))[2],
        lines(evidence(returning=FEW_RETURN))[3],
        lines(evidence(returning=RETURN))[-1],
    ],
)
def test_the_page_prints_the_sentences_of_the_terminal(printed: str) -> None:
    assert printed in QUOTES


def test_the_page_quotes_nothing_else() -> None:
    assert len(QUOTES) == 12


def finding(verdict: Verdict, against: str = UNTRAINED) -> Finding:
    return Finding(against, verdict, MEASURE, 0.0, (0.0, 0.0), 1.0, 0.0, 420, 145)


def rows() -> dict[tuple[str, Verdict, Verdict], Use]:
    """The table of the gate: what answers now, verdicts on new needs and on queries that return -> what answers."""
    table = {}
    for line in re.findall(r"^\| (.+) \|$", PAGE.split("## The gate")[1], re.MULTILINE):
        now, new, returning, then = (cell.strip() for cell in line.split("|")) if line.count("|") == 3 else [""] * 4
        if now in NOW:
            cells = (
                [v for v in Verdict if v.value in cell.split(" or ")] or list(Verdict) for cell in (new, returning)
            )
            table.update({(now, *verdicts): USES[then] for verdicts in product(*cells)})
    return table


def test_the_table_says_what_the_gate_answers() -> None:
    table = rows()
    cases = {
        case for case in product(NOW, Verdict, Verdict) if case[1] is Verdict.WORSE or case[2] is not Verdict.WORSE
    }
    assert cases <= table.keys()
    for (now, new, returning), use in table.items():
        before = finding(new, CHAMPION) if NOW[now] else None
        untrained = finding(Verdict.CANNOT_SAY if NOW[now] else new)
        of = evidence(untrained=untrained, before=before, returning=finding(returning))
        assert admitted(of, NOW[now]).use is use, (now, new, returning)


@pytest.mark.parametrize("worse", ["typed", "untrained", "returning"])
def test_worse_counts_wherever_it_is_said(worse: str) -> None:
    now = NOW["a version that has learned"]
    of = evidence(**{"before": finding(Verdict.BETTER, CHAMPION), worse: finding(Verdict.WORSE)})
    assert admitted(of, now).use is Use.NOTHING
    assert "against the query as typed, against the untrained rewriter, or on queries that return" in TEXT


@pytest.mark.parametrize(
    "words",
    [
        f"Jaccard coefficient of {JACCARD:.1f}".replace("0.", "."),
        f"more than {LARGEST_SHARE:.0%} of the sessions".replace("%", " %"),
        f"if the log has {FEW_GROUPS} needs or more",
        f"| judged | {SHARES.judged:.0%} |".replace("%", " %"),
        f"| validation | {SHARES.validation * (1 - SHARES.judged):.0%} |".replace("%", " %"),
        f"| training | {(1 - SHARES.validation) * (1 - SHARES.judged):.0%} |".replace("%", " %"),
        f"at most {MAX_JUDGED:,} |",
        f"p is below {VERDICT_SIGNIFICANCE:g}".replace("0.", "."),
        f"half of {SIGNIFICANCE:g}".replace("0.", "."),
        f"fewer than {LEAST_JUDGED} judged needs; that takes a log of about {LEAST_JUDGED / SHARES.judged:.0f} needs",
        f"fewer than {FEW_NEEDS} needs",
        f"a lag of as much, on {LEAST_BY_ERRORS} needs or more",
        f"on {LEAST_JUDGED} such queries or more",
        f"`{SPLIT_KEY}`",
    ],
)
def test_the_page_has_the_numbers_of_the_program(words: str) -> None:
    assert words in TEXT


def test_the_picture_has_the_shares_of_the_page() -> None:
    picture = (Path(__file__).parents[1] / "docs" / "judging.svg").read_text(encoding="utf-8")
    shares = re.findall(r"^\| (?:training|validation|judged) \| (\d+ %) \|", PAGE, re.MULTILINE)
    assert re.findall(r">(\d+ %)", picture) == shares


def test_the_page_says_who_judges_queries_that_return() -> None:
    numbers = {2: "two", 3: "three", 10: "ten"}
    assert f"if {numbers[LEAST_VISITORS]} visitors or more typed it" in TEXT
    assert f"of many a fifth, at most {numbers[MOST_JUDGED]}; {numbers[LEAST_LEARNED]} or more are left" in TEXT
    assert round(1 / JUDGED_SHARE) == 5


def test_the_page_has_the_numbers_of_training() -> None:
    pytest.importorskip("torch")
    from untilclick.app.loop.renewal.renew import MIN_CLICKED
    from untilclick.rewriter.proof.contest import JudgingConfig
    from untilclick.rewriter.proof.refit import MARGIN

    assert f"fewer than {MIN_CLICKED} sessions with a click" in TEXT
    assert f"by more than {MARGIN:.0%} of nDCG@10".replace("%", " %") in TEXT
    assert JudgingConfig().folds == 5
    assert "for five folds" in TEXT
