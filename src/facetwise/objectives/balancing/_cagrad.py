"""Conflict-averse gradient descent: near the mean gradient, as good as can be for the task that gains least."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from facetwise.objectives.balancing._balancer import Decision, GramianBalancer, normalised, require
from facetwise.objectives.balancing._shared import Over
from facetwise.objectives.balancing._simplex import least_conflict

__all__ = ["ConflictAverse"]


class ConflictAverse(GramianBalancer):
    """d = g_0 + φ g_w / ‖g_w‖, g_0 the mean gradient, φ = c ‖g_0‖, w = argmin over the simplex of ⟨g_w, g_0⟩ + φ ‖g_w‖.

    Source: Liu et al. (2021, algorithm 1). Solved exactly by an active set (public code: SLSQP or a cone solver). The
    mean is 1 / K of equal weighting, which `normalise` makes up for, and then no rescaling matters.

    Args:
        names, seed: As for every balancer.
        c: Radius around the mean, in lengths of the mean; 0 is equal weighting.
        rescale: Without `normalise`, as in the authors' code: 1 divides d by 1 + c², 2 by 1 + c, 0 by nothing.
        over: `cut` or `all` shared parameters.
        normalise: Total of one per task.
    """

    def __init__(
        self,
        *,
        names: Sequence[str],
        seed: int,
        c: float = 0.5,
        rescale: Literal[0, 1, 2] = 1,
        over: Over = "cut",
        normalise: bool = True,
    ) -> None:
        super().__init__(names=names, seed=seed, over=over)
        require(c >= 0, "c", "0 or more", c)
        divisors = {0: 1.0, 1: 1.0 + c**2, 2: 1.0 + c}
        require(rescale in divisors, "rescale", "0, 1 or 2", rescale)
        self.c, self.divisor, self.normalise = c, divisors[rescale], normalise

    def weigh(self, gramian: np.ndarray, losses: np.ndarray, places: np.ndarray) -> Decision:
        """1 / K plus a share of w."""
        del losses, places
        weights = conflict_averse(gramian, self.c)
        return Decision(normalised(weights) if self.normalise else weights / self.divisor)


def conflict_averse(gramian: np.ndarray, c: float) -> np.ndarray:
    """Coefficients of d; their scale is that of the mean."""
    gramian = gramian / gramian.trace()
    mean = gramian.mean(axis=1)  # ⟨g_k, g_0⟩
    radius = c * float(np.sqrt(max(mean.mean(), 0.0)))
    chosen = least_conflict(gramian, mean, radius)
    length = float(np.sqrt(max(chosen @ gramian @ chosen, 0.0)))
    # 1e-8 as in the authors' code: at a Pareto stationary point g_w is 0 and any direction is as good.
    return 1.0 / len(gramian) + (radius / (length + 1e-8)) * chosen
