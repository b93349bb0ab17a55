"""Sums and means over all processes of a training in trlX."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

T = TypeVar("T")


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

    def share(self, items: Sequence[T]) -> Sequence[T]:
        """The share of this process in items that all processes have in the same order."""
        return items[self.accelerator.process_index :: self.accelerator.num_processes]

    def together(self, own: Sequence[float], n: int) -> NDArray[np.float64]:
        """(n,) the values of n items in their order, from those of each process for its `share`."""
        values = torch.zeros(n, dtype=torch.float64)
        values[self.accelerator.process_index :: self.accelerator.num_processes] = torch.tensor(
            own, dtype=values.dtype
        )
        together: NDArray[np.float64] = self.total(values).numpy()  # all processes but one have 0 for an item
        return together

    def mean(self, values: Sequence[float]) -> float:
        """The mean over the values of all processes; NaN without any value."""
        total = self.total(torch.tensor([sum(values), float(len(values))], dtype=torch.float64))
        return float(total[0] / total[1])
