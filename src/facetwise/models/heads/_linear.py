"""Packed linear heads: the logits of all attributes from one matrix product."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from facetwise.models._initial import draw_rows

__all__ = ["LinearHead"]


class LinearHead(nn.Module):
    """z = h Wᵀ + b, W of shape (logit, width): every attribute's logits are rows of one matrix.

    Source: the linear classifier; packing is only a layout.

    A loop over one `nn.Linear` per attribute computes the same numbers; with many attributes it is several times
    slower (`benchmarks/heads.py`).

    Args:
        names: One stable name per logit, from the layout.
        width: Width of the representation.
        seed: Seed of the initial rows.

    Example:
        >>> LinearHead(names=["a00/red", "a00/blue"], width=4, seed=0)(torch.zeros(3, 4)).shape
        torch.Size([3, 2])
    """

    accepts = ("batch width",)

    def __init__(self, *, names: Sequence[str], width: int, seed: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(draw_rows(seed, [f"head/{name}" for name in names], width, width**-0.5))
        self.bias = nn.Parameter(torch.zeros(len(names)))

    def forward(self, representation: Float[Tensor, "batch width"]) -> Float[Tensor, "batch logit"]:
        """Representation to packed logits."""
        return nn.functional.linear(representation, self.weight, self.bias)
