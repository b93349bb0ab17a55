"""Sums and means over all processes of a training in trlX."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Processes:
    """All processes, as accelerate knows them. Every process must call each method; all get the same result."""

    accelerator: Any  # Any: accelerate's `Accelerator`, whose methods have no types

    def total(self, values: Tensor) -> Tensor:
        """The sum over all processes, with the same shape on the same device."""
        if self.accelerator.num_processes == 1:
            return values
        summed: Tensor = self.accelerator.reduce(values.to(self.accelerator.device), "sum")
        return summed.to(values.device)

    def total_per_process(self, values: Tensor) -> Tensor:
        """The sum over all processes, divided by their number."""
        processes: int = self.accelerator.num_processes
        return self.total(values) / processes

    def mean(self, values: Sequence[float]) -> float:
        """The mean over the values of all processes; NaN without any value."""
        total = self.total(torch.tensor([sum(values), float(len(values))], dtype=torch.float64))
        return float(total[0] / total[1])
