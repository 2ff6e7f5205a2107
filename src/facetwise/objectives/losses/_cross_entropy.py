"""Cross-entropy of all categorical attributes at once, through the hierarchy."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from facetwise.objectives._class_weights import ClassWeights
from facetwise.objectives._segmented import segment_log_softmax, segment_logsumexp
from facetwise.objectives._targets import Outputs, Targets
from facetwise.objectives.losses._loss import CellLosses, Loss
from facetwise.schema import Coding, Kind, Schema

__all__ = ["CrossEntropy"]


class CrossEntropy(Loss):
    r"""ℓ = w_y [ -(1 - ε) log p_y - (ε / K) Σ_k log p_k ], p = softmax of the attribute's own logits.

    y is the class of the cell, K the number of classes, w the class weights, ε the label smoothing. Where the
    attribute has a child, p_y is the sum of the probabilities of the child's classes that belong to y (and of the
    parent's own leaf where the layout has one), so that a row whose parent is known and whose child is not still
    teaches.

    Source: Szegedy et al. (2016, section 7) for the smoothing. The weighted mean divides by the number of labelled
    cells, not by the sum of their weights as PyTorch's `weight=` does: the weights have mean 1 over the training set,
    so the two agree there, and ours does not depend on which classes share a batch.

    Args:
        schema, places: The vocabulary, and the attributes to score.
        label_smoothing: ε in [0, 1).
    """

    kinds: ClassVar[frozenset[Kind]] = frozenset({Kind.CATEGORICAL})

    columns: Tensor
    place_index: Tensor
    segment: Tensor
    member_leaf: Tensor
    member_class: Tensor
    class_segment: Tensor
    class_base: Tensor
    score_base: Tensor

    def __init__(self, *, schema: Schema, places: Sequence[int], label_smoothing: float = 0.0) -> None:
        super().__init__(schema=schema, places=places)
        self.label_smoothing = label_smoothing
        blocks = schema.layout().blocks
        bottoms = [place for place, block in enumerate(blocks) if block.coding is Coding.SOFTMAX]
        wanted = {leaf for place in places for leaves in blocks[place].leaves for leaf in leaves}
        bottoms = [place for place in bottoms if wanted & set(range(blocks[place].start, blocks[place].stop))]
        columns = [column for place in bottoms for column in range(blocks[place].start, blocks[place].stop)]
        segment = [n for n, place in enumerate(bottoms) for _ in range(blocks[place].start, blocks[place].stop)]
        where = {column: n for n, column in enumerate(columns)}
        members = [
            (where[leaf], (place, n))
            for place in places
            for n, group in enumerate(blocks[place].leaves)
            for leaf in group
        ]
        classes = [(place, n) for place in places for n in range(len(blocks[place].leaves))]
        number = {key: n for n, key in enumerate(classes)}
        self.segments, self.classes = len(bottoms), len(classes)
        # Without a hierarchy every class is its own leaf, in order: then the sums below are skipped.
        self.plain = [leaf for leaf, _ in members] == list(range(len(columns))) and len(classes) == len(columns)
        constants = {
            "columns": columns,
            "segment": segment,
            "member_leaf": [leaf for leaf, _ in members],
            "member_class": [number[key] for _, key in members],
            "class_segment": [places.index(place) for place, _ in classes],
            "class_base": [number[(place, 0)] for place in places],
            "score_base": [blocks[place].score_start for place in places],
            "place_index": list(places),
        }
        for name, values in constants.items():
            self.register_buffer(name, torch.tensor(values, dtype=torch.long), persistent=False)

    def log_probabilities(self, logits: Tensor) -> Tensor:
        """(batch, class) over the classes of all places, in order."""
        leaves = segment_log_softmax(logits.index_select(1, self.columns), self.segment, self.segments)
        if self.plain:
            return leaves
        return segment_logsumexp(leaves.index_select(1, self.member_leaf), self.member_class, self.classes)

    def forward(self, outputs: Outputs, targets: Targets, weights: ClassWeights) -> CellLosses:
        """Cell losses of the categorical attributes."""
        log_p = self.log_probabilities(outputs.logits)
        index = targets.index.index_select(1, self.place_index)
        labelled, known = index >= 0, index.clamp_min(0)
        loss = -log_p.gather(1, known + self.class_base)
        if self.label_smoothing:
            spread = torch.zeros_like(loss).index_add(1, self.class_segment, log_p)
            counts = torch.bincount(self.class_segment, minlength=loss.shape[1])
            loss = (1.0 - self.label_smoothing) * loss - self.label_smoothing * spread / counts
        weight = weights.score[known + self.score_base]
        return CellLosses(torch.where(labelled, weight * loss, 0.0), labelled)
