"""The objective: cell losses of every attribute, reduced with the denominators of the global batch."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from facetwise.objectives._class_weights import ClassWeights
from facetwise.objectives._targets import Outputs, Targets
from facetwise.objectives.losses import LOSSES, Loss
from facetwise.schema import Kind, Schema

__all__ = ["Objective", "Reduced"]


class Reduced(NamedTuple):
    """Sums of cell losses and counts of labelled cells per attribute: values, then applicability."""

    total: Float[Tensor, " attribute"]
    cells: Float[Tensor, " attribute"]
    applicability_total: Float[Tensor, " attribute"]
    applicability_cells: Float[Tensor, " attribute"]

    def mean(self) -> tuple[Float[Tensor, " attribute"], Bool[Tensor, " attribute"]]:
        """L_a = Σ value losses / labelled cells + Σ applicability losses / cells whose applicability is known.

        An attribute without any such cell is not active, and its loss is exactly 0.
        """
        value = self.total / self.cells.clamp_min(1.0)
        applicability = self.applicability_total / self.applicability_cells.clamp_min(1.0)
        return value + applicability, (self.cells + self.applicability_cells) > 0


class Objective(nn.Module):
    """Every attribute's loss, no loop over attributes inside a kind.

    Args:
        schema: The vocabulary.
        losses: Per kind a line of `LOSSES` and its options.
    """

    bottoms: Tensor
    place_index: Tensor
    columns: Tensor
    owners: Tensor

    def __init__(self, *, schema: Schema, losses: Mapping[Kind, tuple[str, Mapping[str, object]]]) -> None:
        super().__init__()
        self.attributes = len(schema.attributes)
        groups: dict[tuple[str, tuple[tuple[str, object], ...]], list[int]] = {}
        for place, attribute in enumerate(schema.attributes):
            name, options = losses[attribute.kind]
            groups.setdefault((name, tuple(sorted(options.items()))), []).append(place)
        built: list[Loss] = [
            LOSSES[name](schema=schema, places=places, **dict(options)) for (name, options), places in groups.items()
        ]
        self.losses = nn.ModuleList(built)
        places = torch.tensor([place for loss in built for place in loss.places], dtype=torch.long)
        blocks = schema.layout().blocks
        columns = [block.applicability for block in blocks if block.applicability is not None]
        owners = [place for place, block in enumerate(blocks) if block.applicability is not None]
        self.register_buffer("place_index", places, persistent=False)
        self.register_buffer("columns", torch.tensor(columns, dtype=torch.long), persistent=False)
        bottoms = [self._bottom(schema, place) for place in range(self.attributes)]
        self.register_buffer("bottoms", torch.tensor(bottoms, dtype=torch.long), persistent=False)
        self.register_buffer("owners", torch.tensor(owners, dtype=torch.long), persistent=False)

    @staticmethod
    def _bottom(schema: Schema, place: int) -> int:
        """The attribute whose logits are read: the finest one below a parent, else the attribute itself."""
        attribute = schema.attributes[place]
        while children := schema.children(attribute.column):
            attribute = children[0]
        return schema.index[attribute.column]

    def touched(self, reduced: Reduced) -> Bool[Tensor, " block"]:
        """Which blocks of logits a batch says something about: the values of each attribute, the applicability of each
        attribute, and either of the two.

        A label of a parent teaches through the logits of the finest attribute below it, so it touches those.
        """
        values = torch.zeros_like(reduced.cells).index_add(0, self.bottoms, reduced.cells) > 0
        applicability = reduced.applicability_cells > 0
        return torch.cat([values, applicability, values | applicability])

    def forward(self, outputs: Outputs, targets: Targets, weights: ClassWeights) -> Reduced:
        """Sums and counts of one batch; batches and processes add theirs before the mean is taken."""
        results = [loss(outputs, targets, weights) for loss in self.losses]
        loss = torch.cat([result.loss for result in results], dim=1).sum(dim=0)
        cells = torch.cat([result.labelled for result in results], dim=1).sum(dim=0)
        zeros = outputs.logits.new_zeros(self.attributes)
        total = zeros.index_add(0, self.place_index, loss.to(zeros.dtype))
        counted = zeros.index_add(0, self.place_index, cells.to(zeros.dtype))
        if not len(self.columns):
            return Reduced(total, counted, zeros, zeros)
        logits, sign = outputs.logits.index_select(1, self.columns), targets.sign.index_select(1, self.columns)
        mask = targets.sign_mask.index_select(1, self.columns)
        weight = torch.where(sign > 0.5, weights.positive[self.columns], weights.negative[self.columns])
        each = functional.binary_cross_entropy_with_logits(logits, sign, reduction="none") * weight
        applies = zeros.index_add(0, self.owners, torch.where(mask, each, 0.0).sum(dim=0))
        known = zeros.index_add(0, self.owners, mask.sum(dim=0).to(zeros.dtype))
        return Reduced(total, counted, applies, known)
