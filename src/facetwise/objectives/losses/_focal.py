"""Focal loss of all categorical attributes at once."""

from collections.abc import Sequence

import torch

from facetwise.objectives._class_weights import ClassWeights
from facetwise.objectives._options import check_options
from facetwise.objectives._targets import Outputs, Targets
from facetwise.objectives.losses._focusing import focusing
from facetwise.objectives.losses._loss import CellLosses
from facetwise.objectives.losses._softmax_loss import SoftmaxLoss
from facetwise.schema import Schema

__all__ = ["Focal"]


class Focal(SoftmaxLoss):
    r"""ℓ = -w_y α (1 - p_y)^γ log p_y, p = softmax of the attribute's own logits.

    y is the class of the cell, w the class weights, γ the focusing, α a constant factor.

    Source: Lin et al. (2017, eq. 4 and 5), for a softmax as in Cui et al. (2019, section 4.3). Public code multiplies
    the result by 10 (IB-Loss, and what descends from it) or takes p from the *weighted* cross-entropy, p = exp(-w ℓ)
    (LDAM-DRW: 0.53 in place of 0.88 at weight 5), or focuses the mean of a batch; here p is the probability itself,
    per cell, and no factor is hidden.

    Args:
        schema, places: The vocabulary, and the attributes to score.
        gamma: γ, at least 0; 0 is cross-entropy.
        alpha: α, above 0.
    """

    def __init__(self, *, schema: Schema, places: Sequence[int], gamma: float = 2.0, alpha: float = 1.0) -> None:
        check_options(Focal, gamma=(gamma, gamma >= 0, "is at least 0"), alpha=(alpha, alpha > 0, "is above 0"))
        super().__init__(schema=schema, places=places)
        self.gamma, self.alpha = gamma, alpha

    def cells(self, outputs: Outputs, targets: Targets, weights: ClassWeights) -> CellLosses:
        """Cell losses of the categorical attributes."""
        truth = self.truth(targets, weights)
        log_p = self.log_probabilities(self.leaf_logits(outputs.logits)).gather(1, truth.column)
        loss = -self.alpha * focusing(-torch.expm1(log_p), self.gamma) * log_p
        return CellLosses(torch.where(truth.labelled, truth.weight * loss, 0.0), truth.labelled)
