"""Trained models against the baselines, and the report: what `untilclick evaluate` and the demo share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from untilclick.app.loop.trained_systems import TrainedSystems

if TYPE_CHECKING:
    from collections.abc import Callable

    from untilclick.rewriter.evaluation.evaluate import EvaluateConfig
    from untilclick.rewriter.evaluation.results import Results
    from untilclick.search.corpora.opened import OpenedCollection
    from untilclick.search.log.session_log import SessionLog


@dataclass(frozen=True)
class Evaluated:
    """What an evaluation left."""

    results: Results
    report: Path


def evaluate(
    config: EvaluateConfig,
    systems: TrainedSystems,
    opened: OpenedCollection | None = None,
    log: SessionLog | None = None,
    *,
    settings: Mapping[str, str],
    progress: Callable[[int, int], None] | None = None,
) -> Evaluated:
    """Write `results.json`, `per_topic.jsonl`, run files and `report.html` into `config.out`.

    `opened` and `log` are those of the evaluation stage; `settings` are listed in the report beside the evaluation's.
    """
    from untilclick.rewriter.evaluation import evaluate as stage
    from untilclick.rewriter.evaluation.report import page as report

    stage.main(config, systems, opened, log, progress)
    page = report.main(report.ReportConfig(config.out, metrics=_existing(systems.metrics), settings=dict(settings)))
    return read_evaluated(config.out, page)


def read_evaluated(folder: Path, report_path: Path | None = None) -> Evaluated:
    """What an earlier evaluation left in its folder."""
    from untilclick.rewriter.evaluation.results import read_results

    return Evaluated(read_results(folder), report_path or folder / "report.html")


def _existing(path: Path | None) -> Path | None:
    return path if path is not None and path.is_file() else None
