"""One sigmoid per value of categorical attributes."""

from collections.abc import Sequence

import torch
from torch.nn import functional

from facetwise.objectives._class_weights import ClassWeights
from facetwise.objectives._options import check_options
from facetwise.objectives._segmented import segment_logsumexp
from facetwise.objectives._targets import Outputs, Targets
from facetwise.objectives.losses._focusing import focusing
from facetwise.objectives.losses._loss import CellLosses
from facetwise.objectives.losses._softmax_loss import SoftmaxLoss
from facetwise.schema import Schema

__all__ = ["OneVsRest"]


class OneVsRest(SoftmaxLoss):
    r"""ℓ = (w_y/K) Σ_c -(1 - p_c)^γ log p_c, p_y = σ(z_y), p_c = 1 - σ(z_c) for every other class c.

    z_c is the logit of class c, of a parent's class the log of the sum of its children's odds; y the class of the cell,
    w the class weights, K the number of the attribute's classes, γ the focusing (0: binary cross-entropy).

    The answer is mapped back to the attribute exactly: of K independent yes-or-no values with odds exp(z_c), given that
    one of them holds, P(c) = exp(z_c) / Σ exp(z), which is how categorical logits are read everywhere. So nothing but
    this loss changes: decisions, calibration, rules and exported files stay as they are, and no two values can both be
    said.

    Source: one-vs-rest classification (Rifkin and Klautau 2004, "In Defense of One-Vs-All Classification"), and the 77
    sigmoids of a published attribute classifier. That system pools label *texts* over all attributes, so that "default"
    of a colour and of a pattern are one output which cannot be mapped back; here a value belongs to its attribute. Its
    focusing takes the mean loss of a batch; here each value has its own.

    Args:
        schema, places: The vocabulary, and the attributes to score.
        gamma: γ, at least 0.
    """

    def __init__(self, *, schema: Schema, places: Sequence[int], gamma: float = 0.0) -> None:
        check_options(OneVsRest, gamma=(gamma, gamma >= 0, "is at least 0"))
        super().__init__(schema=schema, places=places)
        self.gamma = gamma

    def cells(self, outputs: Outputs, targets: Targets, weights: ClassWeights) -> CellLosses:
        """Cell losses of the categorical attributes."""
        truth = self.truth(targets, weights)
        leaves = self.leaf_logits(outputs.logits)
        own = leaves if self.plain else segment_logsumexp(
            leaves.index_select(1, self.member_leaf), self.member_class, self.classes
        )  # fmt: skip
        towards = (-own).scatter(1, truth.column, own.gather(1, truth.column))
        # Leaves that share the softmax and belong to no class of the attribute do not hold either.
        towards = torch.cat([towards, -leaves.index_select(1, self.rest_leaf)], dim=1)
        segment = torch.cat([self.class_segment, self.rest_segment])
        each = -focusing(torch.sigmoid(-towards), self.gamma) * functional.logsigmoid(towards)
        total = each.new_zeros(len(each), len(self.places)).index_add(1, segment, each)
        loss = total / torch.bincount(segment, minlength=len(self.places))
        return CellLosses(torch.where(truth.labelled, truth.weight * loss, 0.0), truth.labelled)
