"""Packed linear heads: the logits of all attributes from one matrix product."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from facetwise.models._initial import draw_rows
from facetwise.models._rows import RowOwners, RowProduct
from facetwise.models.heads._head import Head

__all__ = ["LinearHead"]


class LinearHead(Head):
    """z_c = w_c · h_a + b_c, h_a the representation that attribute a of logit c reads.

    Source: the linear classifier; packing is only a layout.

    Where all attributes read one representation this is one matrix product; a loop over one `nn.Linear` per attribute
    computes the same numbers and is several times slower with many attributes (`benchmarks/heads.py`). Where each has
    its own, attributes of about the same size share one batched product.

    Args:
        names: One stable name per logit, from the layout.
        owner: Attribute of each logit.
        width: Width of the representation.
        seed: Seed of the initial rows.

    Example:
        >>> LinearHead(names=["a00/red", "a00/blue"], owner=[0, 0], width=4, seed=0)(torch.zeros(3, 4)).shape
        torch.Size([3, 2])
    """

    accepts = ("batch width", "batch attribute width")
    provides = frozenset()

    def __init__(self, *, names: Sequence[str], owner: Sequence[int], width: int, seed: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(draw_rows(seed, [f"head/{name}" for name in names], width, width**-0.5))
        self.bias = nn.Parameter(torch.zeros(len(names)))
        self.product = RowProduct(owner=owner)

    @property
    def matrix(self) -> Float[Tensor, "logit width"]:
        """W of z = h Wᵀ + b, where all attributes read one representation."""
        return self.weight

    def row_owners(self) -> dict[str, RowOwners]:
        """Every row is one logit's."""
        rows = RowOwners("logit", tuple(range(len(self.bias))))
        return {"weight": rows, "bias": rows}

    def read(
        self, representation: Float[Tensor, "batch *attribute width"]
    ) -> tuple[Float[Tensor, "batch logit"], dict[str, Tensor]]:
        """Representation to packed logits."""
        if representation.ndim == 2:
            return nn.functional.linear(representation, self.weight, self.bias), {}
        return self.product(representation, self.weight) + self.bias, {}
