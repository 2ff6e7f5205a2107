"""Conditional ordinal regression of all ordinal attributes at once."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from facetwise.objectives._class_weights import ClassWeights
from facetwise.objectives._targets import Outputs, Targets
from facetwise.objectives.losses._loss import CellLosses, Loss
from facetwise.schema import Kind, Schema

__all__ = ["Corn"]


class Corn(Loss):
    r"""ℓ = w_y Σ_{k ≤ y} -log P([y > k] | y ≥ k), with logit k read as P(y > k | y ≥ k) = σ(z_k).

    y in 0 ... K - 1 is the class of the cell, w the class weights. Step k counts only for cells with y ≥ k, so that
    the K - 1 conditional probabilities multiply to a rank-consistent distribution, of which this is the exact
    negative log-likelihood.

    Source: Shi, Cao, Raschka (2021), "Deep neural networks for rank-consistent ordinal regression based on
    conditional probabilities", eq. 8. The authors' code divides each step by its own number of rows; we sum the steps
    of a cell, which is the likelihood and keeps one denominator: cells.

    Args:
        schema, places: The vocabulary, and the attributes to score.
    """

    kinds: ClassVar[frozenset[Kind]] = frozenset({Kind.ORDINAL})

    columns: Tensor
    segment: Tensor
    step: Tensor
    score_base: Tensor

    def __init__(self, *, schema: Schema, places: Sequence[int]) -> None:
        super().__init__(schema=schema, places=places)
        blocks = [schema.layout().blocks[place] for place in places]
        constants = {
            "columns": [column for block in blocks for column in range(block.start, block.stop)],
            "segment": [n for n, block in enumerate(blocks) for _ in range(block.start, block.stop)],
            "score_base": [block.score_start for block in blocks],
        }
        for name, values in constants.items():
            self.register_buffer(name, torch.tensor(values, dtype=torch.long), persistent=False)

    def cells(self, outputs: Outputs, targets: Targets, weights: ClassWeights) -> CellLosses:
        """Cell losses of the ordinal attributes."""
        logits = outputs.logits.index_select(1, self.columns)
        sign, mask = targets.sign.index_select(1, self.columns), targets.sign_mask.index_select(1, self.columns)
        each = functional.binary_cross_entropy_with_logits(logits, sign, reduction="none")
        zeros = logits.new_zeros(len(logits), len(self.places))
        loss = zeros.index_add(1, self.segment, torch.where(mask, each, 0.0))
        labelled = zeros.index_add(1, self.segment, mask.to(zeros.dtype)) > 0
        # The class of a cell is the number of steps it passed.
        passed = zeros.index_add(1, self.segment, torch.where(mask, sign, 0.0)).long()
        return CellLosses(loss * weights.score[passed + self.score_base], labelled)
