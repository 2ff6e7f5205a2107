"""W = L S: attributes are combinations of latent tasks."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from facetwise.models._fact import Fact
from facetwise.models._options import Rule, check_options, share
from facetwise.models._proximal import Proximal, soft_threshold
from facetwise.models.trunks._trunk import Trunk

__all__ = ["FactorisedTrunk"]


class FactorisedTrunk(Trunk, Proximal):
    r"""h = Lᵀ x, L of shape (features, latent): z = Sᵀ h makes W = L S, S the weights of the head.

    A factorised linear model: nothing but L stands between features and head, and the head decides which attribute uses
    which latent task (a sparse head makes that choice by groups of attributes). γ‖L‖₁ + λ‖L‖²_F act after each
    optimiser step, by their proximal map, so that entries become exactly 0:
    L ← soft(L, ηγ) / (1 + 2ηλ). λ also settles the scale between L and S (L → cL, S → S/c leaves W alone).

    Source: Abdulnabi et al. (2015), W = L S with both penalties on L; Kumar and Daumé (2012) for the latent basis.

    Args:
        features: Width of the input.
        width: Number of latent tasks.
        dropout: Probability of zeroing a latent task.
        l1: γ.
        frobenius: λ.

    Example:
        >>> FactorisedTrunk(features=8, width=3)(torch.zeros(2, 8)).shape
        torch.Size([2, 3])
    """

    output = "batch width"
    facts: ClassVar[Mapping[str, Fact]] = {
        "latent_energy": Fact("mean square of each latent task", ("latent",)),
        "zeros": Fact("share of the entries of L that are exactly 0"),
    }

    def __init__(
        self, *, features: int, width: int = 64, dropout: float = 0.0, l1: float = 0.0, frobenius: float = 0.0
    ) -> None:
        super().__init__()
        check_options(
            "trunk",
            Rule("width", width, width >= 1, "at least 1"),
            share("dropout", dropout),
            Rule("l1", l1, l1 >= 0, "at least 0"),
            Rule("frobenius", frobenius, frobenius >= 0, "at least 0"),
        )
        self.latent = nn.Linear(features, width, bias=False)
        self.dropout = nn.Dropout(dropout)
        self.l1, self.frobenius, self._width = l1, frobenius, width

    @property
    def width(self) -> int:
        """Number of latent tasks."""
        return self._width

    @property
    def basis(self) -> Float[Tensor, "features latent"]:
        """L."""
        return self.latent.weight.T

    def represent(
        self, features: Float[Tensor, "batch features"]
    ) -> tuple[Float[Tensor, "batch width"], dict[str, Tensor]]:
        """Features to latent tasks."""
        return self.dropout(self.latent(features)), {}

    def regulariser(self) -> Float[Tensor, ""]:
        """γ‖L‖₁ + λ‖L‖²_F."""
        weight = self.latent.weight
        return self.l1 * weight.abs().sum() + self.frobenius * weight.square().sum()

    @torch.no_grad()
    def proximal_step(self, rate: float, active: Bool[Tensor, " attribute"]) -> None:  # noqa: ARG002  (L is shared)
        """L ← soft(L, ηγ) / (1 + 2ηλ)."""
        shrunk = soft_threshold(self.latent.weight, rate * self.l1) / (1.0 + 2.0 * rate * self.frobenius)
        self.latent.weight.copy_(shrunk)

    def shared_parameters(self) -> list[nn.Parameter]:
        """L."""
        return list(self.latent.parameters())

    def shared_cut(self) -> list[nn.Parameter]:
        """L."""
        return list(self.latent.parameters())

    def diagnostics(self, features: Float[Tensor, "batch features"]) -> dict[str, np.ndarray | float]:
        """latent_energy (latent): mean square of each latent task; zeros: share of entries of L that are exactly 0."""
        latent = self.latent(features)
        zeros = float((self.latent.weight == 0).float().mean())
        return {"latent_energy": latent.square().mean(dim=0).cpu().numpy(), "zeros": zeros}
