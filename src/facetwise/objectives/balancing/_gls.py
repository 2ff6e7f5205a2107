"""Geometric loss strategy: the geometric mean of the losses."""

from collections.abc import Sequence

import numpy as np

from facetwise.objectives.balancing._balancer import LossBalancer, normalised
from facetwise.objectives.balancing._positive import positive, positive_state

__all__ = ["GeometricLoss"]


class GeometricLoss(LossBalancer):
    """L = (Π L_k)^(1/K), whose gradient is Σ w_k g_k with w_k = L / (K L_k).

    Source: Chennupati et al. (2019, eq. 2). Computed as exp(mean log L_k); a product of many losses leaves the range of
    numbers. The loss only scales the step, so with `normalise` w_k ∝ 1 / L_k.

    Args:
        names, seed: As for every balancer.
        normalise: Total of one per task; without it as published.
    """

    def __init__(self, *, names: Sequence[str], seed: int, normalise: bool = True) -> None:
        super().__init__(names=names, seed=seed)
        self.normalise = normalise
        self.state = positive_state(len(self.names))

    def weigh(self, losses: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Weights inverse to the losses."""
        losses = positive(self.state, losses, places)
        weights = np.exp(np.log(losses).mean()) / (len(losses) * losses)
        return normalised(weights) if self.normalise else weights
