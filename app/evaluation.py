"""Trained models against the baselines, and the report: what `untilclick evaluate` and the demo share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from untilclick.app.trained_systems import TrainedSystems

if TYPE_CHECKING:
    from collections.abc import Callable

    from untilclick.rewriter.evaluate import Bench, EvaluateConfig
    from untilclick.rewriter.results import Results


@dataclass(frozen=True)
class Evaluated:
    """What an evaluation left."""

    results: Results
    report: Path


def evaluate(
    config: EvaluateConfig,
    systems: TrainedSystems,
    bench: Bench,
    settings: Mapping[str, str],
    metrics: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluated:
    """Write `results.json`, `per_topic.jsonl`, run files and `report.html` into `config.out`.

    `metrics` is the `metrics.jsonl` of a PPO run, `settings` are listed in the report beside the evaluation's own.
    """
    from untilclick.rewriter import evaluate as stage
    from untilclick.rewriter import report

    stage.main(config, systems, bench, progress)
    page = report.main(report.ReportConfig(config.out, metrics=_existing(metrics), settings=dict(settings)))
    return read_evaluated(config.out, page)


def read_evaluated(folder: Path, report_path: Path | None = None) -> Evaluated:
    """What an earlier evaluation left in its folder."""
    from untilclick.rewriter.results import read_results

    return Evaluated(read_results(folder), report_path or folder / "report.html")


def _existing(path: Path | None) -> Path | None:
    return path if path is not None and path.is_file() else None
