"""Coded labels as tensors, laid out so that one step needs no loop over attributes."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from facetwise.schema import NOT_APPLICABLE, VALUE, Coding, Kind, Labels, Schema

__all__ = ["Outputs", "Targets", "make_targets"]


@dataclass(frozen=True, slots=True)
class Outputs:
    """What a loss sees of a model: packed logits, the representation that the heads read, side products by name."""

    logits: Float[Tensor, "batch logit"]
    features: Tensor
    aux: dict[str, Tensor]

    def full(self) -> "Outputs":
        """The same with logits in float32 at least: half precision cannot hold the sums of a batch."""
        if self.logits.dtype in (torch.float16, torch.bfloat16):
            return replace(self, logits=self.logits.float())
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """Labels of a batch.

    Args:
        index: Class of each cell, -1 where it is not a value of a categorical attribute.
        sign, sign_mask: Target (0 or 1) and whether it counts, per logit column that is read by a sigmoid: binary,
            multilabel, ordinal (column k: y > k, counted where y >= k) and applicability.
        number, number_mask: Standardised number and whether it counts, per attribute.
        weight: How much each row counts, with mean 1 over the training rows; None where all count alike.
        teacher: Logits of a teacher; None where there is none.
        taught: How much each cell is taught by it: 1, or how likely it is that the attribute applies.
        guide: The teacher's representation.
    """

    index: Int[Tensor, "batch attribute"]
    sign: Float[Tensor, "batch logit"]
    sign_mask: Bool[Tensor, "batch logit"]
    number: Float[Tensor, "batch attribute"]
    number_mask: Bool[Tensor, "batch attribute"]
    weight: Float[Tensor, " batch"] | None = None
    teacher: Float[Tensor, "batch logit"] | None = None
    taught: Float[Tensor, "batch attribute"] | None = None
    guide: Float[Tensor, "batch width"] | None = None

    def __len__(self) -> int:
        return len(self.index)

    def take(self, rows: Tensor) -> "Targets":
        """The targets of some items."""
        return Targets(**{name: tensor.index_select(0, rows) for name, tensor in self._tensors().items()})

    def joined(self, other: "Targets") -> "Targets":
        """These items, then others that are told about the same things."""
        more = other._tensors()
        return Targets(**{name: torch.cat([tensor, more[name]]) for name, tensor in self._tensors().items()})

    def _tensors(self) -> dict[str, Tensor]:
        return {name: getattr(self, name) for name in self.__slots__ if getattr(self, name) is not None}

    def to(self, device: torch.device, dtype: torch.dtype = torch.float32) -> "Targets":
        """The same targets elsewhere."""
        moved = {name: tensor.to(device) for name, tensor in self._tensors().items()}
        real = {name: tensor.to(dtype) for name, tensor in moved.items() if tensor.is_floating_point()}
        return Targets(**{**moved, **real})


def make_targets(
    schema: Schema, labels: Labels, standardised: np.ndarray, *, weights: np.ndarray | None = None
) -> Targets:
    """Labels to tensors.

    Args:
        schema: The vocabulary.
        labels: Coded cells.
        standardised: (item, attribute) numbers after bending and standardising, NaN where there is none.
        weights: (item,) how much each counts; None where all count alike.
    """
    layout, items = schema.layout(), len(labels)
    index = np.full((items, len(schema.attributes)), -1, dtype=np.int64)
    sign = np.zeros((items, layout.num_logits), dtype=np.float32)
    mask = np.zeros((items, layout.num_logits), dtype=bool)
    number = np.zeros((items, len(schema.attributes)), dtype=np.float32)
    counted = np.zeros((items, len(schema.attributes)), dtype=bool)
    for place, (attribute, block) in enumerate(zip(schema.attributes, layout.blocks, strict=True)):
        valued = labels.state[:, place] == VALUE
        classes = labels.index[:, place]
        if block.coding in (Coding.SOFTMAX, Coding.SUM):
            index[:, place] = np.where(valued, classes, -1)
        elif attribute.kind is Kind.BINARY:
            sign[:, block.start] = valued & (classes == 1)
            mask[:, block.start] = valued
        elif attribute.kind is Kind.MULTILABEL:
            sign[:, block.logits] = labels.members[:, block.scores] * valued[:, None]
            mask[:, block.logits] = valued[:, None]
        elif attribute.kind is Kind.ORDINAL:
            steps = np.arange(block.stop - block.start)
            sign[:, block.logits] = valued[:, None] & (classes[:, None] > steps)
            mask[:, block.logits] = valued[:, None] & (classes[:, None] >= steps)
        else:
            counted[:, place] = valued & np.isfinite(standardised[:, place])
            number[:, place] = np.where(counted[:, place], standardised[:, place], 0.0)
        if block.applicability is not None:
            sign[:, block.applicability] = valued
            mask[:, block.applicability] = valued | (labels.state[:, place] == NOT_APPLICABLE)
    arrays = {"index": index, "sign": sign, "sign_mask": mask, "number": number, "number_mask": counted}
    if weights is not None:
        arrays["weight"] = weights.astype(np.float32)
    return Targets(**{name: torch.from_numpy(array) for name, array in arrays.items()})
