"""The report stage: results, sessions and training metrics as one self-contained page, `report.html`.

The page loads nothing: styles and plots are inside. What is said here is computed from the files of an evaluation
(`evaluation/results.py`) and of a training run (`curves.py`); plots are drawn by `plots.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from untilclick.rewriter.evaluation.report.curves import read_training
from untilclick.rewriter.evaluation.report.plots import (
    Curve,
    Interval,
    clicked_at_bars,
    forest_plot,
    gain_bars,
    training_curves,
)
from untilclick.rewriter.evaluation.results import ORACLE, Results, TopicOutcome, TopicRow, read_results, title_of
from untilclick.rewriter.evaluation.session_measures import FIRST_QUERY_CLICK
from untilclick.rewriter.evaluation.statistics import HARM_MARGIN, Comparison
from untilclick.search.errors import MissingDependencyError
from untilclick.search.measures.metrics import MEASURES

BASELINE = "bm25"
"""What gains are measured against."""

RIVALS: tuple[str, ...] = (
    BASELINE,
    "rm3",
    "spelling",
    "rocchio",
    "session_concatenation",
    "successor",
    "association",
    "bm25_tuned",
)
"""What needs no rewriter to be trained: a gain that one of these brings too is not the rewriter's own."""

MEASURE = "nDCG@10"
"""The measure of the headline, the gain bars and the choice of examples."""

SYSTEM_NOTES: Mapping[str, str] = {
    "bm25": "the query as typed",
    "rm3": "pseudo-relevance feedback",
    "spelling": "misspelt words corrected",
    "rocchio": "pseudo-relevance feedback in the vector space",
    "session_concatenation": "with the session's earlier queries, at a lower weight",
    "successor": "the query that most often came next in the log",
    "association": "words that go with the query's in judged training topics",
    "bm25_tuned": "the query as typed, with k1 and b chosen on training topics",
    "base": "before any session was seen",
    "warm_start": "supervised on hindsight pairs",
    "offline": "what was tried and clicked, from the log alone",
    "ppo": "reinforcement learning from clicks",
    "mean": "several trained models answer as one",
    "oracle": "head-room: best single added word, reads the answers",
}
"""What each system is, in a few words."""

TERMS_SHOWN = 8
"""Heaviest expansion words shown of a rewrite."""

FEW_TOPICS = 50
"""With fewer topics a page says that its figures say little. As many are usual in test collections; how often smaller
sets contradict each other: Voorhees & Buckley, "The Effect of Topic Set Size on Retrieval Experiment Error", SIGIR
2002."""


