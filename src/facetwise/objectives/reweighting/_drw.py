"""Deferred reweighting: every cell the same first, class weights later."""

import numpy as np

from facetwise.objectives._options import check_options
from facetwise.objectives._start import START_RULE, is_start, reached
from facetwise.objectives.reweighting._class_balanced import ClassBalancedReweighting
from facetwise.objectives.reweighting._reweighting import Reweighting, normalised

__all__ = ["DeferredReweighting"]


class DeferredReweighting(Reweighting):
    """w_c = 1 before `defer_until`, then w_c ∝ (1 - β) / (1 - β^{n_c}), n_c cells of class c; mean 1 over cells.

    With a `ramp` the weights go over linearly, from the start and for that share of the training.

    Source: Cao et al. (2019, algorithm 1): 160 of 200 epochs, β = 0.9999, the defaults here. Their code looks β up by
    `epoch // 160` and fails from epoch 320 on. System code that descends from it starts at epoch 5 with β = 0.999
    (the alias `drw_early`), and its ramp is dead code. β = 1 are inverse frequencies.

    Args:
        defer_until: Epoch (a whole number) or share of the training (with a point) from which classes are weighted.
        beta: β in [0, 1].
        ramp: Share of the training over which the weights go over; 0 switches at once.

    >>> rule, counts = DeferredReweighting(defer_until=5), np.array([90, 10])
    >>> [rule.weights(counts, progress=epoch / 20, epoch=epoch).round(2).tolist() for epoch in (4, 5)]
    [[1.0, 1.0], [0.56, 4.99]]
    """

    def __init__(self, *, defer_until: float = 0.8, beta: float = 0.9999, ramp: float = 0.0) -> None:
        check_options(
            DeferredReweighting,
            defer_until=(defer_until, is_start(defer_until), START_RULE),
            ramp=(ramp, 0.0 <= ramp <= 1.0, "is between 0 and 1"),
        )
        self.later = ClassBalancedReweighting(beta=beta)
        self.defer_until, self.ramp = defer_until, ramp

    def weights(self, counts: np.ndarray, *, progress: float, epoch: int = 0) -> np.ndarray:
        """Even weights, or those of the effective number, or something between."""
        even = normalised(np.ones(len(counts)), counts)
        if not reached(self.defer_until, progress=progress, epoch=epoch):
            return even
        later = self.later.weights(counts, progress=progress, epoch=epoch)
        if not self.ramp:
            return later
        start = self.defer_until
        if isinstance(start, int):  # as a share: an epoch is progress / epoch of the training
            start = start * progress / epoch if epoch else 0.0
        share = min(1.0, (progress - start) / self.ramp)
        return (1.0 - share) * even + share * later
