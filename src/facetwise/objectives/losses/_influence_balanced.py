"""Influence-balanced loss: cells that pull the decision boundary hardest weigh least."""

from collections.abc import Sequence

import torch
from torch import Tensor

from facetwise.objectives._class_weights import ClassWeights
from facetwise.objectives._options import check_options
from facetwise.objectives._start import START_RULE, is_start, reached
from facetwise.objectives._targets import Outputs, Targets
from facetwise.objectives.losses._focusing import focusing
from facetwise.objectives.losses._loss import CellLosses
from facetwise.objectives.losses._softmax_loss import SoftmaxLoss
from facetwise.schema import Schema

__all__ = ["InfluenceBalanced"]

# Added to the influence, so that a cell without any does not weigh infinitely; the authors' code.
EPSILON = 1e-3


class InfluenceBalanced(SoftmaxLoss):
    r"""L = Σ f w_y (1 - p_y)^γ (-log p_y) / Σ f, with f = 1 / (‖p - 1_y‖₁ ‖h‖₁ + 10⁻³), without gradient.

    Before `start` the loss is plain cross-entropy (f = 1, γ = 0). Sums are over labelled cells, y is the class of the
    cell, h the representation that the head reads, w the class weights (the authors' are inverse frequencies from
    the start on: the reweighting rule `ib_reweight`), γ the focusing (0: IB, 1: IBFocal). ‖p - 1_y‖₁ = 2 (1 - p_y),
    exactly.

    Source: Park et al. (2021, eq. 5 to 7, algorithm 1). Three differences from the public code: the factor is a weight
    and not differentiated; it has mean 1 over the labelled cells of the batch (here: it divides by its own sum) in
    place of a constant α of 1000 or 10000, whose right value depends on the size of the features; the start is an
    option in place of a constant in the loop. Under dropout ‖h‖₁ is that of the features after dropout, whose mean is
    that of the features before. Where every attribute has a representation of its own, h is that of the attribute whose
    logits the probabilities are made of: a parent's the one at the bottom of its hierarchy.

    Args:
        schema, places: The vocabulary, and the attributes to score.
        start: Epoch (a whole number) or share of the training (with a point) until which the loss is plain.
        gamma: γ, at least 0.
    """

    needs = frozenset({"features"})

    row_index: Tensor

    def __init__(self, *, schema: Schema, places: Sequence[int], start: float = 0.5, gamma: float = 0.0) -> None:
        check_options(
            InfluenceBalanced,
            start=(start, is_start(start), START_RULE),
            gamma=(gamma, gamma >= 0, "is at least 0"),
        )
        super().__init__(schema=schema, places=places)
        self.start, self.gamma = start, gamma
        layout = schema.layout()
        leaves = self.columns[self.place_leaf].tolist()  # of each place a logit that its probabilities are made of
        rows = [layout.present.index(layout.owner[leaf]) for leaf in leaves]
        self.register_buffer("row_index", torch.tensor(rows, dtype=torch.long), persistent=False)
        self.begin_epoch(progress=0.0, epoch=0)

    def begin_epoch(self, *, progress: float, epoch: int) -> None:
        """Switch at the start."""
        self.active = reached(self.start, progress=progress, epoch=epoch)

    def cells(self, outputs: Outputs, targets: Targets, weights: ClassWeights) -> CellLosses:
        """Cell losses of the categorical attributes, and their factors."""
        truth = self.truth(targets, weights)
        log_p = self.log_probabilities(self.leaf_logits(outputs.logits)).gather(1, truth.column)
        loss = -truth.weight * log_p
        if not self.active:
            return CellLosses(torch.where(truth.labelled, loss, 0.0), truth.labelled)
        miss = -torch.expm1(log_p)
        if self.gamma:
            loss = loss * focusing(miss, self.gamma)
        size = outputs.features.detach().to(log_p.dtype).abs().sum(dim=-1)  # (batch) or (batch, row)
        size = size[:, None] if size.ndim == 1 else size.index_select(1, self.row_index)
        factor = torch.where(truth.labelled, 1.0 / (2.0 * miss.detach() * size + EPSILON), 0.0)
        return CellLosses(torch.where(truth.labelled, factor * loss, 0.0), truth.labelled, factor)
