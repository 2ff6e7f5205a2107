"""What every schedule promises: a factor of the learning rates per step, after a common warm-up."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor

__all__ = ["Schedule"]


class Schedule(ABC):
    """Factor of the peak learning rates at each step of a training.

    (t + 1) / w for t < w, the warm-up, never 0 at the first step; then what the island says.

    Args:
        steps: Steps in all, T.
        per_epoch: Steps of an epoch.
        warmup: Steps of warm-up, w.
    """

    def __init__(self, *, steps: int, per_epoch: int, warmup: int) -> None:
        self.steps, self.per_epoch, self.warmup = steps, per_epoch, warmup

    def factor(self, step: int) -> float:
        """Factor at a step, counted from 0."""
        if step < self.warmup:
            return (step + 1) / self.warmup
        return self.after(step)

    @abstractmethod
    def after(self, step: int) -> float:
        """Factor at a step that is not one of the warm-up."""

    def progress(self, step: int) -> float:
        """Share of the steps after the warm-up that are over, (t - w) / (T - w)."""
        return (step - self.warmup) / max(1, self.steps - self.warmup)

    def observe(self, rank: tuple[int, float]) -> None:
        """Told after every epoch what validation said (larger is better); most schedules do not care."""
        del rank

    def state_dict(self) -> dict[str, Tensor]:
        """What is remembered between epochs, for the checkpoint: the numbers of `remembered`, in float64."""
        return {name: torch.tensor(value, dtype=torch.float64) for name, value in self.remembered().items()}

    def load_state_dict(self, tensors: Mapping[str, Tensor]) -> None:
        """Take back what `state_dict` gave."""
        self.recall({name: float(tensor) for name, tensor in tensors.items()})

    def remembered(self) -> dict[str, float]:
        """By name the numbers that later factors depend on, beside the step."""
        return {}

    def recall(self, numbers: Mapping[str, float]) -> None:
        """Take back what `remembered` gave."""
        del numbers
