"""What losses share that scale or shift the logits by the training counts of their classes."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from facetwise.objectives._class_weights import ClassCounts, ClassWeights
from facetwise.objectives._leaf_counts import leaf_counts
from facetwise.objectives._targets import Outputs, Targets
from facetwise.objectives.losses._loss import CellLosses
from facetwise.objectives.losses._softmax_loss import SoftmaxLoss
from facetwise.schema import Schema

__all__ = ["AdjustedSoftmax"]


class AdjustedSoftmax(SoftmaxLoss, ABC):
    """ℓ = -w_y log p_y, p = softmax(a ⊙ z + b), with a and b from the training counts of the classes.

    In training only: predictions read the logits z themselves. With a hierarchy a and b act on the leaves, counted as
    `leaf_counts` says, and a parent's p_y stays the sum over its children, so that one balanced distribution over the
    leaves explains all levels. A class without training cells counts as if it had one (log 0 never appears).
    """

    needs = frozenset({"counts"})

    scale: Tensor
    shift: Tensor

    def __init__(self, *, schema: Schema, places: Sequence[int]) -> None:
        super().__init__(schema=schema, places=places)
        self.active = True
        self.register_buffer("scale", torch.ones(len(self.columns)), persistent=False)
        self.register_buffer("shift", torch.zeros(len(self.columns)), persistent=False)

    @abstractmethod
    def adjustment(self, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """a and b of one softmax; `counts` are the cells of its leaves, each at least 1."""

    def take_counts(self, counts: ClassCounts, dtype: torch.dtype) -> None:
        """Scale and shift per leaf."""
        found = np.maximum(leaf_counts(self.schema, counts)[self.columns.cpu().numpy()], 1.0)
        segment = self.segment.cpu().numpy()
        parts = [self.adjustment(found[segment == n]) for n in range(self.segments)]
        scale, shift = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        self.scale = torch.from_numpy(scale).to(self.columns.device, dtype)
        self.shift = torch.from_numpy(shift).to(self.columns.device, dtype)

    def cells(self, outputs: Outputs, targets: Targets, weights: ClassWeights) -> CellLosses:
        """Cell losses of the categorical attributes."""
        logits = self.leaf_logits(outputs.logits)
        if self.active:
            logits = logits * self.scale.to(logits.dtype) + self.shift.to(logits.dtype)
        truth = self.truth(targets, weights)
        loss = -self.log_probabilities(logits).gather(1, truth.column)
        return CellLosses(torch.where(truth.labelled, truth.weight * loss, 0.0), truth.labelled)
