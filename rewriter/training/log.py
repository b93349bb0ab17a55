"""Metrics of a training run: one JSON object a round in `metrics.jsonl`, the same numbers to TensorBoard.

`docs/training.md` explains every number in one sentence.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from types import TracebackType

from torch.utils.tensorboard import SummaryWriter


class TrainingLog:
    """Appends to the metrics of a folder; rounds after `resume_at` from an earlier, interrupted run are dropped."""

    def __init__(self, folder: Path, resume_at: int = 0) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "metrics.jsonl"
        kept = _lines_until(path, resume_at)
        path.write_text("".join(kept), encoding="utf-8")
        self._file = path.open("a", encoding="utf-8")
        self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=resume_at + 1)

    def write(self, step: int, metrics: Mapping[str, float]) -> None:
        """Log one round; a number that is none (the explained variance of equal returns) becomes null."""
        row = {name: value if isfinite(value) else None for name, value in metrics.items()}
        self._file.write(json.dumps({"step": step, **row}) + "\n")
        self._file.flush()
        for name, value in metrics.items():
            self._board.add_scalar(name, value, step)

    def __enter__(self) -> TrainingLog:
        """Nothing to open."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close both files."""
        self._file.close()
        self._board.close()


def _lines_until(path: Path, step: int) -> list[str]:
    if not path.exists():
        return []
    with path.open(encoding="utf-8") as lines:
        return [line for line in lines if line.endswith("\n") and json.loads(line)["step"] <= step]
