"""Shared bottom: one small network that all attributes read."""

import numpy as np
from jaxtyping import Float
from torch import Tensor, nn

from facetwise.models._dense import dense_blocks
from facetwise.models._options import Activation, Norm, Rule, check_options, share
from facetwise.models.trunks._trunk import Trunk

__all__ = ["SharedTrunk"]


class SharedTrunk(Trunk):
    r"""`layers` times Linear, norm, activation, Dropout.

    h_0 = x; h_i = dropout(gelu(norm(W_i h_{i-1} + b_i))), each h_i of shape (batch, width).

    Source: hard parameter sharing (Caruana 1997); the block order is that of public fish and fashion classifiers,
    with LayerNorm in place of BatchNorm so that a batch of one, and a batch in which most labels are missing, behave
    like any other.

    Args:
        features: Width of the input.
        width: Width of the representation.
        layers: Number of blocks.
        norm: layer, batch or none.
        activation: gelu, relu, silu, tanh or identity.
        dropout: Probability of zeroing an activation after each block.

    Example:
        >>> import torch
        >>> SharedTrunk(features=8, width=4)(torch.zeros(2, 8)).shape
        torch.Size([2, 4])
    """

    output = "batch width"

    def __init__(
        self,
        *,
        features: int,
        width: int = 256,
        layers: int = 1,
        norm: Norm = "layer",
        activation: Activation = "gelu",
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        check_options(
            "trunk",
            Rule("width", width, width >= 1, "at least 1"),
            Rule("layers", layers, layers >= 1, "at least 1"),
            share("dropout", dropout),
        )
        self.blocks = dense_blocks([features] + [width] * layers, norm=norm, activation=activation, dropout=dropout)
        self._width = width

    @property
    def width(self) -> int:
        """Width of the representation."""
        return self._width

    def represent(
        self, features: Float[Tensor, "batch features"]
    ) -> tuple[Float[Tensor, "batch width"], dict[str, Tensor]]:
        """Features to one representation for all attributes."""
        return self.blocks(features), {}

    def shared_parameters(self) -> list[nn.Parameter]:
        """Everything."""
        return list(self.parameters())

    def shared_cut(self) -> list[nn.Parameter]:
        """The last linear layer."""
        last = [block for block in self.blocks if isinstance(block, nn.Linear)][-1]
        return list(last.parameters())

    def diagnostics(self, features: Float[Tensor, "batch features"]) -> dict[str, np.ndarray | float]:  # noqa: ARG002
        """Nothing to show."""
        return {}
