"""Trained models against the baselines, with the report: the work of `untilclick evaluate` and of the demo."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path

from untilclick.app.loop.torch_setup import set_up_torch
from untilclick.app.loop.trained_systems import TrainedSystems
from untilclick.app.terminal.evaluation_tables import conclusion, differences_table, harm_table, systems_table
from untilclick.app.terminal.lay_tables import lay_table
from untilclick.app.terminal.terminal import Terminal, escape
from untilclick.rewriter.caution import Caution
from untilclick.rewriter.data.encoding import encode_collection
from untilclick.rewriter.evaluation import evaluate as stage
from untilclick.rewriter.evaluation.evaluate import EvaluateConfig
from untilclick.rewriter.evaluation.report import page
from untilclick.rewriter.evaluation.results import Results, read_results
from untilclick.rewriter.evaluation.verdict import MOST_NAMED, about_encoder
from untilclick.rewriter.stages.record import analysis_of_run
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.corpora.other_topics import read_other_topics
from untilclick.search.files.whole_files import whole_file
from untilclick.search.log.session_log import SessionLog


@dataclass(frozen=True, eq=False)
class EvaluationInput:
    """What an evaluation reads beside the trained models."""

    opened: OpenedCollection
    """The documents and the topics; rankings by meaning are left out if the documents are not encoded."""
    log: SessionLog | None = None
    """Sessions that baselines may learn from."""


@dataclass(frozen=True)
class Evaluated:
    """Results and report of an evaluation."""

    results: Results
    report: Path


def evaluate_model(
    config: EvaluateConfig,
    model: Path | None,
    log: str | None,
    encoder: str,
    terminal: Terminal,
    caution: Caution | None = None,
) -> Evaluated:
    """Evaluate the trained models of a run folder, or of one stage, and save the settings beside the results; without
    a model the baselines alone.

    `log` is the address of an existing session log that a baseline learns from, `encoder` names the sentence encoder,
    see `open_encoder`, and `caution` the blends of the models. Raises ModelError for a folder without a model and for
    what is no encoder, LogError for a missing log, and whatever the evaluation stage raises.
    """
    set_up_torch()
    systems = TrainedSystems({}) if model is None else TrainedSystems.of(model, caution)
    analysis = None if model is None else analysis_of_run(model)
    with terminal.progress("Reading documents"):
        opened = OpenedCollection.load(config.data, config.engine, config.seed, analysis=analysis)
    if config.topics is not None:  # before the documents are encoded, which takes longer
        terminal.line(escape(_about_topics(config.topics, config.split, opened)))
    encoded, note = encode_collection(encoder, opened, terminal.progress)
    if note:
        terminal.line(escape(note))
    with terminal.progress("Evaluating") as update, _opened(log) as sessions:
        inputs = EvaluationInput(opened.with_vectors(encoded), sessions)
        evaluated = evaluate(config, systems, inputs, settings={"model": str(model)}, progress=update)
        settings = {**asdict(config), "model": model, "log": sessions.url if sessions else None, "encoder": encoder}
        settings["caution"] = caution
        with whole_file(config.out / "settings.json") as file:
            json.dump(settings, file, indent=1, default=str)
    return evaluated


def _about_topics(folder: Path, split: str, opened: OpenedCollection) -> str:
    """How many judgments of a folder's split are of documents of the collection, in a sentence."""
    other = read_other_topics(folder, split, opened.collection.corpus)
    n_topics = len(other.collection.topics[split])
    return (
        f"Topics of {folder}: {n_topics} have a relevant document in {opened.collection.corpus.source}; "
        f"{other.n_passed_over} of {other.n_judgments} judgments are of other documents and passed over."
    )


def _opened(log: str | None) -> AbstractContextManager[SessionLog | None]:
    return nullcontext() if log is None else SessionLog.open(log, create=False)


def evaluate(
    config: EvaluateConfig,
    systems: TrainedSystems,
    inputs: EvaluationInput,
    *,
    settings: Mapping[str, str],
    progress: Callable[[int, int], None] | None = None,
) -> Evaluated:
    """Write `results.json`, `per_topic.jsonl`, run files and `report.html` into `config.out`.

    The report lists `settings` beside those of the evaluation.
    """
    stage.main(config, systems, inputs.opened, inputs.log, progress)
    metrics = systems.metrics if systems.metrics is not None and systems.metrics.is_file() else None
    report = page.main(page.ReportConfig(config.out, metrics=metrics, settings=dict(settings)))
    return read_evaluated(config.out, report)


def read_evaluated(folder: Path, report_path: Path | None = None) -> Evaluated:
    """Read the results that an earlier evaluation wrote into its folder."""
    return Evaluated(read_results(folder), report_path or folder / "report.html")


def show_evaluation(terminal: Terminal, evaluated: Evaluated) -> None:
    """Print the table of systems, all differences, and the finding; with `--json` the content of `results.json`."""
    results, report = evaluated.results, evaluated.report
    terminal.table(systems_table(results))
    if about := about_encoder(results, MOST_NAMED):
        terminal.line(escape(about))
    terminal.line()
    for table in filter(None, (harm_table(results), differences_table(results), lay_table(results))):
        terminal.table(table)
        terminal.line()
    terminal.line(conclusion(results))
    terminal.line(f"Report: {escape(str(report))}")
    if terminal.as_json:
        content = json.loads((report.parent / "results.json").read_text(encoding="utf-8"))
        terminal.answer({**content, "report": report})
