"""Impartial multi-task learning by gradients: the step means the same progress for every task."""

from collections.abc import Sequence

import numpy as np

from facetwise.objectives.balancing._balancer import Decision, GramianBalancer
from facetwise.objectives.balancing._impartial import impartial
from facetwise.objectives.balancing._shared import Over

__all__ = ["ImpartialGradients"]


class ImpartialGradients(GramianBalancer):
    """α with ⟨Σ α_j g_j, g_k⟩ / ‖g_k‖ the same for every k, and Σ α = 1. A weight can be negative.

    Source: Liu et al. (2021, eq. 6), with the pseudo-inverse for parallel gradients.

    Args:
        names, seed: As for every balancer.
        over: `cut` or `all` shared parameters.
        normalise: Total of one per task; without it 1, as published.
    """

    def __init__(self, *, names: Sequence[str], seed: int, over: Over = "cut", normalise: bool = True) -> None:
        super().__init__(names=names, seed=seed, over=over)
        self.normalise = normalise

    def weigh(self, gramian: np.ndarray, losses: np.ndarray, places: np.ndarray) -> Decision:
        """The closed form."""
        del losses
        weights = impartial(gramian)
        return Decision(weights * len(places) if self.normalise else weights)
