"""What the report shows of a PPO run: its curves, and which weights were kept.

The curves come from `RUN/ppo.log/metrics.jsonl`. The weights that were kept are named by the record of the stage,
`RUN/ppo/stage.json`, if the run is finished.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from untilclick.rewriter.evaluation.report.plots import Curve
from untilclick.search.errors import DataError

if TYPE_CHECKING:
    from untilclick.rewriter.stages.record import StageRecord

logger = logging.getLogger(__name__)

CURVES: tuple[tuple[str, str], ...] = (
    ("reward_mean", "Reward: gain over the original"),
    ("validation", "Validation nDCG@10"),
    ("held_out_reward", "Held-out reward (trlX)"),
    ("kl", "KL to the reference (nats)"),
    ("entropy", "Entropy (nats)"),
    ("length", "Terms per rewrite"),
    ("copy_rate", "Share of terms copied"),
    ("improved_share", "Share of rollouts that gain"),
    ("harmed_share", "Share of rollouts that lose"),
    ("clip_share", "Share of ratios clipped"),
    ("value_loss", "Value loss"),
    ("explained_variance", "Explained variance of the value"),
    ("grad_norm", "Gradient norm"),
)
"""Keys of `metrics.jsonl` that are drawn, with their titles, in order."""

SPARSE = ("validation", "held_out_reward")
"""Keys that only some rounds have."""


@dataclass(frozen=True)
class TrainingCurves:
    """What the report shows of a training run; nothing by default."""

    curves: tuple[Curve, ...] = ()
    kept_weights: str = ""
    """Sentences on the weights that were kept; empty if that is not known."""


def read_training(metrics: Path) -> TrainingCurves:
    """The curves of a run, and the sentences below them. Raises DataError as `read_curves` does, and ModelError for a
    broken stage record."""
    record = _record_beside(metrics)
    if record is None:
        return TrainingCurves(read_curves(metrics))
    original = record.figures.get("validation_ndcg_original")
    return TrainingCurves(read_curves(metrics, original), kept_weights(record))


def kept_weights(record: StageRecord) -> str:
    """Which weights the stage kept, and what the dashed line in the validation curve is."""
    figures, sentences = record.figures, []
    if "best_round" in figures:
        best = int(figures["best_round"])
        if best:
            sentences.append(f"The weights of round {best}, the best by validation, were kept.")
        else:
            sentences.append("The weights of the warm start were kept: no round was better by validation.")
    if "validation_ndcg_original" in figures:
        original = "the query with its misspelt words corrected" if record.blend.corrections else "the query as typed"
        sentences.append(f"The dashed line in the validation curve is the score of {original}, without a rewrite.")
    return " ".join(sentences)


def read_curves(path: Path, original: float | None = None) -> tuple[Curve, ...]:
    """The known curves of a `metrics.jsonl`, in the order of CURVES; keys that were never logged are left out.

    `original` is the validation score of the queries without a rewrite, if it is known. If the last line is cut off
    by an interrupted run, it is left out with a warning. Raises DataError for a missing file, any other broken line,
    or a line without `step`."""
    rounds = _read_rounds(path)
    curves = []
    for key, title in CURVES:
        points = [(metrics["step"], metrics[key]) for metrics in rounds if isinstance(metrics.get(key), int | float)]
        if points:
            steps, values = np.array(points, dtype=np.float64).T  # (rounds,) each
            curves.append(Curve(title, steps, values, key in SPARSE, original if key == "validation" else None))
    return tuple(curves)


def _record_beside(metrics: Path) -> StageRecord | None:
    """The record of `STAGE/stage.json` for `STAGE.log/metrics.jsonl`; None for a run that is not finished."""
    # The module of stage records loads torch, which a report without curves does not need.
    from untilclick.rewriter.stages.record import STAGE_FILE, read_stage

    folder = metrics.parent.with_suffix("")
    return read_stage(folder) if folder != metrics.parent and (folder / STAGE_FILE).is_file() else None


def _read_rounds(path: Path) -> list[Mapping[str, float]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise DataError.at(path, None, "cannot be read", "Name the metrics.jsonl of a training run.") from error
    rounds: list[Mapping[str, float]] = []
    for number, line in enumerate(lines, start=1):
        try:
            metrics = json.loads(line)
            float(metrics["step"])
        except (ValueError, KeyError, TypeError) as error:
            if number == len(lines):
                logger.warning("%s:%d: the last line is cut off and left out", path, number)
                break
            raise DataError.at(
                path,
                number,
                "is not a round of training",
                "Expected a JSON object with `step`; name the metrics.jsonl of a training run.",
            ) from error
        rounds.append(metrics)
    return rounds
