"""Several pictures of one item: every attribute looks at the one that shows it."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from facetwise.models._rows import Packed, RowOwners

__all__ = ["ViewAttention", "spread_views"]


def spread_views(each: Float[Tensor, "seen ..."], seen: Bool[Tensor, "batch view"]) -> Tensor:
    """What was computed for each picture, at its place among the pictures of its item, 0 where there is none.

    >>> spread_views(torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([[True, False], [True, True]])).squeeze(2)
    tensor([[1., 0.],
            [2., 3.]])
    """
    return each.new_zeros(*seen.shape, *each.shape[1:]).masked_scatter(
        seen.reshape(*seen.shape, *[1] * (each.ndim - 1)).expand(*seen.shape, *each.shape[1:]), each
    )


class ViewAttention(Packed):
    r"""z_ic = Σ_v α_iva z_ivc, α_iva = softmax_v(q_a · h_iva / √width): logits of the pictures to logits of the item.

    z_iv are the logits of picture v of item i alone, h_iv the representation that the heads read, q_a one query per
    attribute, a the attribute of logit c. The front of a shirt shows its neckline and its back the zip: the neckline's
    query learns to find fronts. Queries start at 0, which is the mean over the pictures; an item with one picture gets
    that picture's logits.

    Source: Ilse et al. (2018, eq. 8), attention pooling of a bag of instances, one query per attribute as in Liu et al.
    (2021, Query2Label); over logits, not over embeddings, so that heads and trunks of every kind can be used and one
    picture needs no pooling at all.

    Args:
        owner: Of each logit, which query weighs it.
        queries: Number of queries: attributes that have logits.
        width: Width of the representation.

    Example:
        >>> pool = ViewAttention(owner=[0, 0, 1], queries=2, width=4)
        >>> seen = torch.tensor([[True, True], [True, False]])
        >>> pool(torch.ones(3, 4), torch.tensor([[2.0], [4.0], [5.0]]).expand(3, 3), seen)[:, 0]
        tensor([3., 5.], grad_fn=<SelectBackward0>)
    """

    owner: Int[Tensor, " logit"]

    def __init__(self, *, owner: Sequence[int], queries: int, width: int) -> None:
        super().__init__()
        self.query = nn.Parameter(torch.zeros(queries, width))
        self.register_buffer("owner", torch.tensor(owner, dtype=torch.long), persistent=False)

    def row_owners(self) -> dict[str, RowOwners]:
        """Every row is one attribute's."""
        return {"query": RowOwners("attribute", tuple(range(len(self.query))))}

    def shares(
        self, representation: Float[Tensor, "seen *attribute width"], seen: Bool[Tensor, "batch view"]
    ) -> Float[Tensor, "batch view attribute"]:
        """α: how much each picture of an item says about each attribute; over the pictures it sums to 1."""
        scores = (representation if representation.ndim == 3 else representation[:, None]) * self.query
        scores = scores.sum(dim=-1) / self.query.shape[1] ** 0.5
        return spread_views(scores, seen).masked_fill(~seen[:, :, None], -torch.inf).softmax(dim=1)

    def forward(
        self,
        representation: Float[Tensor, "seen *attribute width"],
        logits: Float[Tensor, "seen logit"],
        seen: Bool[Tensor, "batch view"],
    ) -> Float[Tensor, "batch logit"]:
        """Representation and logits of every picture to the logits of the items.

        Args:
            representation, logits: Of the pictures that there are, item by item.
            seen: Which places hold a picture, at least one per item.
        """
        shares = self.shares(representation, seen).index_select(2, self.owner)
        return (shares * spread_views(logits, seen)).sum(dim=1)
