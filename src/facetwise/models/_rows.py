"""Packed parameters: which rows belong to which logit or attribute, and products of rows with what they read."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["Packed", "RowOwners", "RowProduct"]


class RowOwners(NamedTuple):
    """Per row of a parameter, the logit or the attribute whose labels alone move it."""

    by: Literal["logit", "attribute"]
    index: tuple[int, ...]


class Packed(nn.Module, ABC):
    """A module with parameters of many attributes in one tensor.

    An attribute without a label in a batch gets a zero gradient, and Adam with decay would still move its rows; whoever
    optimises asks here which rows those are.
    """

    @abstractmethod
    def row_owners(self) -> dict[str, RowOwners]:
        """Owners of the rows of each direct parameter that is not shared by all attributes."""


class RowProduct(nn.Module):
    r"""z_bc = h_{b, owner(c)} · w_c: every logit reads the representation of its own attribute.

    Attributes with about the same number of logits share one batched product: rows are padded to the largest number in
    their group, and a group spans a factor of two, so at most half of the work is padding and the number of products
    grows with the logarithm of the largest attribute, not with the attributes. (Gathering h per logit costs
    batch x logit x width of memory: 0.4 GB at 256 x 1,000 x 384. One group for all wastes what the sizes differ by: a
    factor of 25 with one attribute of 500 classes among fifty. `benchmarks/experts.py` times them.)

    Args:
        owner: Attribute of each logit.

    Example:
        >>> product = RowProduct(owner=[0, 0, 1])
        >>> product(torch.ones(4, 2, 5), torch.ones(3, 5)).shape
        torch.Size([4, 3])
    """

    members: Tensor
    rows: Tensor
    order: Tensor

    def __init__(self, *, owner: Sequence[int]) -> None:
        super().__init__()
        columns: dict[int, list[int]] = {}
        for column, attribute in enumerate(owner):
            columns.setdefault(attribute, []).append(column)
        groups: dict[int, list[int]] = {}
        for attribute, own in sorted(columns.items()):
            groups.setdefault((len(own) - 1).bit_length(), []).append(attribute)
        members: list[int] = []  # attributes, group by group
        rows: list[int] = []  # rows of the weights, padded: group by group, attribute by attribute
        order = [0] * len(owner)
        self.shapes: list[tuple[int, int]] = []  # of each group: attributes, rows of each
        for _, group in sorted(groups.items()):
            widest = max(len(columns[attribute]) for attribute in group)
            for attribute in group:
                own = columns[attribute]
                for at, column in enumerate(own):
                    order[column] = len(rows) + at
                rows += own + [own[0]] * (widest - len(own))
            members += group
            self.shapes.append((len(group), widest))
        self.in_order = members == list(range(len(members)))
        for name, places in (("members", members), ("rows", rows), ("order", order)):
            self.register_buffer(name, torch.tensor(places, dtype=torch.long), persistent=False)

    def forward(
        self, representation: Float[Tensor, "batch attribute width"], weight: Float[Tensor, "logit width"]
    ) -> Float[Tensor, "batch logit"]:
        """Representations and rows to packed logits."""
        if not self.shapes:
            return representation.new_zeros(representation.shape[0], 0)
        read = representation.transpose(0, 1)  # (attribute, batch, width)
        if not self.in_order:
            read = read.index_select(0, self.members)
        padded = weight.index_select(0, self.rows)
        parts: list[Tensor] = []
        for (count, widest), group, own in zip(
            self.shapes,
            read.split([count for count, _ in self.shapes]),
            padded.split([count * widest for count, widest in self.shapes]),
            strict=True,
        ):
            product = torch.bmm(group, own.unflatten(0, (count, widest)).transpose(1, 2))  # (member, batch, row)
            parts.append(product.transpose(0, 1).flatten(1))
        return torch.cat(parts, dim=1).index_select(1, self.order)
