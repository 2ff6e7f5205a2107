"""What every loss promises."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from jaxtyping import Bool, Float
from torch import Tensor, nn

from facetwise.objectives._class_weights import ClassWeights
from facetwise.objectives._targets import Outputs, Targets
from facetwise.schema import Kind, Schema

__all__ = ["CellLosses", "Loss"]


class CellLosses(NamedTuple):
    """A loss per cell and which cells are labelled, for the attributes that the loss was built for."""

    loss: Float[Tensor, "batch place"]
    labelled: Bool[Tensor, "batch place"]


class Loss(nn.Module, ABC):
    """Cell losses of several attributes at once.

    `kinds` says which attributes it can score. A loss is built once for all attributes that use it and computes all
    of them together; an unlabelled cell gives exactly 0 and no gradient.

    Args of every constructor: `schema` and `places`, the attributes' places in it, then options by keyword.
    """

    kinds: ClassVar[frozenset[Kind]]

    def __init__(self, *, schema: Schema, places: Sequence[int]) -> None:
        super().__init__()
        assert all(schema.attributes[place].kind in self.kinds for place in places), "a loss scores its own kinds"
        self.places = tuple(places)

    @abstractmethod
    def forward(self, outputs: Outputs, targets: Targets, weights: ClassWeights) -> CellLosses:
        """Cell losses and the mask of labelled cells, both (batch, place)."""
