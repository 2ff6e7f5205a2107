"""The k best experts, with noise while training."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from facetwise.models.gates._gate import Gate, Gated
from facetwise.models.gates._keep import keep_largest
from facetwise.models.gates._logits import gate_logits

__all__ = ["NoisyTopKGate"]


class NoisyTopKGate(Gate):
    r"""h = W_a x + ε softplus(V_a x), ε ~ N(0, 1) while training; g = softmax over the k largest of h / T, 0 elsewhere.

    The noise lets experts that just missed be tried. V starts at zero, so that its deviation starts at softplus(0) =
    0.69, as in the paper. Without noise it is the plain rule, which is what evaluation uses.

    Source: Shazeer et al. (2017, equations 3 to 5).

    Args:
        features, names, owner, experts, seed: See `Gate`.
        temperature: T.
        k: Experts per item and attribute.
        renormalise: Whether the k weights sum to 1.
    """

    sparse = True

    def __init__(
        self,
        *,
        features: int,
        names: Sequence[str],
        owner: Sequence[int],
        experts: int,
        seed: int,
        temperature: float = 1.0,
        k: int = 2,
        renormalise: bool = True,
    ) -> None:
        super().__init__()
        self.logits = gate_logits(features=features, names=names, owner=owner, outputs=experts, seed=seed)
        self.noise = gate_logits(features=features, names=names, owner=owner, outputs=experts, seed=seed, deviation=0.0)
        self.temperature, self.k, self.renormalise = temperature, k, renormalise

    def forward(self, features: Float[Tensor, "batch features"]) -> Gated:
        """k weights above 0 per item and attribute."""
        logits = self.logits(features)
        if self.training:
            logits = logits + torch.randn_like(logits) * functional.softplus(self.noise(features))
        logits = logits / self.temperature
        return Gated(keep_largest(logits, self.k, renormalise=self.renormalise), logits.softmax(dim=2))
