"""UPGrad: every gradient goes to the nearest direction that harms no task; the step is their mean."""

from collections.abc import Sequence

import numpy as np

from facetwise.objectives.balancing._balancer import Decision, GramianBalancer, normalised, require
from facetwise.objectives.balancing._nonnegative import nonnegative
from facetwise.objectives.balancing._shared import Over

__all__ = ["UnconflictingProjection"]


class UnconflictingProjection(GramianBalancer):
    """w = Σ_k argmin { vᵀ G v : v ≥ e_k / K }: each g_k projected on the dual cone of all gradients, then the mean.

    Source: Quinton and Rey (2024, eq. 3 and proposition 1). The K programs share their matrix and are solved together
    by block principal pivoting. G is divided by its trace and gets `regularisation` on the diagonal, as published.

    Args:
        names, seed: As for every balancer.
        regularisation: Added to the diagonal, relative to the trace.
        over: `cut` or `all` shared parameters.
        normalise: Total of one per task; without it the mean, as published.
    """

    def __init__(
        self,
        *,
        names: Sequence[str],
        seed: int,
        regularisation: float = 1e-4,
        over: Over = "cut",
        normalise: bool = True,
    ) -> None:
        super().__init__(names=names, seed=seed, over=over)
        require(regularisation >= 0, "regularisation", "0 or more", regularisation)
        self.regularisation, self.normalise = regularisation, normalise

    def weigh(self, gramian: np.ndarray, losses: np.ndarray, places: np.ndarray) -> Decision:
        """The mean of the projections' coefficients."""
        del losses, places
        weights = unconflicting(gramian, self.regularisation)
        return Decision(normalised(weights) if self.normalise else weights)


def unconflicting(gramian: np.ndarray, regularisation: float) -> np.ndarray:
    """Coefficients of the mean projection.

    With v = e_k / K + x the program for x ≥ 0 is ½ xᵀ G x + (G e_k / K)ᵀ x.

    >>> unconflicting(np.array([[1.0, -1.0], [-1.0, 4.0]]), 0.0)
    array([1.   , 0.625])
    """
    count = len(gramian)
    matrix = gramian / gramian.trace() + regularisation * np.eye(count)
    return 1.0 / count + nonnegative(matrix, matrix / count).sum(axis=0)
