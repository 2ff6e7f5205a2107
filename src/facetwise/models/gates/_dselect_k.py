"""A choice of k experts that has gradients everywhere."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from facetwise.models.gates._gate import Gate, Gated
from facetwise.models.gates._logits import gate_logits

__all__ = ["DSelectKGate"]


class DSelectKGate(Gate):
    r"""g = Σ_{i≤k} softmax(A x)_i r(z_i), z = Z x; r(z)_e = Π_j S(z_j) where bit j of e is 1, 1 - S(z_j) where it is 0.

    S is the smooth step of width γ: 0 below -γ/2, 1 above γ/2, -2/γ³ t³ + 3/(2γ) t + 1/2 between. A selector whose
    bits have all reached 0 or 1 names exactly one expert, so the gate learns to be sparse: at most k experts. Codes
    count the experts in binary; where they are no power of two, codes beyond the last expert start again from the
    first, so that every code names one. (The paper leaves those codes without an expert and adds 1 / mass to the loss,
    which is infinite once a selector has decided for one of them.)

    The penalty of a gate is ξ times the mean over items of Σ_i entropy(r(z_i)). The public multi-task library applies
    it to its last task only, and calls backward inside forward.

    Source: Hazimeh et al. (2021, equations 4 to 8), gates that depend on the input; smooth step
    of Hazimeh et al. (2020).

    Args:
        features, names, owner, experts, seed: See `Gate`.
        k: Selectors: at most k experts per item and attribute in the end.
        smoothness: γ.
        entropy_weight: ξ.
    """

    sparse = True
    codes: Tensor
    named: Tensor

    def __init__(
        self,
        *,
        features: int,
        names: Sequence[str],
        owner: Sequence[int],
        experts: int,
        seed: int,
        k: int = 2,
        smoothness: float = 1.0,
        entropy_weight: float = 1e-2,
    ) -> None:
        super().__init__()
        self.bits = max(1, (experts - 1).bit_length())
        self.k, self.smoothness, self.entropy_weight = k, smoothness, entropy_weight
        # One product gives, per attribute, k weights and k times `bits` codes.
        self.logits = gate_logits(
            features=features,
            names=names,
            owner=owner,
            outputs=k * (1 + self.bits),
            seed=seed,
            deviation=smoothness / 10,
        )
        codes = torch.tensor([[(c >> j) & 1 for j in range(self.bits)] for c in range(2**self.bits)], dtype=torch.bool)
        named = torch.nn.functional.one_hot(torch.arange(2**self.bits) % experts, experts).to(torch.get_default_dtype())
        self.register_buffer("codes", codes, persistent=False)
        self.register_buffer("named", named, persistent=False)

    def _selectors(
        self, features: Float[Tensor, "batch features"]
    ) -> tuple[Float[Tensor, "batch attribute k"], Float[Tensor, "batch attribute k expert"]]:
        """Weights of the selectors, and what each selects."""
        given = self.logits(features).unflatten(2, (self.k, 1 + self.bits))
        z, gamma = given[..., 1:].unsqueeze(3), self.smoothness  # (batch, attribute, k, 1, bit)
        within = z.clamp(-gamma / 2, gamma / 2)
        step = -2.0 / gamma**3 * within**3 + 1.5 / gamma * within + 0.5
        chosen = torch.where(self.codes, step, 1.0 - step).prod(dim=4)  # (batch, attribute, k, code)
        return given[..., 0].softmax(dim=2), chosen @ self.named

    def forward(self, features: Float[Tensor, "batch features"]) -> Gated:
        """Weights that sum to 1, at most k above 0 once the selectors have decided; the penalty."""
        weights, chosen = self._selectors(features)
        penalty = self.entropy_weight * torch.special.entr(chosen).sum(dim=(2, 3)).mean(dim=0)
        mixed = torch.einsum("bak,bake->bae", weights, chosen)
        return Gated(mixed, mixed, penalty)
