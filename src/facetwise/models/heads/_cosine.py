"""Packed cosine heads: directions, not lengths."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from facetwise.models._initial import draw_rows
from facetwise.models._options import Rule, check_options
from facetwise.models._rows import RowOwners, RowProduct
from facetwise.models.heads._head import Head

__all__ = ["CosineHead"]


class CosineHead(Head):
    r"""z_c = s_a cos(h_a, w_c), s_a > 0 the scale of attribute a of logit c.

    Every class has a direction of the same length, so that frequent classes cannot grow longer ones: what margin losses
    need. Logits stay within ±s. Side products: "cosine" (batch, logit) and "scale" (logit).

    Source: Wang et al. (2017, NormFace), equation 6; the margin loss that asks for it is Cao et al. (2019, section
    3.1). The default scale is 1 / 0.07, that of CLIP's logits (Radford et al. 2021); Cao et al. use 30, fixed. A
    published taxonomy system applies the margin without normalising, where it means nothing.

    Args:
        names: One stable name per logit.
        owner: Attribute of each logit.
        attributes: Stable ids; one scale for each.
        width: Width of the representation.
        seed: Seed of the initial rows.
        scale: s; where it starts, if it is learned.
        learnable: Whether each attribute learns its scale.

    Example:
        >>> head = CosineHead(names=["a00/red", "a00/blue"], owner=[0, 0], attributes=["a00"], width=4, seed=0)
        >>> bool((head(torch.randn(3, 4)).abs() <= 1 / 0.07 + 1e-3).all())
        True
    """

    accepts = ("batch width", "batch attribute width")
    provides = frozenset({"cosine"})
    owner: Tensor

    def __init__(
        self,
        *,
        names: Sequence[str],
        owner: Sequence[int],
        attributes: Sequence[str],
        width: int,
        seed: int,
        scale: float = 14.2857,
        learnable: bool = True,
    ) -> None:
        super().__init__()
        check_options("head", Rule("scale", scale, scale > 0, "above 0"))
        self.weight = nn.Parameter(draw_rows(seed, [f"head/{name}" for name in names], width, width**-0.5))
        log_scale = torch.full((len(attributes),), scale).log()
        if learnable:
            self.log_scale = nn.Parameter(log_scale)
        else:
            self.register_buffer("log_scale", log_scale)
        self.product = RowProduct(owner=owner)
        self.register_buffer("owner", torch.tensor(owner, dtype=torch.long), persistent=False)

    def row_owners(self) -> dict[str, RowOwners]:
        """Every direction is one logit's, every learned scale one attribute's."""
        rows = {"weight": RowOwners("logit", tuple(range(len(self.owner))))}
        if isinstance(self.log_scale, nn.Parameter):
            rows["log_scale"] = RowOwners("attribute", tuple(range(len(self.log_scale))))
        return rows

    def read(
        self, representation: Float[Tensor, "batch *attribute width"]
    ) -> tuple[Float[Tensor, "batch logit"], dict[str, Tensor]]:
        """Representation to packed logits, with the cosines and the scale of each logit beside them."""
        unit, directions = functional.normalize(representation, dim=-1), functional.normalize(self.weight, dim=1)
        flat = representation.ndim == 2
        cosine = functional.linear(unit, directions) if flat else self.product(unit, directions)
        scale = self.log_scale.exp().index_select(0, self.owner)
        return cosine * scale, {"cosine": cosine, "scale": scale}
