"""Linear heads that choose, group of attributes by group, what they read."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from facetwise.models._fact import Fact
from facetwise.models._initial import draw_rows
from facetwise.models._options import Rule, check_options
from facetwise.models._proximal import Proximal, soft_threshold
from facetwise.models._rows import RowOwners
from facetwise.models.heads._head import Head

__all__ = ["GroupSparseHead"]


class GroupSparseHead(Head, Proximal):
    r"""z = Sᵀ h + b with μ Σ_k Σ_g ‖s_k^g‖₂ + γ‖S‖₁ + λ‖S‖²_F, s_k^g the entries of row k of S in attribute group g.

    Within a group attributes share which parts of h they read; groups compete. The penalty acts after each optimiser
    step by its proximal map (soft threshold, then block threshold v ← v max(0, 1 - ημ/‖v‖), then division by 1 + 2ηλ),
    exact for disjoint groups, so that blocks become exactly 0. Entries of attributes without a label in the batch count
    in the norm of their group and stay as they are.

    Groups are the schema's; an attribute outside all of them is a group by itself.

    Source: Abdulnabi et al. (2015) after Jayaraman, Sha and Grauman (2014, equation 2); the map of l1 and group norms
    together is Simon et al. (2013, section 3.1). The original solver smooths the norm instead, for groups that overlap.

    Args:
        names: One stable name per logit.
        owner: Attribute of each logit.
        groups: Group number of each attribute.
        width: Width of the representation.
        seed: Seed of the initial rows.
        group_norm: μ.
        l1: γ.
        frobenius: λ.

    Example:
        >>> head = GroupSparseHead(names=["a00/yes"], owner=[0], groups=[0], width=2, seed=0, group_norm=1.0)
        >>> head.proximal_step(100.0, torch.tensor([True]))
        >>> int((head.weight != 0).sum())
        0
    """

    accepts = ("batch width",)
    provides = frozenset()
    facts: ClassVar[Mapping[str, Fact]] = {
        "group_length": Fact("which groups share which latent tasks: length of their part of S", ("group", "latent")),
        "attribute_length": Fact(
            "which attributes share which latent tasks: length of their part of S", ("attribute", "latent")
        ),
        "combination": Fact("S", ("logit", "latent")),
    }
    owner: Tensor
    group: Tensor

    def __init__(
        self,
        *,
        names: Sequence[str],
        owner: Sequence[int],
        groups: Sequence[int],
        width: int,
        seed: int,
        group_norm: float = 1e-3,
        l1: float = 0.0,
        frobenius: float = 0.0,
    ) -> None:
        super().__init__()
        weights = {"group_norm": group_norm, "l1": l1, "frobenius": frobenius}
        check_options("head", *(Rule(name, value, value >= 0, "at least 0") for name, value in weights.items()))
        self.weight = nn.Parameter(draw_rows(seed, [f"head/{name}" for name in names], width, width**-0.5))
        self.bias = nn.Parameter(torch.zeros(len(names)))
        self.group_norm, self.l1, self.frobenius = group_norm, l1, frobenius
        self.num_groups = max(groups, default=-1) + 1
        self.register_buffer("owner", torch.tensor(owner, dtype=torch.long), persistent=False)
        group = torch.tensor([groups[a] for a in owner], dtype=torch.long)
        self.register_buffer("group", group, persistent=False)

    @property
    def matrix(self) -> Float[Tensor, "logit width"]:
        """W of z = h Wᵀ + b."""
        return self.weight

    @property
    def groups(self) -> Int[Tensor, " logit"]:
        """Group number of each logit."""
        return self.group

    def row_owners(self) -> dict[str, RowOwners]:
        """Every row is one logit's."""
        rows = RowOwners("logit", tuple(range(len(self.bias))))
        return {"weight": rows, "bias": rows}

    def read(
        self, representation: Float[Tensor, "batch *attribute width"]
    ) -> tuple[Float[Tensor, "batch logit"], dict[str, Tensor]]:
        """Representation to packed logits."""
        return nn.functional.linear(representation, self.weight, self.bias), {}

    def norms(self, weight: Float[Tensor, "logit width"]) -> Float[Tensor, "group width"]:
        """‖s_k^g‖ for each group g and each part k of the representation."""
        squares = weight.new_zeros(self.num_groups, weight.shape[1]).index_add(0, self.group, weight.square())
        return squares.sqrt()

    @torch.no_grad()
    def diagnostics(self) -> dict[str, np.ndarray | float]:
        """combination (logit, latent): S, transposed; attribute_length (attribute, latent) and group_length (group,
        latent): ‖·‖₂ of the part of each, exactly 0 where it does not use the latent task.
        """
        weight = self.weight.detach()
        squares = weight.new_zeros(int(self.owner.max()) + 1, weight.shape[1]).index_add(0, self.owner, weight.square())
        told = {"group_length": self.norms(weight), "attribute_length": squares.sqrt(), "combination": weight}
        return {name: value.cpu().numpy() for name, value in told.items()}

    def regulariser(self) -> Float[Tensor, ""]:
        """μ Σ ‖s_k^g‖₂ + γ‖S‖₁ + λ‖S‖²_F."""
        weight = self.weight
        lengths = self.group_norm * self.norms(weight).sum()
        return lengths + self.l1 * weight.abs().sum() + self.frobenius * weight.square().sum()

    @torch.no_grad()
    def proximal_step(self, rate: float, active: Bool[Tensor, " attribute"]) -> None:
        """Soft threshold, block threshold, shrinkage, for the rows of active attributes."""
        moving = active.index_select(0, self.owner).unsqueeze(1)
        soft = torch.where(moving, soft_threshold(self.weight, rate * self.l1), self.weight)
        smallest = torch.finfo(soft.dtype).tiny  # a block of zeros has no direction, and stays
        kept = (1.0 - rate * self.group_norm / self.norms(soft).clamp_min(smallest)).clamp_min(0.0)
        shrunk = soft * kept.index_select(0, self.group) / (1.0 + 2.0 * rate * self.frobenius)
        self.weight.copy_(torch.where(moving, shrunk, self.weight))
