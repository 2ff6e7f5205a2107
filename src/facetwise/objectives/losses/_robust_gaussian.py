"""Numbers with a deviation: a robust mean and an honest spread, all numeric attributes at once."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from facetwise.objectives._class_weights import ClassWeights
from facetwise.objectives._targets import Outputs, Targets
from facetwise.objectives.losses._loss import CellLosses, Loss
from facetwise.schema import Kind, Schema

__all__ = ["RobustGaussian"]

# Deviations are held within e^-7 ... e^3 standard deviations, as `decisions` reads them: beyond that a likelihood
# follows single outliers.
LOWEST, HIGHEST = -7.0, 3.0


class RobustGaussian(Loss):
    r"""ℓ = smooth_L1(m - y; β) + ½ [ (m̄ - y)² e^{-2s} + 2 s ], m̄ without gradient.

    y is the standardised number, m and s the two logits (mean, log deviation). The mean learns from the smooth L1 loss
    alone and the deviation from the Gaussian likelihood given that mean.

    Source: Girshick (2015, eq. 3) and Nix and Weigend (1994, eq. 1). The plain likelihood is not used for the mean,
    because it lets the mean of a badly fitted row off by raising its deviation (Seitzer et al. 2022, section 3).

    Args:
        schema, places: The vocabulary, and the attributes to score.
        beta: Error, in standard deviations, at which the loss of the mean turns from square to linear.
    """

    kinds: ClassVar[frozenset[Kind]] = frozenset({Kind.NUMERIC})
    weighted: ClassVar[bool] = False

    mean: Tensor
    place_index: Tensor

    def __init__(self, *, schema: Schema, places: Sequence[int], beta: float = 1.0) -> None:
        super().__init__(schema=schema, places=places)
        self.beta = beta
        starts = [schema.layout().blocks[place].start for place in places]
        self.register_buffer("mean", torch.tensor(starts, dtype=torch.long), persistent=False)
        self.register_buffer("place_index", torch.tensor(self.places, dtype=torch.long), persistent=False)

    def cells(self, outputs: Outputs, targets: Targets, weights: ClassWeights) -> CellLosses:
        """Cell losses of the numeric attributes; numbers have no classes, so that the weights do not matter."""
        del weights
        mean = outputs.logits.index_select(1, self.mean)
        spread = outputs.logits.index_select(1, self.mean + 1).clamp(LOWEST, HIGHEST)
        number = targets.number.index_select(1, self.place_index)
        labelled = targets.number_mask.index_select(1, self.place_index)
        fit = functional.smooth_l1_loss(mean, number, beta=self.beta, reduction="none")
        likelihood = 0.5 * (mean.detach() - number).square() * (-2.0 * spread).exp() + spread
        return CellLosses(torch.where(labelled, fit + likelihood, 0.0), labelled)
