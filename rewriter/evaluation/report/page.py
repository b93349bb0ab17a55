"""The report stage: results, sessions and training metrics as one self-contained page, `report.html`.

The page loads nothing: styles and plots are inside. Its figures come from the files of an evaluation
(`untilclick.rewriter.evaluation.results`) and of a training run (`curves.py`), its sentences from
`untilclick.rewriter.evaluation.verdict`; `plots.py` draws.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from untilclick.rewriter.evaluation.beside.lay_groups import GROUP_TITLES
from untilclick.rewriter.evaluation.report.curves import TrainingCurves, read_training
from untilclick.rewriter.evaluation.report.highlights import (
    Card,
    RewriteExample,
    examples_of,
    gain_on,
    headline_cards,
)
from untilclick.rewriter.evaluation.report.plots import (
    ClickedAt,
    Interval,
    clicked_at_bars,
    forest_plot,
    gain_bars,
    training_curves,
)
from untilclick.rewriter.evaluation.results import Results, read_results
from untilclick.rewriter.evaluation.system_names import APART, BASELINE, ORACLE, note_of, title_of
from untilclick.rewriter.evaluation.verdict import (
    HEADLINE_MEASURE,
    about_encoder,
    caution,
    spelling_alone,
    strongest_baseline,
    subject_of,
    verdict,
)
from untilclick.rewriter.judging.sentences import p_text
from untilclick.search.errors import MissingDependencyError
from untilclick.search.files.whole_files import whole_file
from untilclick.search.measures.metrics import HARM_MARGIN, MEASURES

TERMS_SHOWN = 8
"""Heaviest expansion words that are shown of a rewrite."""


@dataclass(frozen=True)
class ReportConfig:
    """What the report is made from."""

    evaluation: Path
    """Folder with `results.json` and `per_topic.jsonl`."""
    out: Path | None = None
    """File to write; None writes `report.html` into the evaluation's folder."""
    metrics: Path | None = None
    """`metrics.jsonl` of the training run; None leaves the curves out. The stage's folder, if it stands beside it,
    says which weights were kept."""
    examples: int = 8
    """Number of best rewrites shown, and of worst rewrites."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """Further settings to list, for instance those of training."""


@dataclass(frozen=True)
class Page:
    """Everything that the template shows."""

    results: Results
    subject: str | None
    """The system that the report is about; None if only baselines were evaluated."""
    verdict: str
    remarks: str
    """Sentences that qualify the verdict; empty if there are none."""
    about_encoder: str
    """What the sentence encoder was trained on; empty without an encoder."""
    cards: tuple[Card, ...]
    best: tuple[RewriteExample, ...]
    worst: tuple[RewriteExample, ...]
    plots: Mapping[str, str]
    """Name -> inline SVG."""
    kept_weights: str
    """Which weights of the training were kept; empty if that is not known."""
    settings: Mapping[str, str]


def main(config: ReportConfig) -> Path:
    """Write the page; returns its path. Raises DataError for missing or broken files."""
    results = read_results(config.evaluation)
    training = read_training(config.metrics) if config.metrics else TrainingCurves()
    path = config.out or config.evaluation / "report.html"
    html = render(make_page(results, training, config))
    with whole_file(path) as file:
        file.write(html)
    return path


def make_page(results: Results, training: TrainingCurves, config: ReportConfig) -> Page:
    """Compute everything that the page says."""
    subject = subject_of(results)
    examples = examples_of(results, subject) if subject else []
    n = config.examples
    return Page(
        results=results,
        subject=subject,
        verdict=verdict(results, subject),
        remarks=_remarks(results, subject),
        about_encoder=about_encoder(results),
        cards=headline_cards(results, subject) if subject else (),
        best=tuple(example for example in examples[:n] if example.gain > 0),
        worst=tuple(example for example in reversed(examples[-n:]) if example.gain < 0),
        plots=_plots(results, subject, training),
        kept_weights=training.kept_weights,
        settings={**(results.settings or {}), **config.settings, "code version": results.code_version},
    )


def render(page: Page) -> str:
    """The page as HTML; everything that comes from data is escaped. Raises MissingDependencyError without jinja2."""
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined  # only the report needs jinja2
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
    environment.filters["note_of"] = note_of
    environment.filters["p_text"] = p_text
    template = environment.get_template("report.html.j2")
    return template.render(
        page=page,
        measures=MEASURES,
        headline=HEADLINE_MEASURE,
        oracle=ORACLE,
        apart=APART,
        harm_margin=HARM_MARGIN,
        lay_groups=GROUP_TITLES,
        terms_shown=TERMS_SHOWN,
    )


def _remarks(results: Results, subject: str | None) -> str:
    about_subject = (strongest_baseline(results, subject), spelling_alone(results, subject)) if subject else ()
    return " ".join(filter(None, (*about_subject, caution(results))))


def _plots(results: Results, subject: str | None, training: TrainingCurves) -> dict[str, str]:
    plots = {"forest": _forest(results), "training": training_curves(training.curves) if training.curves else ""}
    if subject:
        plots |= {"gains": _gains(results, subject), "clicked": _clicked(results, subject)}
    return {name: svg for name, svg in plots.items() if svg}


def _forest(results: Results) -> str:
    """Every comparison of the headline measure; empty without any."""
    rows = [
        Interval(f"{title_of(comparison.a)} vs {title_of(comparison.b)}", comparison.difference, *comparison.ci95)
        for comparison in results.comparisons
        if comparison.measure == HEADLINE_MEASURE
    ]
    return forest_plot(rows, f"difference in {HEADLINE_MEASURE}, 95 % interval") if rows else ""


def _gains(results: Results, subject: str) -> str:
    """The gain of every topic; empty without a baseline or without topics."""
    if BASELINE not in results.figures or not results.topics:
        return ""
    gains = np.array([gain_on(row, subject, HEADLINE_MEASURE) for row in results.topics], dtype=np.float64)
    return gain_bars(gains, f"{HEADLINE_MEASURE} gain")


def _clicked(results: Results, subject: str) -> str:
    """Sessions by the query that got the first click, before and after; empty without sessions."""
    if not results.sessions or BASELINE not in results.sessions.clicked_at:
        return ""
    counts = results.sessions.clicked_at
    return clicked_at_bars(
        ClickedAt(f"{title_of(BASELINE)} (before)", counts[BASELINE]),
        ClickedAt(f"{title_of(subject)} (after)", counts[subject]),
    )
