"""A weight for every feature, from the item itself."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from torch import Tensor, nn

from facetwise.models._fact import Fact
from facetwise.models._options import Rule, check_options
from facetwise.models.adapters._adapter import Adapter

__all__ = ["GateAdapter"]


class GateAdapter(Adapter):
    r"""x' = a ⊙ x, a = σ(W₂ relu(W₁ x)), one weight per feature.

    Levels stay where they are. The public attribute classifier promises a weight per feature and computes one number
    per picture (its W₂ has one row), which a linear layer behind it can undo; this is what was promised.

    Source: Hu et al. (2018, equation 3), squeeze and excitation.

    Args:
        levels: Widths of the parts of the input.
        hidden: Rows of W₁.

    Example:
        >>> import torch
        >>> GateAdapter(levels=[3, 5], hidden=2)(torch.ones(2, 8)).shape
        torch.Size([2, 8])
    """

    facts: ClassVar[Mapping[str, Fact]] = {
        "weight_by_level": Fact("mean weight of its features", ("level",)),
        "weight_deviation": Fact("how much weights vary among items"),
    }

    def __init__(self, *, levels: Sequence[int], hidden: int = 256) -> None:
        super().__init__()
        check_options("adapters.gate", Rule("hidden", hidden, hidden >= 1, "at least 1"))
        self._levels = tuple(levels)
        self.attention = nn.Sequential(
            nn.Linear(sum(levels), hidden), nn.ReLU(), nn.Linear(hidden, sum(levels)), nn.Sigmoid()
        )

    @property
    def levels(self) -> tuple[int, ...]:
        """As they came."""
        return self._levels

    def adapt(
        self, features: Float[Tensor, "batch features"]
    ) -> tuple[Float[Tensor, "batch features"], dict[str, Tensor]]:
        """Every feature times its weight."""
        return features * self.attention(features), {}

    def diagnostics(self, features: Float[Tensor, "batch features"]) -> dict[str, np.ndarray | float]:
        """weight_by_level (level): mean weight of a level's features; weight_deviation: how much weights vary among
        items, mean over features.
        """
        weights = self.attention(features)
        by_level = [float(part.mean()) for part in weights.split(list(self._levels), dim=1)]
        varied = float(weights.std(dim=0, correction=0).mean())
        return {"weight_by_level": np.array(by_level), "weight_deviation": varied}
