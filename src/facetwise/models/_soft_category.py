"""The category as it will be known at inference: given, or predicted from the features."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from facetwise.models._initial import draw_rows

__all__ = ["SoftCategory"]


class SoftCategory(nn.Module):
    r"""p(c | x) = softmax(W x + b)_c, or 1 for a given category.

    The last column is the reserved index of an unknown category: 1 where categories are given and this item's is not
    known (-1), 0 where they are predicted. In training the same rule is used as at inference, so that what reads p
    never sees a category that it will have to do without later.

    Args:
        categories: Class names, from which the rows are drawn.
        inputs: Width of what is read.
        seed: Seed of the initial rows.
    """

    def __init__(self, *, categories: Sequence[str], inputs: int, seed: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(draw_rows(seed, [f"category/{name}" for name in categories], inputs, inputs**-0.5))
        self.bias = nn.Parameter(torch.zeros(len(categories)))

    def forward(
        self, features: Float[Tensor, "batch inputs"], given: Int[Tensor, " batch"] | None = None
    ) -> tuple[Float[Tensor, "batch category_or_unknown"], Float[Tensor, "batch category"]]:
        """Probabilities, the unknown category last, and the logits, for whoever teaches them."""
        logits = functional.linear(features, self.weight, self.bias)
        count = len(self.bias)
        if given is None:
            return functional.pad(logits.softmax(dim=1), (0, 1)), logits
        known = torch.where(given < 0, count, given)
        return functional.one_hot(known, count + 1).to(logits.dtype), logits
