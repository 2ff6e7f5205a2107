"""Nash bargaining: the step to which every task agrees."""

from collections.abc import Sequence

import numpy as np

from facetwise.objectives.balancing._balancer import Decision, GramianBalancer, normalised, require
from facetwise.objectives.balancing._fixed_point import fair_weights
from facetwise.objectives.balancing._shared import Over

__all__ = ["NashBargaining"]


class NashBargaining(GramianBalancer):
    """α > 0 with G α = 1 / α: it maximises Σ log ⟨d, g_k⟩ over directions d of one length.

    Source: Navon et al. (2022, claim 3.1 and algorithm 1). Public code approaches the solution by up to 20 linearised
    cone programs and keeps the last weights where one fails; here it is the minimum of a convex function, found to
    rounding by Newton's method.

    Args:
        names, seed: As for every balancer.
        max_norm: Without `normalise`: largest length of Σ α_k g_k; 0 is no limit.
        over: `cut` or `all` shared parameters.
        normalise: Total of one per task; without it α as published.
    """

    def __init__(
        self, *, names: Sequence[str], seed: int, max_norm: float = 1.0, over: Over = "cut", normalise: bool = True
    ) -> None:
        super().__init__(names=names, seed=seed, over=over)
        require(max_norm >= 0, "max_norm", "0 or more", max_norm)
        self.max_norm, self.normalise = max_norm, normalise

    def weigh(self, gramian: np.ndarray, losses: np.ndarray, places: np.ndarray) -> Decision:
        """The bargaining solution."""
        del losses, places
        weights = fair_weights(gramian, 1.0)
        if self.normalise:
            return Decision(normalised(weights))
        length = float(np.sqrt(max(weights @ gramian @ weights, 0.0)))
        if 0.0 < self.max_norm < length:
            weights = weights * (self.max_norm / length)
        return Decision(weights)
