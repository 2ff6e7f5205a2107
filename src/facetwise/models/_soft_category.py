"""The category as it will be known at inference: given, or predicted from the features."""

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from facetwise.models._initial import draw_rows

__all__ = ["SoftCategory", "Unknown"]

# What stands for a category that is not known: the prediction, or an entry of its own.
Unknown = Literal["predicted", "reserved"]


class SoftCategory(nn.Module):
    r"""p(c | x) = softmax(W x + b)_c; where categories are `known`, 1 for the one that is given.

    The last column is the reserved entry of a category that is not known: 1 for these items if `unknown` is reserved,
    else 0, and they have the prediction. Who is told nothing and who is told -1 are answered alike, whoever else is in
    the batch. In training a share of what is given is withheld, item by item, so that what reads p learns to do without
    as it will have to at inference; the draw is one of torch's, seeded per step as dropout is. Of several pictures of
    an item each is drawn by itself.

    Args:
        categories: Class names, from which the rows are drawn.
        inputs: Width of what is read.
        seed: Seed of the initial rows.
        known: Whether what is given is read at all; else everything is predicted.
        withheld: Share of what is given that training does not read.
        unknown: What stands for a category that is not known.
    """

    def __init__(
        self,
        *,
        categories: Sequence[str],
        inputs: int,
        seed: int,
        known: bool = False,
        withheld: float = 0.0,
        unknown: Unknown = "predicted",
    ) -> None:
        super().__init__()
        self.known, self.withheld, self.unknown = known, withheld, unknown
        self.weight = nn.Parameter(draw_rows(seed, [f"category/{name}" for name in categories], inputs, inputs**-0.5))
        self.bias = nn.Parameter(torch.zeros(len(categories)))

    def forward(
        self, features: Float[Tensor, "batch inputs"], given: Int[Tensor, " batch"] | None = None
    ) -> tuple[Float[Tensor, "batch category_or_unknown"], Float[Tensor, "batch category"]]:
        """Probabilities, the unknown category last, and the logits, for whoever teaches them."""
        logits = functional.linear(features, self.weight, self.bias)
        if self.unknown == "reserved":
            untold = functional.pad(torch.zeros_like(logits), (0, 1), value=1.0)
        else:
            untold = functional.pad(logits.softmax(dim=1), (0, 1))
        if given is None or not self.known:
            return untold, logits
        told = given >= 0
        if self.training and self.withheld:
            told = told & (torch.rand(len(given), device=given.device) >= self.withheld)
        certain = functional.one_hot(given.clamp_min(0), untold.shape[1]).to(logits.dtype)
        return torch.where(told[:, None], certain, untold), logits
