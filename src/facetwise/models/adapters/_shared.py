"""A block that everything behind it reads."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from torch import Tensor

from facetwise.models._dense import dense_blocks
from facetwise.models._options import Activation, Norm, Rule, check_options, share
from facetwise.models.adapters._adapter import Adapter

__all__ = ["SharedAdapter"]


class SharedAdapter(Adapter):
    """x' = dropout(φ(norm(W x + b))): in front of experts, the shared processing of a published fashion system.

    Source: the multi-gate fashion classifier on DINOv2 (Linear, BatchNorm, ReLU, Dropout; its sizes are not published).
    `norm: batch, activation: relu` is its block.

    Args:
        levels: Widths of the parts of the input.
        width: Width of what comes out.
        layers: Number of blocks.
        norm: layer, batch or none.
        activation: gelu, relu, silu, tanh or identity.
        dropout: Probability of zeroing an activation.

    Example:
        >>> import torch
        >>> SharedAdapter(levels=[3, 5], width=4)(torch.zeros(2, 8)).shape
        torch.Size([2, 4])
    """

    def __init__(
        self,
        *,
        levels: Sequence[int],
        width: int = 512,
        layers: int = 1,
        norm: Norm = "layer",
        activation: Activation = "gelu",
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        check_options(
            "adapters.shared",
            Rule("width", width, width >= 1, "at least 1"),
            Rule("layers", layers, layers >= 1, "at least 1"),
            share("dropout", dropout),
        )
        sizes = [sum(levels)] + [width] * layers
        self.blocks = dense_blocks(sizes, norm=norm, activation=activation, dropout=dropout)
        self._width = width

    @property
    def levels(self) -> tuple[int, ...]:
        """One part."""
        return (self._width,)

    def adapt(
        self, features: Float[Tensor, "batch features"]
    ) -> tuple[Float[Tensor, "batch width"], dict[str, Tensor]]:
        """All levels to one vector."""
        return self.blocks(features), {}

    def diagnostics(self, features: Float[Tensor, "batch features"]) -> dict[str, np.ndarray | float]:  # noqa: ARG002
        """Nothing to show."""
        return {}
