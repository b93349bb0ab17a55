"""What the report tells of a PPO run: its curves, from `RUN/ppo.log/metrics.jsonl`, and which weights were kept, from
the record of the stage beside it, `RUN/ppo/stage.json`, where that is there."""

from __future__ import annotations

import json
import logging
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
"""Those of them that only some rounds have."""


def read_training(metrics: Path) -> tuple[tuple[Curve, ...], str]:
    """The curves, and what to say below them. Raises DataError as `read_curves` does, and ModelError for a broken
    record."""
    record = _record_beside(metrics)
    if record is None:
        return read_curves(metrics), ""
    return read_curves(metrics, record.figures.get("validation_ndcg_original")), kept_weights(record)


def kept_weights(record: StageRecord) -> str:
    """Which weights the stage kept, and what the dashed line is."""
    figures, said = record.figures, []
    if "best_round" in figures:
        best = int(figures["best_round"])
        kept = f"round {best}, the best by validation," if best else "the warm start, which no round improved on,"
        said.append(f"The weights of {kept} were kept.")
    if "validation_ndcg_original" in figures:
        typed = "the query with its misspelt words corrected" if record.blend.corrections else "the query as typed"
        said.append(f"Dashed, for validation: {typed} and nothing added.")
    return " ".join(said)


def read_curves(path: Path, original: float | None = None) -> tuple[Curve, ...]:
    """The known curves of a `metrics.jsonl`, in the order of CURVES; keys that were never logged are left out.

    `original` is what validation gives the queries without a rewrite, where it is known. A last line cut off by an
    interrupted run is passed over with a warning. Raises DataError for a missing file, any other broken line, or a
    line without `step`.
    """
    rounds = _read_rounds(path)
    curves = []
    for key, title in CURVES:
        points = [(one["step"], one[key]) for one in rounds if isinstance(one.get(key), int | float)]
        if points:
            steps, values = np.array(points, dtype=np.float64).T
            curves.append(Curve(title, steps, values, key in SPARSE, original if key == "validation" else None))
    return tuple(curves)


def _record_beside(metrics: Path) -> StageRecord | None:
    """The record of `STAGE/stage.json` for `STAGE.log/metrics.jsonl`; None for a run that is not finished."""
    from untilclick.rewriter.stages.record import STAGE_FILE, read_stage

    folder = metrics.parent.with_suffix("")
    return read_stage(folder) if folder != metrics.parent and (folder / STAGE_FILE).is_file() else None


def _read_rounds(path: Path) -> list[dict[str, float]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise DataError.at(path, None, "cannot be read", "Name the metrics.jsonl of a training run.") from error
    rounds: list[dict[str, float]] = []
    for number, line in enumerate(lines, start=1):
        try:
            found = json.loads(line)
            float(found["step"])
        except (ValueError, KeyError, TypeError) as error:
            if number == len(lines):
                logger.warning("%s:%d: the last line is cut off and left out", path, number)
                break
            raise DataError.at(
                path, number, "is not a round of training", "Expected an object with `step`."
            ) from error
        rounds.append(found)
    return rounds
