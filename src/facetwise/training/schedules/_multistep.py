"""A cut at each of some points of the training."""

from facetwise.training.schedules._schedule import Schedule

__all__ = ["MultistepSchedule"]


class MultistepSchedule(Schedule):
    """γ^n after n of the milestones; a milestone is an epoch (from 1 up) or a share of the training (below 1).

    Source: Cao et al. (2019, section 4: cuts at 160 and 180 of 200 epochs, the default here as shares).

    Args:
        milestones: Where the rate is cut.
        gamma: γ.

    >>> made = MultistepSchedule(steps=6, per_epoch=1, warmup=0, milestones=[0.5, 5], gamma=0.5)
    >>> [made.factor(t) for t in range(6)]
    [1.0, 1.0, 1.0, 0.5, 0.5, 0.25]
    """

    def __init__(
        self, *, steps: int, per_epoch: int, warmup: int, milestones: list[float] | None = None, gamma: float = 0.1
    ) -> None:
        super().__init__(steps=steps, per_epoch=per_epoch, warmup=warmup)
        marks = [0.8, 0.9] if milestones is None else milestones
        self.marks = sorted(mark * (steps if 0 < mark < 1 else per_epoch) for mark in marks)
        self.gamma = gamma

    def after(self, step: int) -> float:
        return float(self.gamma ** sum(step >= mark for mark in self.marks))
