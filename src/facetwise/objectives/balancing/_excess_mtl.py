"""Excess risks: more weight for the task that still has most to gain."""

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from facetwise.objectives.balancing._balancer import Balancer, descend, normalised, places_of, require, spread_of
from facetwise.objectives.balancing._gradients import jacobian
from facetwise.objectives.balancing._shared import Over, Shared

__all__ = ["ExcessRisk"]

# As in the authors' code, under the root and beside the baseline.
EPS = 1e-7


class ExcessRisk(Balancer):
    """s_k ← s_k + g_k², e_k = Σ g_k² / √(s_k + ε), w_k ← w_k exp(η e_k / e_k⁰), scaled to a total of one per task.

    Source: He et al. (2024, eq. 7 and 9). e⁰ is a task's mean over the warm-up, during which its weight stands still
    (the paper: the first epochs, appendix C.1). With `warmup_epochs=0` e⁰ is that of its first batch and the first step
    takes e itself, as in the authors' code. s needs as much memory as K copies of the parameters it is taken over.

    Args:
        names, seed: As for every balancer.
        learning_rate: η.
        warmup_epochs: Epochs that e⁰ is the mean of.
        over: `cut` or `all` shared parameters.
    """

    needs: ClassVar[Literal["losses", "gramian", "gradients"]] = "gradients"

    def __init__(
        self,
        *,
        names: Sequence[str],
        seed: int,
        learning_rate: float = 0.01,
        warmup_epochs: int = 3,
        over: Over = "cut",
    ) -> None:
        super().__init__(names=names, seed=seed, over=over)
        require(learning_rate > 0, "learning_rate", "above 0", learning_rate)
        require(warmup_epochs >= 0, "warmup_epochs", "0 or more", warmup_epochs)
        self.learning_rate, self.warmup_epochs = learning_rate, warmup_epochs
        count = len(self.names)
        self.state = {"log_weight": np.zeros(count), "sum": np.zeros(count), "steps": np.zeros(count)}

    def backward(
        self, losses: Float[Tensor, " attribute"], active: Bool[Tensor, " attribute"], shared: Shared
    ) -> Float[Tensor, " attribute"]:
        """The gradients per task at the cut, the weights, and one backward pass."""
        assert self.over is not None, "gradients are taken over something"
        places = places_of(active)
        weights = torch.zeros_like(losses, requires_grad=False)
        if len(places):
            rows = jacobian(losses, places, shared.parameters(self.over), shared)
            weights = spread_of(self._weigh(rows, places), places, losses)
            descend(losses, spread_of(np.ones(len(places)), places, losses), weights, shared)
        shared.forget()
        return weights

    def _weigh(self, rows: Tensor, places: np.ndarray) -> np.ndarray:
        kept = self.buffers.get("squares")
        kept = rows.new_zeros(len(self.names), rows.shape[1]) if kept is None else kept.to(rows)
        self.buffers["squares"] = kept
        gained: list[Tensor] = []
        # Row by row: as few copies as can be of something that is K times the parameters.
        for row, place in zip(rows, places, strict=True):
            squares = row.square()
            total = kept[place].add_(squares)
            gained.append(squares.div_((total + EPS).sqrt_()).sum())
        excess = torch.stack(gained).double().cpu().numpy()
        state = self.state
        first = state["steps"][places] == 0
        if self.epoch < self.warmup_epochs or first.any():
            counted = first | (self.epoch < self.warmup_epochs)
            state["sum"][places] += np.where(counted, excess, 0.0)
            state["steps"][places] += counted
        if self.epoch >= self.warmup_epochs:
            relative = excess / (state["sum"][places] / state["steps"][places] + EPS)
            raw = first if self.warmup_epochs == 0 else np.zeros_like(first)
            state["log_weight"][places] += self.learning_rate * np.where(raw, excess, relative)
            # Only differences matter; the common part would grow for ever.
            state["log_weight"] -= state["log_weight"].max()
        share = np.exp(state["log_weight"][places] - state["log_weight"][places].max())
        return normalised(share)