@dataclass(frozen=True)
class ReportConfig:
    """What the report is made from."""

    evaluation: Path
    """Folder with `results.json` and `per_topic.jsonl`."""
    out: Path | None = None
    """File to write; None writes `report.html` into the evaluation's folder."""
    metrics: Path | None = None
    """`metrics.jsonl` of the training run; None leaves the curves out. What the stage kept is read from its folder,
    where that is beside it."""
    examples: int = 8
    """Best and worst rewrites shown, each."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """More settings to list, for instance those of training."""


@dataclass(frozen=True)
class Card:
    """One headline figure."""

    label: str
    value: str
    detail: str
    tone: str
    """`win`, `loss` or `flat`: how the number is coloured."""


@dataclass(frozen=True)
class Example:
    """One rewrite with what it did."""

    row: TopicRow
    before: TopicOutcome
    after: TopicOutcome
    gain: float


@dataclass(frozen=True)
class Page:
    """Everything the template shows."""

    results: Results
    subject: str | None
    """The system the report is about, None where only baselines were evaluated."""
    verdict: str
    remarks: str
    """What is to be kept in mind about the verdict, in sentences; empty where there is nothing."""
    cards: tuple[Card, ...]
    best: tuple[Example, ...]
    worst: tuple[Example, ...]
    plots: Mapping[str, str]
    """Name -> inline SVG."""
    kept: str
    """Which weights of the training were kept; empty where that is not known."""
    settings: Mapping[str, str]


def main(config: ReportConfig) -> Path:
    """Write the page; returns its path. Raises DataError for missing or broken files."""
    results = read_results(config.evaluation)
    curves, kept = read_training(config.metrics) if config.metrics else ((), "")
    path = config.out or config.evaluation / "report.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render(make_page(results, curves, config, kept)), encoding="utf-8")
    return path


def make_page(results: Results, curves: Sequence[Curve], config: ReportConfig, kept: str = "") -> Page:
    """Work out everything that the page says."""
    subject = subject_of(results)
    examples = examples_of(results, subject) if subject else []
    n = config.examples
    return Page(
        results=results,
        subject=subject,
        verdict=verdict(results, subject),
        remarks=_remarks(results, subject),
        cards=headline_cards(results, subject) if subject else (),
        best=tuple(one for one in examples[:n] if one.gain > 0),
        worst=tuple(one for one in reversed(examples[-n:]) if one.gain < 0),
        plots=_plots(results, subject, curves),
        kept=kept,
        settings={**(results.settings or {}), **config.settings, "code version": results.code_version},
    )


def render(page: Page) -> str:
    """The page as HTML; everything that comes from data is escaped. Raises MissingDependencyError without jinja2."""
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ImportError as error:
        raise MissingDependencyError.of("jinja2", "train") from error
    environment = Environment(
        loader=PackageLoader("untilclick.rewriter"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["title_of"] = title_of
    template = environment.get_template("report.html.j2")
    return template.render(
        page=page,
        measures=MEASURES,
        notes=SYSTEM_NOTES,
        oracle=ORACLE,
        harm_margin=HARM_MARGIN,
        terms_shown=TERMS_SHOWN,
    )


def subject_of(results: Results) -> str | None:
    """The best-trained system there is: mean, else ppo, else offline, else warm_start, else None."""
    return next((name for name in ("mean", "ppo", "offline", "warm_start") if name in results.figures), None)


def verdict(results: Results, subject: str | None) -> str:
    """One sentence: what the rewrites did to the headline measure, whether chance explains it, and whether the best
    baseline does as much."""
    if subject is None:
        return f"Baselines on {results.n_topics} {kind_of_topics(results)}; no trained rewriter was evaluated."
    topics = f"{results.n_topics} {kind_of_topics(results)}"
    found = results.comparison(subject, BASELINE, MEASURE)
    if found is None:
        return f"{title_of(subject)} was evaluated on {topics}, without {title_of(BASELINE)} to compare it with."
    means = " to ".join(f"{results.figures[name].means[MEASURE]:.3f}" for name in (BASELINE, subject))
    numbers = f"{MEASURE} went from {means} on {topics} ({_p(found.p)})"
    if found.p < 0.05 and found.difference > 0:
        return f"Rewriting helps{_beyond_rival(results, subject)}: {numbers}."
    if found.p < 0.05:
        return f"Rewriting hurts: {numbers}."
    return f"No difference could be shown: {numbers}."


def strongest_rival(results: Results, subject: str) -> str:
    """One sentence on the best of the other baselines, so that no gain over plain BM25 is read as more than
    it is; empty where BM25 itself is the best of them."""
    name = best_baseline(results)
    if name == BASELINE:
        return ""
    said = f"The strongest baseline is {title_of(name)} with {MEASURE} {results.figures[name].means[MEASURE]:.3f}"
    found = results.comparison(subject, name, MEASURE)
    if found is None:
        return f"{said}."
    low, high = found.ci95
    away = f"{found.difference:+.3f} ({low:+.3f} to {high:+.3f}, {_p(found.p)})"
    return f"{said}; {title_of(subject)} differs from it by {away}."


def spelling_alone(results: Results, subject: str) -> str:
    """One sentence where a rewriter gains what its spelling correction alone gains, so that nothing else is given the
    credit; empty elsewhere."""
    gain = results.comparison(subject, BASELINE, MEASURE)
    beyond = results.comparison(subject, "spelling", MEASURE)
    if best_baseline(results) != "spelling" or gain is None or beyond is None:
        return ""
    if gain.p >= 0.05 or gain.difference <= 0 or beyond.p < 0.05:
        return ""
    return (
        "On these documents the spelling correction inside the rewriter is what helps; "
        "that the words it learned add anything could not be shown."
    )


def caution(results: Results) -> str:
    """One sentence where there are few topics; empty elsewhere."""
    if results.n_topics >= FEW_TOPICS:
        return ""
    return f"Figures of {results.n_topics} {kind_of_topics(results)} say little: a fair test takes some fifty."


def kind_of_topics(results: Results) -> str:
    """What to call the topics, in the number that they have."""
    kind = "training topic" if results.split == "train" else "held-out topic"
    return kind if results.n_topics == 1 else f"{kind}s"


def best_baseline(results: Results) -> str:
    """The baseline with the highest headline measure, BM25 among equals."""
    rivals = [name for name in RIVALS if name in results.figures]
    return max(rivals, key=lambda one: results.figures[one].means[MEASURE], default=BASELINE)


def _beyond_rival(results: Results, subject: str) -> str:
    """What to add to "helps" where another baseline beats BM25; empty where the subject beats that too."""
    rival = best_baseline(results)
    if rival == BASELINE:
        return ""
    found = results.comparison(subject, rival, MEASURE)
    if found is None or found.p >= 0.05:
        return f", but not measurably more than {title_of(rival)} alone"
    return "" if found.difference > 0 else f" less than {title_of(rival)} alone"


def headline_cards(results: Results, subject: str) -> tuple[Card, ...]:
    """Gain on the measures with intervals, harm, and what sessions say, where they were simulated."""
    found = [results.comparison(subject, BASELINE, measure) for measure in (MEASURE, "R@100")]
    cards = [_gain_card(one, f"{one.measure} gain over {title_of(BASELINE)}") for one in found if one]
    if found[0]:
        harmed = f"of {found[0].n} topics lose more than {HARM_MARGIN} {MEASURE}"
        cards.append(Card("Harmed", f"{100 * found[0].harmed_share:.1f} %", harmed, "flat"))
    return (*cards, *_session_cards(results, subject))


def examples_of(results: Results, subject: str) -> list[Example]:
    """All topics whose query the subject rewrote, largest gain first; ties by R@100, then by the topic's id."""
    examples = [
        Example(row, row.outcomes[BASELINE], after, _gain(row, subject, MEASURE))
        for row in results.topics
        if (after := row.outcomes.get(subject)) is not None and after.applied and BASELINE in row.outcomes
    ]
    return sorted(examples, key=lambda one: (-one.gain, -_gain(one.row, subject, "R@100"), one.row.topic_id))


