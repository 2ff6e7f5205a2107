"""A tower for each attribute, then its rows."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from facetwise.models._bank import TowerBank
from facetwise.models._initial import draw_rows
from facetwise.models._options import Activation, Norm, Rule, check_options, share
from facetwise.models._rows import RowOwners, RowProduct
from facetwise.models.heads._head import Head

__all__ = ["MlpHead"]


class MlpHead(Head):
    r"""z_c = w_c · tower_a(h_a) + b_c, a tower being `layers` times Linear, norm, activation, Dropout.

    All towers are computed together. With a mixture of experts in front these are its towers; on one shared
    representation they are the heads of public attribute classifiers (Linear, BatchNorm, ReLU, Dropout 0.5, Linear is
    `hidden: 128, norm: batch, activation: relu, dropout: 0.5`).

    Source: the towers of Ma et al. (2018, section 3.2).

    Args:
        names: One stable name per logit.
        owner: Attribute of each logit.
        attributes: Stable ids, from which the towers are drawn.
        width: Width of the representation.
        seed: Seed of the initial weights.
        hidden: Width inside a tower.
        layers: Number of layers of a tower.
        norm: layer, batch or none.
        activation: gelu, relu, silu, tanh or identity.
        dropout: Probability of zeroing an activation.

    Example:
        >>> head = MlpHead(names=["a00/red", "a00/blue"], owner=[0, 0], attributes=["a00"], width=4, seed=0)
        >>> head(torch.zeros(3, 4)).shape
        torch.Size([3, 2])
    """

    accepts = ("batch width", "batch attribute width")
    provides = frozenset()

    def __init__(
        self,
        *,
        names: Sequence[str],
        owner: Sequence[int],
        attributes: Sequence[str],
        width: int,
        seed: int,
        hidden: int = 128,
        layers: int = 1,
        norm: Norm = "layer",
        activation: Activation = "gelu",
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        check_options(
            "head",
            Rule("hidden", hidden, hidden >= 1, "at least 1"),
            Rule("layers", layers, layers >= 1, "at least 1"),
            share("dropout", dropout),
        )
        self.towers = TowerBank(
            names=[f"head tower/{name}" for name in attributes],
            inputs=width,
            widths=[hidden] * layers,
            norm=norm,
            activation=activation,
            dropout=dropout,
            seed=seed,
            owner=range(len(attributes)),
        )
        self.weight = nn.Parameter(draw_rows(seed, [f"head/{name}" for name in names], hidden, hidden**-0.5))
        self.bias = nn.Parameter(torch.zeros(len(names)))
        self.product = RowProduct(owner=owner)

    def row_owners(self) -> dict[str, RowOwners]:
        """Every row is one logit's; the towers speak for themselves."""
        rows = RowOwners("logit", tuple(range(len(self.bias))))
        return {"weight": rows, "bias": rows}

    def read(
        self, representation: Float[Tensor, "batch *attribute width"]
    ) -> tuple[Float[Tensor, "batch logit"], dict[str, Tensor]]:
        """Representation to packed logits."""
        return self.product(self.towers(representation), self.weight) + self.bias, {}
