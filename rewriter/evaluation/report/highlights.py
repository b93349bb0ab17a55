"""What the report shows first and shows in examples: headline figures, and the best and worst rewrites."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from untilclick.rewriter.evaluation.results import Results, TopicOutcome, TopicRow
from untilclick.rewriter.evaluation.session_measures import FIRST_QUERY_CLICK
from untilclick.rewriter.evaluation.statistics import Comparison
from untilclick.rewriter.evaluation.system_names import BASELINE, title_of
from untilclick.rewriter.evaluation.verdict import HEADLINE_MEASURE, interval_text
from untilclick.rewriter.judging.sentences import p_text
from untilclick.search.measures.metrics import HARM_MARGIN

RECALL = "R@100"
"""The second measure of the headline; it also orders examples with the same gain."""


@dataclass(frozen=True)
class Card:
    """One headline figure."""

    label: str
    value: str
    detail: str
    tone: Literal["win", "loss", "flat"]
    """How the value is coloured."""


@dataclass(frozen=True)
class RewriteExample:
    """One rewritten query with the results before and after."""

    row: TopicRow
    before: TopicOutcome
    after: TopicOutcome
    gain: float
    """Change of the headline measure."""


def headline_cards(results: Results, subject: str) -> tuple[Card, ...]:
    """Gain of two measures with intervals and the share of harmed topics; if sessions were simulated, also the share
    clicked at the first query."""
    gains = [results.comparison(subject, BASELINE, measure) for measure in (HEADLINE_MEASURE, RECALL)]
    cards = [_gain_card(gain) for gain in gains if gain]
    if gains[0]:
        detail = f"of {gains[0].n} topics lose more than {HARM_MARGIN} {HEADLINE_MEASURE}"
        cards.append(Card("Harmed", f"{100 * gains[0].harmed_share:.1f} %", detail, "flat"))
    session_card = _session_card(results, subject)
    return (*cards, session_card) if session_card else tuple(cards)


def examples_of(results: Results, subject: str) -> list[RewriteExample]:
    """All topics whose query the subject rewrote, largest gain first; ties by recall, then by the topic's id."""
    examples = [
        RewriteExample(row, row.outcomes[BASELINE], after, gain_on(row, subject, HEADLINE_MEASURE))
        for row in results.topics
        if (after := row.outcomes.get(subject)) is not None and after.applied and BASELINE in row.outcomes
    ]
    return sorted(
        examples,
        key=lambda example: (-example.gain, -gain_on(example.row, subject, RECALL), example.row.topic_id),
    )


def gain_on(row: TopicRow, subject: str, measure: str) -> float:
    """How far the subject is above the baseline on one topic."""
    return row.outcomes[subject].values[measure] - row.outcomes[BASELINE].values[measure]


def _gain_card(gain: Comparison) -> Card:
    label = f"{gain.measure} gain over {title_of(BASELINE)}"
    detail = f"{interval_text(gain)}, {p_text(gain.p)}, {gain.wins} won, {gain.losses} lost"
    return Card(label, f"{gain.difference:+z.3f}", detail, _tone(gain))


def _session_card(results: Results, subject: str) -> Card | None:
    sessions = results.sessions
    if sessions is None or subject not in sessions.figures or BASELINE not in sessions.figures:
        return None
    before, after = (sessions.figures[name].first_query_click_share for name in (BASELINE, subject))
    comparison = sessions.comparison(subject, BASELINE, FIRST_QUERY_CLICK)
    if before is None or after is None or comparison is None:
        return None
    n = sessions.figures[subject].sessions
    detail = f"of {n} sessions; {100 * before:.1f} % without rewriting, {p_text(comparison.p)}"
    return Card("Clicked at the first query", f"{100 * after:.1f} %", detail, _tone(comparison))


def _tone(comparison: Comparison) -> Literal["win", "loss", "flat"]:
    if not comparison.significant or comparison.difference == 0:
        return "flat"
    return "win" if comparison.difference > 0 else "loss"