def _plots(results: Results, subject: str | None, curves: Sequence[Curve]) -> dict[str, str]:
    plots: dict[str, str] = {}
    rows = [
        Interval(f"{title_of(one.a)} vs {title_of(one.b)}", one.difference, *one.ci95)
        for one in results.comparisons
        if one.measure == MEASURE
    ]
    if rows:
        plots["forest"] = forest_plot(rows, f"difference in {MEASURE}, 95 % interval")
    if subject and BASELINE in results.figures and results.topics:
        plots["gains"] = gain_bars(_gains(results, subject), f"{MEASURE} gain")
    if subject and results.sessions and BASELINE in results.sessions.clicked_at:
        at = results.sessions.clicked_at
        labels = (f"{title_of(BASELINE)} (before)", f"{title_of(subject)} (after)")
        plots["clicked"] = clicked_at_bars(at[BASELINE], at[subject], labels)
    if curves:
        plots["training"] = training_curves(curves)
    return plots


def _remarks(results: Results, subject: str | None) -> str:
    about = (strongest_rival(results, subject), spelling_alone(results, subject)) if subject else ()
    return " ".join(filter(None, (*about, caution(results))))


def _gains(results: Results, subject: str) -> NDArray[np.float64]:
    return np.array([_gain(row, subject, MEASURE) for row in results.topics], dtype=np.float64)


def _gain(row: TopicRow, subject: str, measure: str) -> float:
    return row.outcomes[subject].values[measure] - row.outcomes[BASELINE].values[measure]


def _gain_card(found: Comparison, label: str) -> Card:
    low, high = found.ci95
    detail = f"95 % interval {low:+.3f} to {high:+.3f}, {_p(found.p)}, {found.wins} won, {found.losses} lost"
    return Card(label, f"{found.difference:+.3f}", detail, _tone(found))


def _session_cards(results: Results, subject: str) -> tuple[Card, ...]:
    sessions = results.sessions
    if sessions is None or subject not in sessions.figures or BASELINE not in sessions.figures:
        return ()
    before, after = (sessions.figures[name].first_query_click_share for name in (BASELINE, subject))
    found = (
        one for one in sessions.comparisons if (one.a, one.b, one.measure) == (subject, BASELINE, FIRST_QUERY_CLICK)
    )
    comparison = next(found, None)
    if before is None or after is None or comparison is None:
        return ()
    detail = f"of {sessions.figures[subject].sessions} sessions, before {100 * before:.1f} %, {_p(comparison.p)}"
    return (Card("Clicked at the first query", f"{100 * after:.1f} %", detail, _tone(comparison)),)


def _tone(found: Comparison) -> str:
    if found.p >= 0.05 or found.difference == 0:
        return "flat"
    return "win" if found.difference > 0 else "loss"


def _p(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
