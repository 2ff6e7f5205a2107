"""Shared bottom: one small network that all attributes read."""

from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn

from facetwise.models.trunks._trunk import Trunk

__all__ = ["SharedTrunk"]


class SharedTrunk(Trunk):
    r"""`layers` times Linear, LayerNorm, GELU, Dropout.

    h_0 = x; h_i = dropout(gelu(norm(W_i h_{i-1} + b_i))), each h_i of shape (batch, width).

    Source: hard parameter sharing (Caruana 1997); the block order is that of public fish and fashion classifiers,
    with LayerNorm in place of BatchNorm so that a batch of one, and a batch in which most labels are missing, behave
    like any other.

    Args:
        features: Width of the input.
        width: Width of the representation.
        layers: Number of blocks.
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
        width: int = 384,
        layers: int = 1,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        sizes = [features] + [width] * layers
        blocks: list[nn.Module] = []
        for before, after in pairwise(sizes):
            blocks += [nn.Linear(before, after), nn.LayerNorm(after), nn.GELU(), nn.Dropout(dropout)]
        self.blocks = nn.Sequential(*blocks)
        self._width = width

    @property
    def width(self) -> int:
        """Width of the representation."""
        return self._width

    def forward(self, features: Float[Tensor, "batch features"]) -> Float[Tensor, "batch width"]:
        """Features to one representation for all attributes."""
        return self.blocks(features)

    def shared_cut(self) -> list[nn.Parameter]:
        """The last linear layer."""
        last = [block for block in self.blocks if isinstance(block, nn.Linear)][-1]
        return list(last.parameters())
