"""Impartial multi-task learning by losses: every loss is scaled to one size."""

from collections.abc import Sequence

import numpy as np

from facetwise.objectives.balancing._balancer import LossBalancer, normalised, require
from facetwise.objectives.balancing._learned import learned, learned_step

__all__ = ["ImpartialLosses"]


class ImpartialLosses(LossBalancer):
    """min over model and s of Σ e^(s_k) L_k - s_k: w_k = e^(s_k), which tends to 1 / L_k.

    Source: Liu et al. (2021, section 3.2). It is uncertainty weighting doubled, with the sign of s turned; s steps by
    Adam, without decay, and only where the attribute has a label.

    Args:
        names, seed: As for every balancer.
        learning_rate: Of s.
        normalise: Total of one per task.
    """

    learns = True

    def __init__(self, *, names: Sequence[str], seed: int, learning_rate: float = 1e-3, normalise: bool = True) -> None:
        super().__init__(names=names, seed=seed)
        require(learning_rate > 0, "learning_rate", "above 0", learning_rate)
        self.learning_rate, self.normalise = learning_rate, normalise
        self.state = learned("log_scale", 0.0, len(self.names))

    def weigh(self, losses: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Weights from s, which then takes its step."""
        weights = np.exp(self.state["log_scale"][places])
        learned_step(self.state, "log_scale", weights * losses - 1.0, places, rate=self.learning_rate)
        return normalised(weights) if self.normalise else weights
