"""Independent towers: nothing shared but the features."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from facetwise.models._bank import TowerBank
from facetwise.models._options import Activation, Norm, Rule, check_options, share
from facetwise.models.trunks._trunk import Trunk

__all__ = ["MultiheadTrunk"]


class MultiheadTrunk(Trunk):
    r"""h_a = tower_a(x): for every attribute a small network of its own, all of them in `layers` products.

    A tower is `layers` times Linear, norm, activation, Dropout: with one attribute this is a shared bottom. The public
    fish classifier's tower (LN, Linear, GELU, Dropout) is `input_norm: true, norm: none`.

    Source: single-task learning side by side; the multi-head model of the public FishNet classifier on DINOv3.

    Args:
        features: Width of the input.
        attributes: Stable ids, from which the weights are drawn.
        seed: Seed of the initial weights.
        width: Width of each representation.
        layers: Number of layers of a tower.
        input_norm: Whether features are normalised per item first; scale and shift are absorbed by the first layer.
        norm: layer, batch or none.
        activation: gelu, relu, silu, tanh or identity.
        dropout: Probability of zeroing an activation.

    Example:
        >>> import torch
        >>> MultiheadTrunk(features=8, attributes=["a00", "a01"], seed=0, width=4)(torch.zeros(3, 8)).shape
        torch.Size([3, 2, 4])
    """

    output = "batch attribute width"

    def __init__(
        self,
        *,
        features: int,
        attributes: Sequence[str],
        seed: int,
        width: int = 128,
        layers: int = 1,
        input_norm: bool = False,
        norm: Norm = "layer",
        activation: Activation = "gelu",
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        check_options(
            "trunk",
            Rule("width", width, width >= 1, "at least 1"),
            Rule("layers", layers, layers >= 1, "at least 1"),
            share("dropout", dropout),
        )
        self.input_norm = input_norm
        self.towers = TowerBank(
            names=[f"tower/{name}" for name in attributes],
            inputs=features,
            widths=[width] * layers,
            norm=norm,
            activation=activation,
            dropout=dropout,
            seed=seed,
            owner=range(len(attributes)),
        )
        self._width = width

    @property
    def width(self) -> int:
        """Width of each representation."""
        return self._width

    def represent(
        self, features: Float[Tensor, "batch features"]
    ) -> tuple[Float[Tensor, "batch attribute width"], dict[str, Tensor]]:
        """Features to one representation per attribute."""
        if self.input_norm:
            features = functional.layer_norm(features, features.shape[1:])
        return self.towers(features), {}

    def shared_parameters(self) -> list[nn.Parameter]:
        """None."""
        return []

    def shared_cut(self) -> list[nn.Parameter]:
        """None: the towers share nothing."""
        return []

    def diagnostics(self, features: Float[Tensor, "batch features"]) -> dict[str, np.ndarray | float]:  # noqa: ARG002
        """Nothing to show."""
        return {}
