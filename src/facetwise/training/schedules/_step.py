"""A cut every so many epochs."""

from facetwise.errors import UserError
from facetwise.training.schedules._schedule import Schedule

__all__ = ["StepSchedule"]


class StepSchedule(Schedule):
    """γ^⌊e / every⌋ in epoch e, counted from 0 with the warm-up's epochs among them.

    Source: He et al. (2016, section 3.4); defaults of the FishNet code (every 10 epochs, γ 0.1).

    Args:
        every: Epochs between two cuts.
        gamma: γ.

    >>> made = StepSchedule(steps=6, per_epoch=1, warmup=0, every=2, gamma=0.5)
    >>> [made.factor(t) for t in range(6)]
    [1.0, 1.0, 0.5, 0.5, 0.25, 0.25]
    """

    def __init__(self, *, steps: int, per_epoch: int, warmup: int, every: int = 10, gamma: float = 0.1) -> None:
        super().__init__(steps=steps, per_epoch=per_epoch, warmup=warmup)
        if every < 1:
            raise UserError(f"`every` should be at least 1 epoch. Found every = {every}")
        self.every, self.gamma = every, gamma

    def after(self, step: int) -> float:
        return float(self.gamma ** (step // self.per_epoch // self.every))
