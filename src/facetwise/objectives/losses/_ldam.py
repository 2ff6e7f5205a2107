"""Label-distribution-aware margins on cosine logits."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from facetwise.objectives._class_weights import ClassCounts, ClassWeights
from facetwise.objectives._options import check_options
from facetwise.objectives._targets import Outputs, Targets
from facetwise.objectives.losses._loss import CellLosses
from facetwise.objectives.losses._softmax_loss import SoftmaxLoss
from facetwise.schema import Schema

__all__ = ["Ldam"]


class Ldam(SoftmaxLoss):
    r"""ℓ = -w_y log [ e^{s (z_y - Δ_y)} / (e^{s (z_y - Δ_y)} + Σ_{c ≠ y} e^{s z_c}) ].

    Δ_c = m n_c^{-1/4} / max_j n_j^{-1/4} is the margin of class c, z_c the cosine of the item's feature and the weight
    vector of class c, n_c the number of training cells of class c, m the largest margin, s the scale, w the class
    weights. Of a parent, e^{s z_y} is the sum over its children, and Δ_y comes from the parent's own count.

    Source: Cao et al. (2019, eq. 11 and 13). A margin means something between -1 and 1 only: without the normalised
    classifier (as in public code that descends from it) s multiplies unbounded logits by 30. So the loss needs a head
    whose logits are s times cosines, and no levels of depth, whose products it would add to them; the composition is
    refused otherwise. s is the head's own, so that predictions are read at the scale that was trained; the paper's is
    30, fixed. Classes without training cells have the largest margin and do not shrink the others'.

    Args:
        schema, places: The vocabulary, and the attributes to score.
        max_margin: m, at least 0.
        scale: s in training only, above 0, in place of the head's.
    """

    needs = frozenset({"counts", "cosine"})

    margin: Tensor

    def __init__(
        self, *, schema: Schema, places: Sequence[int], max_margin: float = 0.5, scale: float | None = None
    ) -> None:
        check_options(
            Ldam,
            max_margin=(max_margin, max_margin >= 0, "is at least 0"),
            scale=(scale, scale is None or scale > 0, "is above 0, or null"),
        )
        super().__init__(schema=schema, places=places)
        self.max_margin, self.scale = max_margin, scale
        self.register_buffer("margin", torch.zeros(self.classes), persistent=False)

    def take_counts(self, counts: ClassCounts, dtype: torch.dtype) -> None:
        """Margins per class of every place."""
        found = counts.score[self.class_score.cpu().numpy()]
        segment, margin = self.class_segment.cpu().numpy(), np.zeros(self.classes)
        for n in range(len(self.places)):
            own = found[segment == n]
            root = np.maximum(own, 1.0) ** -0.25
            largest = root[own > 0].max(initial=0.0) or 1.0
            margin[segment == n] = self.max_margin * np.where(own > 0, root / largest, 1.0)
        self.margin = torch.from_numpy(margin).to(self.columns.device, dtype)

    def cells(self, outputs: Outputs, targets: Targets, weights: ClassWeights) -> CellLosses:
        """Cell losses of the categorical attributes."""
        truth = self.truth(targets, weights)
        logits = self.leaf_logits(outputs.logits)
        scale = outputs.aux["scale"].to(logits.dtype).index_select(0, self.columns)
        if self.scale is not None:
            logits, scale = logits * (self.scale / scale), torch.full_like(scale, self.scale)
        odds = self.log_odds(logits, truth.column)
        lowered = scale[self.place_leaf] * self.margin.to(odds.dtype)[truth.column]
        loss = functional.softplus(lowered - odds)
        return CellLosses(torch.where(truth.labelled, truth.weight * loss, 0.0), truth.labelled)
