"""What every trunk promises."""

from abc import ABC, abstractmethod
from typing import Literal

from torch import Tensor, nn

__all__ = ["Trunk"]


class Trunk(nn.Module, ABC):
    """Features to a representation that the heads read.

    `output` says which shape comes out: "batch width" (one representation for all attributes) or
    "batch attribute width" (one per attribute); the composition checks it against the head.
    """

    output: Literal["batch width", "batch attribute width"]

    @property
    @abstractmethod
    def width(self) -> int:
        """Width of the representation."""

    @abstractmethod
    def forward(self, features: Tensor) -> Tensor:
        """Features (batch, width) to the representation."""

    @abstractmethod
    def shared_cut(self) -> list[nn.Parameter]:
        """The last parameters that every attribute reaches; Gramian balancers act there. Empty: none are shared."""
