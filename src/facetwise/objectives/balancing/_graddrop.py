"""Gradient sign dropout: where tasks disagree about the sign, one sign is drawn and the others wait."""

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from facetwise.objectives.balancing._balancer import Balancer, places_of, replace_at, require
from facetwise.objectives.balancing._gradients import by_layer, jacobian, picks, spread_gradients
from facetwise.objectives.balancing._shared import Shared

__all__ = ["GradientSignDropout"]


class GradientSignDropout(Balancer):
    """P = ½ (1 + Σ_k a_k / Σ_k |a_k|), U ~ uniform: a_k > 0 passes where P > U, a_k < 0 where P < U.

    δ_k is the gradient at the shared activations h, and a_k = Σ_batch sign(h) ⊙ δ_k, one sign per unit; what passes is
    (leak + (1 - leak) mask_k) ⊙ δ_k, and the trunk goes on from the sum over tasks.

    Source: Chen et al. (2020, algorithm 1 and section 3.2). h is the output of the cut's linear layers. `parameters`
    takes the gradients of all shared parameters in place of activations (K passes), as gradient-level libraries do.
    Own parameters learn from their own losses. There are no weights to normalise: the log shows the share that passed.

    Args:
        names, seed: As for every balancer.
        leak: Share of a gradient that always passes.
        at: `activations` of the cut, or `parameters`.
    """

    needs: ClassVar[Literal["losses", "gramian", "gradients"]] = "gradients"

    def __init__(
        self,
        *,
        names: Sequence[str],
        seed: int,
        leak: float = 0.0,
        at: Literal["activations", "parameters"] = "activations",
    ) -> None:
        require(at in ("activations", "parameters"), "at", "'activations' or 'parameters'", at)
        require(0.0 <= leak <= 1.0, "leak", "from 0 to 1", leak)
        inner = at == "activations"
        super().__init__(names=names, seed=seed, over="cut" if inner else "all", activations=inner)
        self.leak = leak
        self.state = {"steps": np.zeros((), dtype=np.int64)}

    def backward(
        self, losses: Float[Tensor, " attribute"], active: Bool[Tensor, " attribute"], shared: Shared
    ) -> Float[Tensor, " attribute"]:
        """Gradients of the heads per task, then one backward pass with what passed."""
        places = places_of(active)
        passed = torch.zeros_like(losses, requires_grad=False)
        if len(places):
            own = picks(losses, places).sum(dim=0)
            draw = torch.Generator().manual_seed(_seed(self.seed, int(self.state["steps"])))
            self.state["steps"] += 1
            step = self._at_activations if self.over == "cut" else self._at_parameters
            passed[torch.from_numpy(places).to(losses.device)] = step(losses, places, own, draw, shared)
        shared.forget()
        return passed

    def _at_activations(
        self, losses: Tensor, places: np.ndarray, own: Tensor, draw: torch.Generator, shared: Shared
    ) -> Tensor:
        taps, head = shared.taken()
        found = spread_gradients(losses, places, taps, head).at_taps
        shares, chosen = [], [taps[0].outputs] * len(taps)
        for members in by_layer(taps):
            signed = torch.stack(
                [(found[n] * taps[n].outputs.detach().sign()).flatten(1, -2).sum(dim=1) for n in members]
            )
            signed = shared.summed(signed.sum(dim=0))  # (task, unit)
            kept = passing(signed, torch.rand(signed.shape[1], generator=draw, dtype=torch.float64), self.leak)
            shares.append(kept.mean(dim=1))
            for n in members:
                chosen[n] = torch.einsum("tu,t...u->...u", kept.to(found[n].dtype), found[n])
        replace_at(losses, own, [tap.outputs for tap in taps], chosen)
        return torch.stack(shares).mean(dim=0).to(losses)

    def _at_parameters(
        self, losses: Tensor, places: np.ndarray, own: Tensor, draw: torch.Generator, shared: Shared
    ) -> Tensor:
        rows = jacobian(losses, places, shared.all, shared)
        kept = passing(rows, torch.rand(rows.shape[1], generator=draw, dtype=torch.float64), self.leak)
        shared.descend(losses, own, (kept * rows).sum(dim=0))
        return kept.mean(dim=1).to(losses)


def passing(rows: Float[Tensor, "task unit"], draw: Float[Tensor, " unit"], leak: float) -> Float[Tensor, "task unit"]:
    """The share of every entry that passes.

    >>> passing(torch.tensor([[1.0, 2.0], [3.0, -1.0]]), torch.tensor([0.9, 0.9]), 0.0)
    tensor([[1., 0.],
            [1., 1.]])
    """
    size = rows.abs().sum(dim=0)
    purity = 0.5 * (1.0 + torch.where(size > 0, rows.sum(dim=0) / size, 0.0))
    draw = draw.to(rows)
    mask = ((purity > draw) & (rows > 0)) | ((purity < draw) & (rows < 0))
    return leak + (1.0 - leak) * mask.to(rows.dtype)


def _seed(seed: int, step: int) -> int:
    return (seed * 1_000_003 + step) % 2**63
