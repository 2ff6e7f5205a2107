"""Binary cross-entropy of all binary and multilabel attributes at once."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from facetwise.objectives._class_weights import ClassCounts
from facetwise.objectives.losses._sigmoid_loss import SigmoidLoss
from facetwise.schema import Schema

__all__ = ["BinaryCrossEntropy"]


class BinaryCrossEntropy(SigmoidLoss):
    r"""ℓ = (1/K) Σ_k -[ w⁺_k r_k y_k log σ(z_k) + w⁻_k (1 - y_k) log(1 - σ(z_k)) ], from logits.

    K is the number of the attribute's classes (1 for a binary attribute), y_k in {0, 1}, w the class weights. A cell
    of a multilabel attribute counts as one cell, however many classes it has. r_k is 1, or with `pos_weight` the
    number of negatives over the number of positives among the training cells.

    Source: the negative log-likelihood of independent Bernoulli variables; `binary_cross_entropy_with_logits` of
    PyTorch with both weights. r = (N - P) / P is PyTorch's suggestion for its `pos_weight`; it multiplies the class
    weights, so choose one of the two. A class without positives, or without negatives, keeps r = 1 (never 1/0).

    Args:
        schema, places: The vocabulary, and the attributes to score.
        pos_weight: Multiply the positives by negatives / positives of the training cells.
    """

    ratio: Tensor

    def __init__(self, *, schema: Schema, places: Sequence[int], pos_weight: bool = False) -> None:
        super().__init__(schema=schema, places=places)
        self.pos_weight = pos_weight
        self.register_buffer("ratio", torch.ones(len(self.columns)), persistent=False)
        if pos_weight:
            self.needs = frozenset({"counts"})

    def take_counts(self, counts: ClassCounts, dtype: torch.dtype) -> None:
        """Negatives over positives."""
        negative, positive = counts.sign[self.columns.cpu().numpy()].T
        seen = (negative > 0) & (positive > 0)
        ratio = np.where(seen, negative / np.maximum(positive, 1), 1.0)
        self.ratio = torch.from_numpy(ratio).to(self.columns.device, dtype)

    def each(
        self, logits: Float[Tensor, "batch column"], sign: Float[Tensor, "batch column"]
    ) -> Float[Tensor, "batch column"]:
        """Binary cross-entropy per class."""
        each = functional.binary_cross_entropy_with_logits(logits, sign, reduction="none")
        return torch.where(sign > 0.5, self.ratio.to(each.dtype), 1.0) * each if self.pos_weight else each
