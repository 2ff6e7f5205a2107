"""No trunk: the heads read the features."""

import numpy as np
from jaxtyping import Float
from torch import Tensor, nn

from facetwise.models.trunks._trunk import Trunk

__all__ = ["LinearTrunk"]


class LinearTrunk(Trunk):
    """h = x: with a linear head this is the linear probe of a frozen backbone.

    Source: Alain and Bengio (2017).

    Args:
        features: Width of the input.

    Example:
        >>> import torch
        >>> LinearTrunk(features=3)(torch.ones(1, 3))
        tensor([[1., 1., 1.]])
    """

    output = "batch width"

    def __init__(self, *, features: int) -> None:
        super().__init__()
        self._width = features

    @property
    def width(self) -> int:
        """Width of the features."""
        return self._width

    def represent(
        self, features: Float[Tensor, "batch features"]
    ) -> tuple[Float[Tensor, "batch features"], dict[str, Tensor]]:
        """The features."""
        return features, {}

    def shared_parameters(self) -> list[nn.Parameter]:
        """None."""
        return []

    def shared_cut(self) -> list[nn.Parameter]:
        """None: nothing is shared."""
        return []

    def diagnostics(self, features: Float[Tensor, "batch features"]) -> dict[str, np.ndarray | float]:  # noqa: ARG002
        """Nothing to show."""
        return {}
