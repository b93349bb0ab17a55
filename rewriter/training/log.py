"""Metrics of a training run: one JSON object per round in `metrics.jsonl`, and the same numbers for TensorBoard.

`docs/training.md` explains every number in one sentence.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from types import TracebackType

from torch.utils.tensorboard import SummaryWriter

from untilclick.search.files.whole_files import write_whole


class TrainingLog:
    """Appends metrics to the files of a folder."""

    def __init__(self, folder: Path, resume_at: int = 0) -> None:
        """Rounds of an earlier, interrupted run are kept up to round `resume_at`; later ones are dropped."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "metrics.jsonl"
        write_whole(path, "".join(_lines_until(path, resume_at)))  # a crash loses no earlier round
        self._file = path.open("a", encoding="utf-8")
        self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=resume_at + 1)

    def write(self, step: int, metrics: Mapping[str, float]) -> None:
        """Log one round. NaN, such as the explained variance of equal returns, becomes null in the JSON."""
        row = {name: value if isfinite(value) else None for name, value in metrics.items()}
        self._file.write(json.dumps({"step": step, **row}) + "\n")
        self._file.flush()
        for name, value in metrics.items():
            self._board.add_scalar(name, value, step)

    def __enter__(self) -> TrainingLog:
        """The log; its files are open already."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close both files."""
        self._file.close()
        self._board.close()


def _lines_until(path: Path, step: int) -> list[str]:
    """The lines up to a round; a line that was cut off while it was written is dropped."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8") as lines:
        return [line for line in lines if line.endswith("\n") and json.loads(line)["step"] <= step]
