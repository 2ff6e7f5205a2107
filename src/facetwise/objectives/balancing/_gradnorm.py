"""GradNorm: gradients of one length, more of it for what has fallen least."""

from collections.abc import Sequence

import numpy as np

from facetwise.objectives.balancing._balancer import Decision, GramianBalancer, require
from facetwise.objectives.balancing._learned import learned, learned_step
from facetwise.objectives.balancing._positive import positive, positive_state
from facetwise.objectives.balancing._shared import Over

__all__ = ["GradNorm"]

# A weight of 0 would switch an attribute off, and a negative one would teach it backwards.
LEAST = 1e-3


class GradNorm(GramianBalancer):
    """w learned by one step of Adam per batch on Σ |w_k ‖g_k‖ - Ḡ r_k^α|, then scaled to a total of one per task,

    with Ḡ the mean of w_j ‖g_j‖ and r_k = (L_k / L_k⁰) / mean_j(L_j / L_j⁰), both constant in the step.

    Source: Chen et al. (2018, eq. 2 and algorithm 1); norms at the last shared layer, as published (LibMTL: all shared
    parameters, and the softmax of logits for w). L⁰ is an attribute's loss in the first batch that has a label for it.

    Args:
        names, seed: As for every balancer.
        alpha: α; the larger, the more is asked of what lags behind.
        learning_rate: Of w.
        over: `cut` or `all` shared parameters.
    """

    def __init__(
        self,
        *,
        names: Sequence[str],
        seed: int,
        alpha: float = 1.5,
        learning_rate: float = 0.025,
        over: Over = "cut",
    ) -> None:
        super().__init__(names=names, seed=seed, over=over)
        require(alpha >= 0, "alpha", "0 or more", alpha)
        require(learning_rate > 0, "learning_rate", "above 0", learning_rate)
        self.alpha, self.learning_rate = alpha, learning_rate
        count = len(self.names)
        self.state = {**learned("weight", 1.0, count), "first_loss": np.full(count, np.nan), **positive_state(count)}

    def weigh(self, gramian: np.ndarray, losses: np.ndarray, places: np.ndarray) -> Decision:
        """The weights as they are; then their step."""
        losses = positive(self.state, losses, places)
        first = self.state["first_loss"][places]
        first = np.where(np.isnan(first), losses, first)
        self.state["first_loss"][places] = first
        weights = self.state["weight"][places]
        weights = weights * (len(weights) / weights.sum())
        self.state["weight"][places] = weights
        norms = np.sqrt(gramian.diagonal())
        rate = losses / first
        target = (weights * norms).mean() * (rate / rate.mean()) ** self.alpha
        slope = norms * np.sign(weights * norms - target)
        learned_step(self.state, "weight", slope, places, rate=self.learning_rate)
        moved = np.maximum(self.state["weight"][places], LEAST)
        self.state["weight"][places] = moved * (len(moved) / moved.sum())
        return Decision(weights)
