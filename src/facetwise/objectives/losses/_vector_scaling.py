"""Vector scaling: logits scaled and shifted by class frequency."""

from collections.abc import Sequence

import numpy as np

from facetwise.objectives._options import check_options
from facetwise.objectives._start import START_RULE, is_start, reached
from facetwise.objectives.losses._adjusted_softmax import AdjustedSoftmax
from facetwise.schema import Schema

__all__ = ["VectorScaling"]


class VectorScaling(AdjustedSoftmax):
    r"""ℓ = -w_y log softmax(z / Δ + ι)_y, Δ_c = (n_max / n_c)^γ, ι_c = τ log π_c.

    n_c is the number of training cells of class c, π_c = n_c / Σ n, w the class weights. γ = 0 leaves logit adjustment,
    τ = 0 class-dependent temperatures. Before `start` the loss is plain cross-entropy.

    Source: Kini et al. (2021, eq. 1). Defaults: the authors' for CIFAR-10-LT; public code also has γ 0.3, τ 1 (the
    class default), γ 0.2, τ 1.2, and a first phase of 5 plain epochs (`start=5`).

    Args:
        schema, places: The vocabulary, and the attributes to score.
        gamma: γ, at least 0.
        tau: τ, at least 0.
        start: Epoch (a whole number) or share of the training (with a point) from which the logits are adjusted.
    """

    def __init__(
        self,
        *,
        schema: Schema,
        places: Sequence[int],
        gamma: float = 0.15,
        tau: float = 1.25,
        start: float = 0,
    ) -> None:
        check_options(
            VectorScaling,
            gamma=(gamma, gamma >= 0, "is at least 0"),
            tau=(tau, tau >= 0, "is at least 0"),
            start=(start, is_start(start), START_RULE),
        )
        super().__init__(schema=schema, places=places)
        self.gamma, self.tau, self.start = gamma, tau, start
        self.begin_epoch(progress=0.0, epoch=0)

    def adjustment(self, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """1 / Δ and ι."""
        return (counts / counts.max()) ** self.gamma, self.tau * np.log(counts / counts.sum())

    def begin_epoch(self, *, progress: float, epoch: int) -> None:
        """Switch at the start."""
        self.active = reached(self.start, progress=progress, epoch=epoch)
