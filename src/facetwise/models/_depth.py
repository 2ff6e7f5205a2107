"""Attributes live at different depths: each listens to the levels of the backbone through a gate of its own."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

__all__ = ["Depth"]


class Depth(nn.Module):
    r"""z_c = Σ_l softmax(g_a)_l (U_l h_l)_c for every logit c of attribute a, all attributes packed.

    h_l is the descriptor of level l, U_l a matrix of shape (logit, width of l), g of shape (attribute, level). With the
    gate folded into U this is one matrix product. U starts at zero, so that training begins from the trunk alone.

    The gate by itself does not say how much a level matters, because U absorbs its scale; `training` measures that by
    permuting levels on validation rows.

    Args:
        owner: Attribute of each logit.
        attributes: Number of attributes.
        levels: Width of each level, in the order of the input.
    """

    owner: Int[Tensor, " logit"]

    def __init__(self, *, owner: Sequence[int], attributes: int, levels: Sequence[int]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(len(owner), sum(levels)))
        self.gate = nn.Parameter(torch.zeros(attributes, len(levels)))
        self.register_buffer("owner", torch.tensor(owner, dtype=torch.long), persistent=False)
        self.levels = tuple(levels)

    def gates(self) -> Float[Tensor, "attribute level"]:
        """Share of each level for each attribute; rows sum to 1."""
        return self.gate.softmax(dim=1)

    def forward(self, features: Float[Tensor, "batch features"]) -> Float[Tensor, "batch logit"]:
        """Features of all levels to what the levels add to the packed logits."""
        shares = self.gates()[self.owner]  # (logit, level)
        # Level by level: an index that spreads the shares over all features takes as long again on its way back.
        columns = zip(self.weight.split(self.levels, dim=1), shares.split(1, dim=1), strict=True)
        return nn.functional.linear(features, torch.cat([weight * share for weight, share in columns], dim=1))
