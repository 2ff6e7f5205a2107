"""Smooth L1 loss of all numeric attributes at once."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from facetwise.objectives._class_weights import ClassWeights
from facetwise.objectives._options import check_options
from facetwise.objectives._targets import Outputs, Targets
from facetwise.objectives.losses._loss import CellLosses, Loss
from facetwise.schema import Kind, Schema

__all__ = ["SmoothL1"]


class SmoothL1(Loss):
    r"""ℓ = r² / (2 β) where |r| < β, else |r| - β / 2, r = mean logit - standardised number.

    The mean alone: the logit of the deviation gets no gradient, so that intervals of such an attribute mean nothing
    (`robust_gaussian` learns both).

    Source: Girshick (2015, eq. 3); with β = 1 it is the Huber loss (1964), and for other β the Huber loss with that
    threshold divided by it.

    Args:
        schema, places: The vocabulary, and the attributes to score.
        beta: β, above 0: the error, in standard deviations, at which the loss turns from square to linear.
    """

    kinds: ClassVar[frozenset[Kind]] = frozenset({Kind.NUMERIC})
    weighted: ClassVar[bool] = False

    mean: Tensor
    place_index: Tensor

    def __init__(self, *, schema: Schema, places: Sequence[int], beta: float = 1.0) -> None:
        check_options(SmoothL1, beta=(beta, beta > 0, "is above 0"))
        super().__init__(schema=schema, places=places)
        self.beta = beta
        starts = [schema.layout().blocks[place].start for place in places]
        self.register_buffer("mean", torch.tensor(starts, dtype=torch.long), persistent=False)
        self.register_buffer("place_index", torch.tensor(self.places, dtype=torch.long), persistent=False)

    def cells(self, outputs: Outputs, targets: Targets, weights: ClassWeights) -> CellLosses:
        """Cell losses of the numeric attributes; numbers have no classes, so that the weights do not matter."""
        del weights
        mean = outputs.logits.index_select(1, self.mean)
        number = targets.number.index_select(1, self.place_index)
        labelled = targets.number_mask.index_select(1, self.place_index)
        loss = functional.smooth_l1_loss(mean, number.to(mean.dtype), beta=self.beta, reduction="none")
        return CellLosses(torch.where(labelled, loss, 0.0), labelled)
