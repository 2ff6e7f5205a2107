"""What losses on binary and multilabel attributes share: one sigmoid per class, a cell is the mean of its classes."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from facetwise.objectives._class_weights import ClassWeights
from facetwise.objectives._targets import Outputs, Targets
from facetwise.objectives.losses._loss import CellLosses, Loss
from facetwise.schema import Kind, Schema

__all__ = ["SigmoidLoss"]


class SigmoidLoss(Loss, ABC):
    """ℓ = (1/K) Σ_k w_k ℓ_k, K the number of the attribute's classes (1 for a binary attribute).

    A cell of a multilabel attribute counts as one cell, however many classes it has: published code often sums over
    the classes, which makes the scale of an attribute depend on their number.
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

    @abstractmethod
    def each(
        self, logits: Float[Tensor, "batch column"], sign: Float[Tensor, "batch column"]
    ) -> Float[Tensor, "batch column"]:
        """Unweighted loss of every class of every cell; `sign` is 1 where the class is there, else 0."""

    def cells(self, outputs: Outputs, targets: Targets, weights: ClassWeights) -> CellLosses:
        """Cell losses of the binary and multilabel attributes."""
        logits = outputs.logits.index_select(1, self.columns)
        sign, mask = targets.sign.index_select(1, self.columns), targets.sign_mask.index_select(1, self.columns)
        weight = torch.where(sign > 0.5, weights.positive[self.columns], weights.negative[self.columns])
        each = self.each(logits, sign) * (weight / self.size)
        zeros = logits.new_zeros(len(logits), len(self.places))
        loss = zeros.index_add(1, self.segment, torch.where(mask, each, 0.0).to(zeros.dtype))
        labelled = zeros.index_add(1, self.segment, mask.to(zeros.dtype)) > 0
        return CellLosses(loss, labelled)
