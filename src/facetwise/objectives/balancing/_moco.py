"""MoCo: gradients are tracked over steps, which takes the bias out of the shortest combination."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from facetwise.objectives.balancing._balancer import GradientBalancer, require
from facetwise.objectives.balancing._gradients import gramian_of
from facetwise.objectives.balancing._simplex import onto_simplex

__all__ = ["TrackedGradients"]


class TrackedGradients(GradientBalancer):
    """y_k ← y_k - β_t (y_k - h_k),  λ ← Π(λ - γ_t (Y Yᵀ + ρ I) λ),  d = Σ λ_k y_k,  β_t = β t^(-σ), γ_t likewise.

    Source: Fernando et al. (2023, algorithm 1). Π is the projection on the simplex, as published; the authors' code
    (and LibMTL) has a softmax there (`softmax=True`). h_k is L_k g_k / ‖g_k‖ as in their code, or g_k (`scaled=False`)
    as in the paper. y_k starts at 0; t is counted per attribute for β and over all steps for γ.

    Args:
        names, seed: As for every balancer.
        beta, beta_power: β and σ.
        gamma, gamma_power: γ and its σ.
        rho: ρ.
        scaled: Whether gradients are scaled to the length of their loss.
        softmax: Whether λ goes through a softmax.
        normalise: Give d the length of Σ g_k.
    """

    def __init__(
        self,
        *,
        names: Sequence[str],
        seed: int,
        beta: float = 0.5,
        beta_power: float = 0.5,
        gamma: float = 0.1,
        gamma_power: float = 0.5,
        rho: float = 0.0,
        scaled: bool = True,
        softmax: bool = False,
        normalise: bool = True,
    ) -> None:
        super().__init__(names=names, seed=seed, normalise=normalise)
        require(0.0 < beta <= 1.0, "beta", "above 0, at most 1", beta)
        require(gamma > 0, "gamma", "above 0", gamma)
        require(rho >= 0, "rho", "0 or more", rho)
        self.beta, self.beta_power, self.gamma, self.gamma_power = beta, beta_power, gamma, gamma_power
        self.rho, self.scaled, self.softmax = rho, scaled, softmax
        count = len(self.names)
        self.state = {"share": np.ones(count), "seen": np.zeros(count), "steps": np.zeros(())}

    def combine(
        self, rows: Float[Tensor, "task parameter"], losses: np.ndarray, places: np.ndarray
    ) -> tuple[Float[Tensor, " parameter"], np.ndarray]:
        """The tracked gradients take their step, then λ, then d."""
        if self.scaled:
            norms = rows.norm(dim=1)
            sizes = torch.from_numpy(losses).to(rows)
            rows.mul_(torch.where(norms > 0, sizes / norms, 0.0)[:, None])
        self.state["seen"][places] += 1.0
        self.state["steps"] = self.state["steps"] + 1.0
        pace = torch.from_numpy(self.beta * self.state["seen"][places] ** -self.beta_power).to(rows)
        tracked = self.averaged("tracked", rows, pace, places)
        # λ of the tasks of this step, on a simplex of their own; absent attributes keep theirs.
        mass = self.state["share"][places].sum()
        share = self.state["share"][places] / mass
        slope = (gramian_of(tracked) + self.rho * np.eye(len(places))) @ share
        moved = share - self.gamma * float(self.state["steps"]) ** -self.gamma_power * slope
        if self.softmax:
            raised = np.exp(moved - moved.max())
            share = raised / raised.sum()
        else:
            share = onto_simplex(moved)
        self.state["share"][places] = share * mass
        return torch.from_numpy(share).to(tracked) @ tracked, share * len(places)
