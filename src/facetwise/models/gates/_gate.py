"""What every gate promises."""

from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple

from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["Gate", "Gated"]


class Gated(NamedTuple):
    """What a gate says.

    Args:
        weights: (batch, attribute, expert), 0 where an expert is not selected.
        soft: The same before the selection: above 0 everywhere.
        penalty: What the gate's own rule adds to the loss of each attribute, or None.
    """

    weights: Tensor
    soft: Tensor
    penalty: Tensor | None = None


class Gate(nn.Module, ABC):
    """Features to weights of experts, for every attribute at once.

    The composition gives `features` (width of the input), `names` (one stable name per gate), `owner` (the attribute
    of each gate), `experts` and `seed`; what has a default is an option. `sparse` says that weights can be 0: experts
    that nobody weighs need not be computed.
    """

    sparse: ClassVar[bool]

    @abstractmethod
    def forward(self, features: Float[Tensor, "batch features"]) -> Gated:
        """Weights at least 0; an expert with weight 0 is not selected."""
