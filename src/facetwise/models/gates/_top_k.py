"""The k experts that a gate likes best."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from facetwise.models.gates._gate import Gate, Gated
from facetwise.models.gates._keep import keep_largest
from facetwise.models.gates._logits import gate_logits

__all__ = ["TopKGate"]


class TopKGate(Gate):
    r"""g = softmax over the k largest of W_a x / T, 0 elsewhere.

    Without renormalisation g is the softmax over all experts with the others set to 0: the sum then says how sure the
    gate is, and with k = 1 it still has a gradient (renormalised, one expert's weight is always 1).

    Source: Shazeer et al. (2017, equations 3 and 5) without the noise; Fedus et al. (2022) for k = 1 without
    renormalisation.

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
        self.temperature, self.k, self.renormalise = temperature, k, renormalise

    def forward(self, features: Float[Tensor, "batch features"]) -> Gated:
        """k weights above 0 per item and attribute."""
        logits = self.logits(features) / self.temperature
        return Gated(keep_largest(logits, self.k, renormalise=self.renormalise), logits.softmax(dim=2))
