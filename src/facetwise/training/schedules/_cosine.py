"""Half a cosine, down to (almost) nothing."""

import math

from facetwise.training.schedules._schedule import Schedule

__all__ = ["CosineSchedule"]


class CosineSchedule(Schedule):
    """½ (1 + cos(π (t - w) / (T - w))), T steps in all, w of warm-up; with a floor m, m + (1 - m) times that.

    Source: Loshchilov and Hutter (2017, eq. 5), without restarts.

    Args:
        floor: m, the factor at the end.

    >>> made = CosineSchedule(steps=6, per_epoch=1, warmup=2)
    >>> [round(made.factor(t), 3) for t in range(6)]
    [0.5, 1.0, 1.0, 0.854, 0.5, 0.146]
    """

    def __init__(self, *, steps: int, per_epoch: int, warmup: int, floor: float = 0.0) -> None:
        super().__init__(steps=steps, per_epoch=per_epoch, warmup=warmup)
        self.floor = floor

    def after(self, step: int) -> float:
        return self.floor + (1.0 - self.floor) * (0.5 * (1.0 + math.cos(math.pi * self.progress(step))))
