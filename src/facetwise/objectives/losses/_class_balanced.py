"""Cross-entropy and focal loss with the weights of the effective number of samples."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from facetwise.objectives._class_weights import ClassCounts, ClassWeights
from facetwise.objectives._options import check_options
from facetwise.objectives._targets import Outputs, Targets
from facetwise.objectives.losses._focusing import focusing
from facetwise.objectives.losses._loss import CellLosses
from facetwise.objectives.losses._softmax_loss import SoftmaxLoss
from facetwise.objectives.reweighting import ClassBalancedReweighting
from facetwise.schema import Schema

__all__ = ["ClassBalanced"]


class ClassBalanced(SoftmaxLoss):
    r"""ℓ = -v_y (1 - p_y)^γ log p_y, v_c ∝ (1 - β) / (1 - β^{n_c}).

    y is the class of the cell, n_c the training cells of class c, γ the focusing (0: class-balanced cross-entropy).
    v has mean 1 over the training cells, and *replaces* the weights of the reweighting rule, so that no class is
    weighted twice. The same weights with every kind of attribute and every loss: the reweighting rule of that name.

    Source: Cui et al. (2019, eq. 10 and 12). They scale Σ_c v_c = C, which makes the size of the loss, and with it the
    learning rate that is right, depend on the imbalance; up to that factor the two agree. A class without training
    cells has weight 0, not 1/0.

    Args:
        schema, places: The vocabulary, and the attributes to score.
        beta: β in [0, 1): 0 weighs every cell the same, towards 1 every class the same.
        gamma: γ, at least 0.
    """

    weighted: ClassVar[bool] = False
    needs = frozenset({"counts"})

    balance: Tensor

    def __init__(self, *, schema: Schema, places: Sequence[int], beta: float = 0.9999, gamma: float = 0.0) -> None:
        check_options(ClassBalanced, gamma=(gamma, gamma >= 0, "is at least 0"))
        super().__init__(schema=schema, places=places)
        self.rule, self.gamma = ClassBalancedReweighting(beta=beta), gamma
        self.register_buffer("balance", torch.ones(self.classes), persistent=False)

    def take_counts(self, counts: ClassCounts, dtype: torch.dtype) -> None:
        """Weights per class of every place."""
        found = counts.score[self.class_score.cpu().numpy()]
        segment = self.class_segment.cpu().numpy()
        balance = np.concatenate(
            [self.rule.weights(found[segment == n], progress=0.0) for n in range(len(self.places))]
        )  # fmt: skip
        self.balance = torch.from_numpy(balance).to(self.columns.device, dtype)

    def cells(self, outputs: Outputs, targets: Targets, weights: ClassWeights) -> CellLosses:
        """Cell losses of the categorical attributes."""
        truth = self.truth(targets, weights)
        log_p = self.log_probabilities(self.leaf_logits(outputs.logits)).gather(1, truth.column)
        loss = -self.balance.to(log_p.dtype)[truth.column] * log_p
        if self.gamma:
            loss = loss * focusing(-torch.expm1(log_p), self.gamma)
        return CellLosses(torch.where(truth.labelled, loss, 0.0), truth.labelled)
