"""Smooth Tchebycheff scalarisation: mostly the attribute that is worst off."""

from collections.abc import Sequence

import numpy as np

from facetwise.objectives.balancing._balancer import LossBalancer, normalised, require
from facetwise.objectives.balancing._positive import positive, positive_state

__all__ = ["SmoothTchebycheff"]


class SmoothTchebycheff(LossBalancer):
    """L = K μ log Σ exp(log(L_k / z_k) / μ), z_k the mean loss of the last warm-up epoch; before that Σ log L_k.

    Source: Lin et al. (2024, eq. 6), with the log losses and the warm-up of the authors' experiments. The weights are
    K softmax(log(L_k / z_k) / μ)_k / L_k. An attribute that had no label in that epoch takes its first loss after it
    for z.

    Args:
        names, seed: As for every balancer.
        mu: μ; the smaller, the closer to the maximum.
        warmup_epochs: Epochs with Σ log L_k; 0: z is the first loss.
        normalise: Total of one per task; without it as published.
    """

    def __init__(
        self, *, names: Sequence[str], seed: int, mu: float = 1.0, warmup_epochs: int = 4, normalise: bool = True
    ) -> None:
        super().__init__(names=names, seed=seed)
        require(mu > 0, "mu", "above 0", mu)
        require(warmup_epochs >= 0, "warmup_epochs", "0 or more", warmup_epochs)
        self.mu, self.warmup_epochs, self.normalise = mu, warmup_epochs, normalise
        count = len(self.names)
        self.state = {"sum": np.zeros(count), "steps": np.zeros(count), **positive_state(count)}

    def weigh(self, losses: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Weights, and in the warm-up the means."""
        losses = positive(self.state, losses, places)
        warming = self.epoch < self.warmup_epochs
        unknown = self.state["steps"][places] == 0
        counted = np.full(len(places), self.epoch == self.warmup_epochs - 1) if warming else unknown
        self.state["sum"][places] += np.where(counted, losses, 0.0)
        self.state["steps"][places] += counted
        if warming:
            weights = 1.0 / losses
        else:
            rise = np.log(losses * self.state["steps"][places] / self.state["sum"][places]) / self.mu
            share = np.exp(rise - rise.max())
            weights = len(losses) * share / share.sum() / losses
        return normalised(weights) if self.normalise else weights
