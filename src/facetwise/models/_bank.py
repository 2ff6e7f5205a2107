"""Many linear layers, and many small networks, each as a few products."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from facetwise.models._initial import draw
from facetwise.models._norms import make_norm
from facetwise.models._options import ACTIVATIONS, Activation, Norm
from facetwise.models._rows import Packed, RowOwners

__all__ = ["LinearBank", "TowerBank"]


class LinearBank(Packed):
    r"""y_k = W_k x_k + b_k for all k at once.

    One input for all is one dense product; an input per layer is one batched product. Parameters are kept flat (the
    rows of layer 0, then those of layer 1, ...), so that rows have owners and biases stay vectors, which are not
    decayed. A row is an output of a layer, or, with `each`, an input: the layout in which the gradient comes out of the
    batched product (turned around it is copied, a fifth of the time of a step; `benchmarks/experts.py`).

    Args:
        names: One stable name per layer, from which its weights are drawn.
        inputs, outputs: Widths.
        seed: Seed of the initial weights.
        deviation: Their deviation; He et al. (2015, eq. 10), √(2 / inputs), if not given.
        owner: Attribute of each layer; None: shared by all.
        each: Whether each layer will have an input of its own; a matter of speed only.

    Example:
        >>> LinearBank(names=["a", "b"], inputs=3, outputs=4, seed=0)(torch.zeros(5, 3)).shape
        torch.Size([5, 2, 4])
    """

    def __init__(
        self,
        *,
        names: Sequence[str],
        inputs: int,
        outputs: int,
        seed: int,
        deviation: float | None = None,
        owner: Sequence[int] | None = None,
        each: bool = False,
    ) -> None:
        super().__init__()
        spread = (2.0 / inputs) ** 0.5 if deviation is None else deviation
        drawn = [draw(seed, name, (outputs, inputs), spread) for name in names]
        weights = [weight.T if each else weight for weight in drawn]
        self.weight = nn.Parameter(torch.cat(weights) if weights else torch.zeros(0, outputs if each else inputs))
        self.bias = nn.Parameter(torch.zeros(len(names) * outputs))
        self.size, self.inputs, self.outputs, self.each = len(names), inputs, outputs, each
        self._owner = None if owner is None else tuple(owner)

    def row_owners(self) -> dict[str, RowOwners]:
        """Each layer's rows."""
        if self._owner is None:
            return {}
        rows = {"weight": self.inputs if self.each else self.outputs, "bias": self.outputs}
        return {
            name: RowOwners("attribute", tuple(a for a in self._owner for _ in range(count)))
            for name, count in rows.items()
        }

    @property
    def matrices(self) -> Float[Tensor, "bank inputs outputs"]:
        """What each layer's input is multiplied with."""
        if self.each:
            return self.weight.view(self.size, self.inputs, self.outputs)
        return self.weight.view(self.size, self.outputs, self.inputs).transpose(1, 2)

    def grouped(self, given: Float[Tensor, "bank rows inputs"]) -> Float[Tensor, "bank rows outputs"]:
        """Rows of their own for every layer: one batched product."""
        return torch.baddbmm(self.bias.view(self.size, 1, self.outputs), given, self.matrices)

    def forward(
        self, given: Float[Tensor, "batch inputs"] | Float[Tensor, "batch bank inputs"]
    ) -> Float[Tensor, "batch bank outputs"]:
        """One input for all layers, or one for each."""
        if given.ndim == 3:
            return self.grouped(given.transpose(0, 1)).transpose(0, 1)
        assert not self.each, "built for an input per layer"
        return functional.linear(given, self.weight, self.bias).unflatten(1, (self.size, self.outputs))


class TowerBank(nn.Module):
    """One small network per name, all of them together: `len(widths)` times Linear, norm, activation, dropout.

    Args:
        names: One stable name per network.
        inputs: Width of what they read.
        widths: Width of each layer.
        norm: layer, batch or none.
        activation: A word of `ACTIVATIONS`.
        dropout: Probability of zeroing an activation.
        seed: Seed of the initial weights.
        owner: Attribute of each network; None: shared by all.
    """

    def __init__(
        self,
        *,
        names: Sequence[str],
        inputs: int,
        widths: Sequence[int],
        norm: Norm,
        activation: Activation,
        dropout: float,
        seed: int,
        owner: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        for number, (before, after) in enumerate(pairwise([inputs, *widths])):
            own = [f"{name}/layer{number}" for name in names]
            blocks += [
                LinearBank(names=own, inputs=before, outputs=after, seed=seed, owner=owner, each=number > 0),
                make_norm(norm, width=after, bank=len(names), owner=owner),
                ACTIVATIONS[activation](),
                nn.Dropout(dropout),
            ]
        self.blocks = nn.Sequential(*blocks)

    def forward(
        self, given: Float[Tensor, "batch inputs"] | Float[Tensor, "batch bank inputs"]
    ) -> Float[Tensor, "batch bank width"]:
        """One input for all networks, or one for each."""
        return self.blocks(given)
