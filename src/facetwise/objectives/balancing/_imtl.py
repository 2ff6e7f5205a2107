"""Impartial multi-task learning: losses of one size for the heads, one projection for the trunk."""

from collections.abc import Sequence

import numpy as np

from facetwise.objectives.balancing._balancer import Decision, GramianBalancer, normalised, require
from facetwise.objectives.balancing._impartial import impartial
from facetwise.objectives.balancing._learned import learned, learned_step
from facetwise.objectives.balancing._shared import Over

__all__ = ["Impartial"]


class Impartial(GramianBalancer):
    """Losses e^(s_k) L_k - s_k, s learned; the trunk then follows Σ α_k e^(s_k) g_k with one projection on every task.

    Source: Liu et al. (2021, algorithm 1). s steps by Adam, without decay, and only where the attribute has a label.

    Args:
        names, seed: As for every balancer.
        learning_rate: Of s.
        over: `cut` or `all` shared parameters.
        normalise: Total of one per task, for shared and own parameters.
    """

    def __init__(
        self,
        *,
        names: Sequence[str],
        seed: int,
        learning_rate: float = 1e-3,
        over: Over = "cut",
        normalise: bool = True,
    ) -> None:
        super().__init__(names=names, seed=seed, over=over)
        require(learning_rate > 0, "learning_rate", "above 0", learning_rate)
        self.learning_rate, self.normalise = learning_rate, normalise
        self.state = learned("log_scale", 0.0, len(self.names))

    def weigh(self, gramian: np.ndarray, losses: np.ndarray, places: np.ndarray) -> Decision:
        """α on the scaled gradients; then the step of s."""
        scales = np.exp(self.state["log_scale"][places])
        weights = impartial(gramian * np.outer(scales, scales)) * scales
        learned_step(self.state, "log_scale", scales * losses - 1.0, places, rate=self.learning_rate)
        if self.normalise:
            return Decision(normalised(weights), normalised(scales))
        return Decision(weights, scales)
