"""Every expert counts."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from facetwise.models.gates._gate import Gate, Gated
from facetwise.models.gates._logits import gate_logits

__all__ = ["SoftmaxGate"]


class SoftmaxGate(Gate):
    r"""g_a(x) = softmax(W_a x / T).

    Source: Ma et al. (2018, equation 7); T as in public fish classifiers.

    Args:
        features, names, owner, experts, seed: See `Gate`.
        temperature: T; above 1 the weights are more even.
    """

    sparse = False

    def __init__(
        self,
        *,
        features: int,
        names: Sequence[str],
        owner: Sequence[int],
        experts: int,
        seed: int,
        temperature: float = 1.0,
    ) -> None:
        super().__init__()
        self.logits = gate_logits(features=features, names=names, owner=owner, outputs=experts, seed=seed)
        self.temperature = temperature

    def forward(self, features: Float[Tensor, "batch features"]) -> Gated:
        """Weights that sum to 1, all of them above 0."""
        weights = (self.logits(features) / self.temperature).softmax(dim=2)
        return Gated(weights, weights)
