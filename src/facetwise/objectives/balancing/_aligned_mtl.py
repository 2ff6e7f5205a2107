"""Aligned multi-task learning: the nearest gradients that are orthogonal and of one length."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from facetwise.objectives.balancing._balancer import Decision, GramianBalancer, normalised, require
from facetwise.objectives.balancing._shared import Over

__all__ = ["Aligned"]


class Aligned(GramianBalancer):
    """G = V Λ Vᵀ, B = √λ V Λ^(-1/2) Vᵀ over the eigenvalues above rounding, w = B 1 / K, λ the smallest of them.

    Source: Senushkin et al. (2023, algorithm 1). `scale` takes the `median` or the mean (`rmse`) of the eigenvalues for
    λ instead; it matters only without `normalise`. Public code calls a function that PyTorch has since removed.

    Args:
        names, seed: As for every balancer.
        scale: Which eigenvalue gives the length.
        over: `cut` or `all` shared parameters.
        normalise: Total of one per task.
    """

    def __init__(
        self,
        *,
        names: Sequence[str],
        seed: int,
        scale: Literal["min", "median", "rmse"] = "min",
        over: Over = "cut",
        normalise: bool = True,
    ) -> None:
        super().__init__(names=names, seed=seed, over=over)
        require(scale in ("min", "median", "rmse"), "scale", "'min', 'median' or 'rmse'", scale)
        self.scale, self.normalise = scale, normalise

    def weigh(self, gramian: np.ndarray, losses: np.ndarray, places: np.ndarray) -> Decision:
        """The balance transformation applied to equal weights."""
        del losses
        values, vectors = np.linalg.eigh(gramian)
        # Gradients are float32 in training: an eigenvalue below their rounding is noise, and 1 / √λ would magnify it.
        kept = values > values.max() * len(places) * np.finfo(np.float32).eps
        values, vectors = values[kept], vectors[:, kept]
        # PyTorch's median of an even count is the lower one; so is this.
        middle = np.sort(values)[(len(values) - 1) // 2]
        length = {"min": values.min(), "median": middle, "rmse": values.mean()}[self.scale]
        weights = np.sqrt(length) * (vectors * values**-0.5) @ vectors.sum(axis=0) / len(places)
        return Decision(normalised(weights) if self.normalise else weights)
