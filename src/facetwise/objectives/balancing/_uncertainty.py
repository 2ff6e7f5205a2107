"""Uncertainty weighting: each attribute learns how noisy it is."""

from collections.abc import Sequence

import numpy as np

from facetwise.objectives.balancing._balancer import LossBalancer, normalised, require
from facetwise.objectives.balancing._learned import learned, learned_step

__all__ = ["Uncertainty"]


class Uncertainty(LossBalancer):
    """min over model and s of Σ L_k e^(-s_k) / 2 + s_k / 2: w_k = e^(-s_k) / 2.

    Source: Kendall, Gal and Cipolla (2018, eq. 7 with s = log σ²).

    s_k steps by Adam, without decay, and only where the attribute has a label: in public code the regulariser alone
    keeps pulling at an absent attribute (its weight reached 122 in 50 steps), and the model's weight decay pulls s
    towards 0. A loss below zero (a log density) only pushes s up to the rate; nothing becomes undefined.

    Args:
        names, seed: As for every balancer.
        start: s of all attributes at first; 0 as in the paper (LibMTL: -0.5).
        learning_rate: Of s.
        normalise: Total of one per task; without it the weights start at e^(-start) / 2.
    """

    learns = True

    def __init__(
        self,
        *,
        names: Sequence[str],
        seed: int,
        start: float = 0.0,
        learning_rate: float = 1e-3,
        normalise: bool = True,
    ) -> None:
        super().__init__(names=names, seed=seed)
        require(learning_rate > 0, "learning_rate", "above 0", learning_rate)
        self.learning_rate, self.normalise = learning_rate, normalise
        self.state = learned("log_variance", start, len(self.names))

    def weigh(self, losses: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Weights from s, which then takes its step."""
        weights = 0.5 * np.exp(-self.state["log_variance"][places])
        learned_step(self.state, "log_variance", 0.5 - weights * losses, places, rate=self.learning_rate)
        return normalised(weights) if self.normalise else weights
