"""α-fair allocation of progress among the tasks."""

from collections.abc import Sequence

import numpy as np

from facetwise.objectives.balancing._balancer import Decision, GramianBalancer, normalised, require
from facetwise.objectives.balancing._fixed_point import fair_weights
from facetwise.objectives.balancing._shared import Over

__all__ = ["FairGradients"]


class FairGradients(GramianBalancer):
    """w > 0 with (G w)_k = w_k^(-1/α): it maximises the α-fair utility Σ ⟨d, g_k⟩^(1-α) / (1 - α).

    α = 1 is Nash bargaining; small α favours the sum, large α the task that gains least.

    Source: Ban and Ji (2024, eq. 4). Found to rounding by Newton's method (public code: least squares with bounds).

    Args:
        names, seed: As for every balancer.
        alpha: α > 0.
        over: `cut` or `all` shared parameters.
        normalise: Total of one per task; without it w as published.
    """

    def __init__(
        self, *, names: Sequence[str], seed: int, alpha: float = 1.0, over: Over = "cut", normalise: bool = True
    ) -> None:
        super().__init__(names=names, seed=seed, over=over)
        require(alpha > 0, "alpha", "above 0", alpha)
        self.alpha, self.normalise = alpha, normalise

    def weigh(self, gramian: np.ndarray, losses: np.ndarray, places: np.ndarray) -> Decision:
        """The fair solution."""
        del losses, places
        weights = fair_weights(gramian, 1.0 / self.alpha)
        return Decision(normalised(weights) if self.normalise else weights)
