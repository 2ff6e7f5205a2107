"""A straight line down."""

from facetwise.training.schedules._schedule import Schedule

__all__ = ["LinearSchedule"]


class LinearSchedule(Schedule):
    """1 - (1 - m) (t - w) / (T - w).

    Source: Goyal et al. (2017, section 2.2) for the warm-up; the straight decay of Devlin et al. (2019, appendix A.2).
    The FishNet code leaves the warm-up out where the line is asked for; here it is always there.

    Args:
        floor: m, the factor at the end.

    >>> made = LinearSchedule(steps=6, per_epoch=1, warmup=2)
    >>> [made.factor(t) for t in range(6)]
    [0.5, 1.0, 1.0, 0.75, 0.5, 0.25]
    """

    def __init__(self, *, steps: int, per_epoch: int, warmup: int, floor: float = 0.0) -> None:
        super().__init__(steps=steps, per_epoch=per_epoch, warmup=warmup)
        self.floor = floor

    def after(self, step: int) -> float:
        return 1.0 - (1.0 - self.floor) * self.progress(step)
