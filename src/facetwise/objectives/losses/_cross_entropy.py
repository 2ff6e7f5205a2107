"""Cross-entropy of all categorical attributes at once, through the hierarchy."""

from collections.abc import Sequence
from typing import Literal

import torch

from facetwise.objectives._class_weights import ClassWeights
from facetwise.objectives._options import check_options
from facetwise.objectives._targets import Outputs, Targets
from facetwise.objectives.losses._loss import CellLosses
from facetwise.objectives.losses._softmax_loss import SoftmaxLoss
from facetwise.schema import Schema

__all__ = ["CrossEntropy"]

NORMALISATIONS = ("cells", "weights")


class CrossEntropy(SoftmaxLoss):
    r"""ℓ = w_y [ -(1 - ε) log p_y - (ε / K) Σ_k log p_k ], p = softmax of the attribute's own logits.

    y is the class of the cell, K the number of classes, w the class weights, ε the label smoothing. p_y of an
    attribute with a child is the sum over the child's classes that belong to y.

    Two means are in use, and they are different objectives: Σ w ℓ / N, N labelled cells (`normalisation="cells"`,
    `(w * loss).mean()` of the class-balanced losses), and Σ w ℓ / Σ w (`"weights"`, what PyTorch's `weight=` does). Our
    class weights have mean 1 over the training set, so that the two agree there; in a batch the first does not depend
    on which classes share it, so it is the default, and it sums over batches and processes to the same number.

    Source: Szegedy et al. (2016, section 7) for the smoothing.

    Args:
        schema, places: The vocabulary, and the attributes to score.
        label_smoothing: ε in [0, 1).
        normalisation: "cells" or "weights", the denominator of the mean.
    """

    def __init__(
        self,
        *,
        schema: Schema,
        places: Sequence[int],
        label_smoothing: float = 0.0,
        normalisation: Literal["cells", "weights"] = "cells",
    ) -> None:
        check_options(
            CrossEntropy,
            label_smoothing=(label_smoothing, 0.0 <= label_smoothing < 1.0, "is in [0, 1)"),
            normalisation=(normalisation, normalisation in NORMALISATIONS, "is 'cells' or 'weights'"),
        )
        super().__init__(schema=schema, places=places)
        self.label_smoothing = label_smoothing
        self.by_weight = normalisation == NORMALISATIONS[1]

    def cells(self, outputs: Outputs, targets: Targets, weights: ClassWeights) -> CellLosses:
        """Cell losses of the categorical attributes."""
        log_p = self.log_probabilities(self.leaf_logits(outputs.logits))
        truth = self.truth(targets, weights)
        loss = -log_p.gather(1, truth.column)
        if self.label_smoothing:
            spread = torch.zeros_like(loss).index_add(1, self.class_segment, log_p)
            counts = torch.bincount(self.class_segment, minlength=loss.shape[1])
            loss = (1.0 - self.label_smoothing) * loss - self.label_smoothing * spread / counts
        divisor = torch.where(truth.labelled, truth.weight, 0.0).to(loss.dtype) if self.by_weight else None
        return CellLosses(torch.where(truth.labelled, truth.weight * loss, 0.0), truth.labelled, divisor)
