"""What every loss promises."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from facetwise.objectives._class_weights import ClassCounts, ClassWeights
from facetwise.objectives._targets import Outputs, Targets
from facetwise.schema import Kind, Schema

__all__ = ["CellLosses", "Loss"]


class CellLosses(NamedTuple):
    """A loss per cell and which cells are labelled, for the attributes that the loss was built for.

    Args:
        loss: Exactly 0 where the cell is not labelled.
        labelled: Which cells have a value.
        divisor: What each cell adds to the denominator of the mean; None where every labelled cell adds 1.
    """

    loss: Float[Tensor, "batch place"]
    labelled: Bool[Tensor, "batch place"]
    divisor: Float[Tensor, "batch place"] | None = None


class Loss(nn.Module, ABC):
    """Cell losses of several attributes at once.

    A loss is built once for all attributes that use it and computes all of them together; an unlabelled cell gives
    exactly 0 and no gradient. Everything is computed in float32 at least, whatever an autocast around it says: sums
    over a batch in half precision saturate.

    A loss declares:

    * `kinds`: the attributes that it can score;
    * `needs`: what it reads beside logits and labels: "features" (the representation before the head), "cosine"
      (logits that are cosines times the side product "scale"), "counts" (the training counts, through `prepare`);
      an option may add to it;
    * `weighted`: whether the class weights of the reweighting rule multiply its cells.

    Args of every constructor: `schema` and `places`, the attributes' places in it, then options by keyword.
    """

    kinds: ClassVar[frozenset[Kind]]
    weighted: ClassVar[bool] = True
    needs: frozenset[str] = frozenset()

    def __init__(self, *, schema: Schema, places: Sequence[int]) -> None:
        super().__init__()
        assert all(schema.attributes[place].kind in self.kinds for place in places), "a loss scores its own kinds"
        self.places = tuple(places)
        self.prepared = False

    def prepare(self, counts: ClassCounts, *, dtype: torch.dtype = torch.float32) -> None:
        """Take the training counts, once, before the first batch."""
        self.take_counts(counts, dtype)
        self.prepared = True

    def take_counts(self, counts: ClassCounts, dtype: torch.dtype) -> None:
        """Room for a loss that needs counts: turn them into buffers of this type."""
        del counts, dtype

    def begin_epoch(self, *, progress: float, epoch: int) -> None:
        """Room for a loss that changes in the course of training: the share that is done, and the epochs."""
        del progress, epoch

    def forward(self, outputs: Outputs, targets: Targets, weights: ClassWeights) -> CellLosses:
        """Cell losses and the mask of labelled cells, both (batch, place)."""
        assert self.prepared or "counts" not in self.needs, "prepare(counts) comes before the first batch"
        with torch.autocast(outputs.logits.device.type, enabled=False):
            return self.cells(outputs.full(), targets, weights)

    @abstractmethod
    def cells(self, outputs: Outputs, targets: Targets, weights: ClassWeights) -> CellLosses:
        """The losses themselves, from logits in float32 or float64."""
