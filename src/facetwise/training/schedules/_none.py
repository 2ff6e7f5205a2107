"""The same rate from the end of the warm-up to the end."""

from facetwise.training.schedules._schedule import Schedule

__all__ = ["ConstantSchedule"]


class ConstantSchedule(Schedule):
    """1 after the warm-up.

    Source: the default of most public training code (`--lr-scheduler none` of the FishNet projects).

    >>> made = ConstantSchedule(steps=4, per_epoch=1, warmup=2)
    >>> [made.factor(t) for t in range(4)]
    [0.5, 1.0, 1.0, 1.0]
    """

    def after(self, step: int) -> float:
        del step
        return 1.0
