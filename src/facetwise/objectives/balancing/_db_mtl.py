"""Dual balancing: logarithms make losses alike, and averaged gradients of one length make their steps alike."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from facetwise.objectives.balancing._balancer import GradientBalancer, require
from facetwise.objectives.balancing._positive import positive, positive_state

__all__ = ["DualBalancing"]

# As published, inside the logarithm.
EPS = 1e-8


class DualBalancing(GradientBalancer):
    """g_k of log(L_k + 1e-8), b_k ← β_t b_k + (1 - β_t) g_k, d = Σ_k (max_j ‖b_j‖ / ‖b_k‖) b_k, β_t = β t^(-σ).

    Source: Lin et al. (2023, algorithm 1). b starts at 0, per attribute, so t and the buffer of an attribute stand
    still while it has no labels. Own parameters learn from L_k, not its logarithm: Adam takes the scale out again.

    Args:
        names, seed: As for every balancer.
        beta, beta_power: β and σ.
        normalise: Give d the length of Σ ∇L_k.
    """

    def __init__(
        self,
        *,
        names: Sequence[str],
        seed: int,
        beta: float = 0.9,
        beta_power: float = 0.0,
        normalise: bool = True,
    ) -> None:
        super().__init__(names=names, seed=seed, normalise=normalise)
        require(0.0 <= beta < 1.0, "beta", "from 0 to below 1", beta)
        require(beta_power >= 0, "beta_power", "0 or more", beta_power)
        self.beta, self.beta_power = beta, beta_power
        self.state = {"seen": np.zeros(len(self.names)), **positive_state(len(self.names))}

    def combine(
        self, rows: Float[Tensor, "task parameter"], losses: np.ndarray, places: np.ndarray
    ) -> tuple[Float[Tensor, " parameter"], np.ndarray]:
        """The averages take their step, then d."""
        rows.div_(torch.from_numpy(positive(self.state, losses, places) + EPS).to(rows)[:, None])
        self.state["seen"][places] += 1.0
        memory = self.beta * self.state["seen"][places] ** -self.beta_power
        average = self.averaged("average", rows, torch.from_numpy(1.0 - memory).to(rows), places)
        norms = average.norm(dim=1)
        weights = torch.where(norms > 0, norms.max() / norms, 0.0)
        return weights @ average, weights.double().cpu().numpy()
