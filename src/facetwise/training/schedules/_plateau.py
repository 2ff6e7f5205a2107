"""A cut whenever validation has not improved for a while."""

from collections.abc import Mapping

from facetwise.errors import UserError
from facetwise.training.schedules._schedule import Schedule

__all__ = ["PlateauSchedule"]


class PlateauSchedule(Schedule):
    """γ^n after n cuts; a cut comes after `wait` epochs in a row without a better validation score.

    Source: `ReduceLROnPlateau` of PyTorch, with `select_by` as the metric and no threshold: better is better. Its
    defaults (γ 0.1, patience 10) would rarely cut before training stops by its own patience; `wait` is shorter.

    Args:
        wait: Epochs without progress before a cut.
        gamma: γ.
        floor: No cut goes below this factor.

    >>> made = PlateauSchedule(steps=9, per_epoch=1, warmup=0, wait=2, gamma=0.5)
    >>> factors = []
    >>> for epoch, score in enumerate([0.1, 0.3, 0.2, 0.3, 0.2, 0.2]):
    ...     factors.append(made.factor(epoch))
    ...     made.observe((1, score))
    >>> factors
    [1.0, 1.0, 1.0, 1.0, 0.5, 0.5]
    """

    def __init__(
        self, *, steps: int, per_epoch: int, warmup: int, wait: int = 3, gamma: float = 0.1, floor: float = 1e-4
    ) -> None:
        super().__init__(steps=steps, per_epoch=per_epoch, warmup=warmup)
        if wait < 1:
            raise UserError(f"`wait` should be at least 1 epoch. Found wait = {wait}")
        self.wait, self.gamma, self.floor = wait, gamma, floor
        self.best: tuple[float, float] = (-1.0, 0.0)
        self.since = self.cuts = 0

    def after(self, step: int) -> float:
        del step
        return max(self.floor, float(self.gamma**self.cuts))

    def observe(self, rank: tuple[int, float]) -> None:
        """Count the epochs since the best one."""
        if rank > self.best:
            self.best, self.since = rank, 0
            return
        self.since += 1
        if self.since >= self.wait:
            self.cuts, self.since = self.cuts + 1, 0

    def remembered(self) -> dict[str, float]:
        """The best score, the epochs since, and the cuts."""
        scored, score = self.best
        return {"scored": scored, "score": score, "since": self.since, "cuts": self.cuts}

    def recall(self, numbers: Mapping[str, float]) -> None:
        """Take them back."""
        self.best = (numbers["scored"], numbers["score"])
        self.since, self.cuts = int(numbers["since"]), int(numbers["cuts"])
