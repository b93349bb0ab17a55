"""Sums and means over all processes of a training in trlX; on one process they are plain ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Processes:
    """All processes, as accelerate knows them. All of them call each method, and all get the same answer."""

    accelerator: Any  # Any: accelerate's `Accelerator`, whose methods have no types

    def total(self, values: Tensor) -> Tensor:
        """The sum over all processes, shape and device as given."""
        if self.accelerator.num_processes == 1:
            return values
        summed: Tensor = self.accelerator.reduce(values.to(self.accelerator.device), "sum")
        return summed.to(values.device)

    def total_per_process(self, values: Tensor) -> Tensor:
        """The sum over all processes, divided by their number."""
        processes: int = self.accelerator.num_processes
        return self.total(values) / processes

    def mean(self, values: Sequence[float]) -> float:
        """The mean over what all processes give; NaN where none gives anything."""
        total = self.total(torch.tensor([sum(values), float(len(values))], dtype=torch.float64))
        return float(total[0] / total[1])
