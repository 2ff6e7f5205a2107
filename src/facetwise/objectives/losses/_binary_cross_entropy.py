"""Binary cross-entropy of all binary and multilabel attributes at once."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from facetwise.objectives._class_weights import ClassWeights
from facetwise.objectives._targets import Outputs, Targets
from facetwise.objectives.losses._loss import CellLosses, Loss
from facetwise.schema import Kind, Schema

__all__ = ["BinaryCrossEntropy"]


class BinaryCrossEntropy(Loss):
    r"""ℓ = (1/K) Σ_k -[ w⁺_k y_k log σ(z_k) + w⁻_k (1 - y_k) log(1 - σ(z_k)) ], from logits.

    K is the number of the attribute's classes (1 for a binary attribute), y_k in {0, 1}, w the class weights. A cell
    of a multilabel attribute counts as one cell, however many classes it has.

    Source: the negative log-likelihood of independent Bernoulli variables; `binary_cross_entropy_with_logits` of
    PyTorch with both weights, where `pos_weight` has only the positive one.

    Args:
        schema, places: The vocabulary, and the attributes to score.
    """

    kinds: ClassVar[frozenset[Kind]] = frozenset({Kind.BINARY, Kind.MULTILABEL})

    columns: Tensor
    segment: Tensor
    size: Tensor

    def __init__(self, *, schema: Schema, places: Sequence[int]) -> None:
        super().__init__(schema=schema, places=places)
        blocks = [schema.layout().blocks[place] for place in places]
        columns = [column for block in blocks for column in range(block.start, block.stop)]
        segment = [n for n, block in enumerate(blocks) for _ in range(block.start, block.stop)]
        size = [block.stop - block.start for block in blocks for _ in range(block.start, block.stop)]
        self.register_buffer("columns", torch.tensor(columns, dtype=torch.long), persistent=False)
        self.register_buffer("segment", torch.tensor(segment, dtype=torch.long), persistent=False)
        # Whole numbers, so that dividing by them keeps the precision of the logits.
        self.register_buffer("size", torch.tensor(size, dtype=torch.long), persistent=False)

    def forward(self, outputs: Outputs, targets: Targets, weights: ClassWeights) -> CellLosses:
        """Cell losses of the binary and multilabel attributes."""
        logits = outputs.logits.index_select(1, self.columns)
        sign, mask = targets.sign.index_select(1, self.columns), targets.sign_mask.index_select(1, self.columns)
        weight = torch.where(sign > 0.5, weights.positive[self.columns], weights.negative[self.columns])
        each = functional.binary_cross_entropy_with_logits(logits, sign, reduction="none") * (weight / self.size)
        zeros = logits.new_zeros(len(logits), len(self.places))
        loss = zeros.index_add(1, self.segment, torch.where(mask, each, 0.0))
        labelled = zeros.index_add(1, self.segment, mask.to(zeros.dtype)) > 0
        return CellLosses(loss, labelled)
