"""Class weights of an epoch, laid out for packed losses."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from facetwise.objectives.reweighting import REWEIGHTING, REWEIGHTING_ALIASES, Reweighting
from facetwise.schema import NOT_APPLICABLE, VALUE, Coding, Kind, Labels, Schema

__all__ = ["ClassCounts", "ClassWeights", "class_weights", "count_classes", "create_reweighting"]


@dataclass(frozen=True, slots=True)
class ClassCounts:
    """Training counts: per score column the rows of the class; per logit column (negatives, positives)."""

    score: np.ndarray
    sign: np.ndarray


@dataclass(frozen=True, slots=True)
class ClassWeights:
    """Weights, each with mean 1 over the training cells it applies to.

    Args:
        score: Per score column the weight of a cell of that class (categorical and ordinal attributes).
        negative, positive: Per logit column the weights of a 0 and of a 1 (binary, multilabel, applicability).
    """

    score: Float[Tensor, " score"]
    negative: Float[Tensor, " logit"]
    positive: Float[Tensor, " logit"]

    def to(self, device: torch.device) -> "ClassWeights":
        """The same weights elsewhere."""
        return ClassWeights(self.score.to(device), self.negative.to(device), self.positive.to(device))


def count_classes(schema: Schema, labels: Labels) -> ClassCounts:
    """Count the classes of the training cells; unknown cells count nowhere."""
    layout = schema.layout()
    score, sign = np.zeros(layout.num_scores), np.zeros((layout.num_logits, 2))
    for place, (attribute, block) in enumerate(zip(schema.attributes, layout.blocks, strict=True)):
        valued = labels.state[:, place] == VALUE
        if attribute.kind is Kind.MULTILABEL:
            positives = labels.members[valued][:, block.scores].sum(axis=0)
            score[block.scores] = positives
            sign[block.logits] = np.stack([valued.sum() - positives, positives], axis=1)
        elif attribute.kind is not Kind.NUMERIC:
            counts = np.bincount(labels.index[valued, place], minlength=len(attribute.classes))
            score[block.scores] = counts
            if block.coding is Coding.SIGMOID:
                sign[block.start] = counts
        if block.applicability is not None:
            sign[block.applicability] = [(labels.state[:, place] == NOT_APPLICABLE).sum(), valued.sum()]
    return ClassCounts(score, sign)


def create_reweighting(name: str, options: Mapping[str, object]) -> Reweighting:
    """A rule by its name in the table or by a published one, with options.

    >>> create_reweighting("IBReweight", {"defer_until": 3}).defer_until
    3
    """
    line, preset = REWEIGHTING_ALIASES.get(name, (name, {}))
    return REWEIGHTING[line](**{**preset, **options})


def class_weights(
    schema: Schema,
    counts: ClassCounts,
    reweighting: Reweighting,
    *,
    progress: float,
    epoch: int = 0,
    plain: Collection[str] = (),
) -> ClassWeights:
    """The weights of an epoch.

    Args:
        schema: The vocabulary.
        counts: Training counts.
        reweighting: The rule.
        progress: Share of the training that is done when the epoch begins, in [0, 1).
        epoch: Epochs that are done; schedules switch by one or the other.
        plain: Ids of categorical and ordinal attributes whose classes keep the weight 1.
    """
    layout = schema.layout()
    score = np.ones(layout.num_scores)
    sign = np.ones((layout.num_logits, 2))
    for attribute, block in zip(schema.attributes, layout.blocks, strict=True):
        if attribute.kind in (Kind.CATEGORICAL, Kind.ORDINAL) and attribute.id not in plain:
            score[block.scores] = reweighting.weights(counts.score[block.scores], progress=progress, epoch=epoch)
        elif block.coding is Coding.SIGMOID:
            for column in range(block.start, block.stop):
                sign[column] = reweighting.weights(counts.sign[column], progress=progress, epoch=epoch)
        if block.applicability is not None:
            sign[block.applicability] = reweighting.weights(
                counts.sign[block.applicability], progress=progress, epoch=epoch
            )
    tensors = (torch.from_numpy(array).float() for array in (score, sign[:, 0].copy(), sign[:, 1].copy()))
    return ClassWeights(*tensors)
