"""What every way of mixing promises: the items of a batch in pairs, their labels with the share of each."""

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from facetwise.errors import UserError
from facetwise.objectives import Targets

__all__ = ["Mixing", "check_mixing", "paired"]


class Mixing(ABC):
    """Items become mixtures of two; the labels of both teach, each with its share.

    What is drawn depends on the seed, the epoch and the step only.
    """

    # Whether it makes sense of pixels alone.
    pixels_only: ClassVar[bool] = False
    # Whether an item is changed by itself, so that a part of a batch can be mixed alone.
    item_by_item: ClassVar[bool] = False

    @abstractmethod
    def mix(self, inputs: Tensor, targets: Targets, draw: np.random.Generator) -> tuple[Tensor, Targets]:
        """Mixed inputs, and the targets of both items, those of the second after those of the first.

        Args:
            inputs: Pixels (item, rows, columns, 3) uint8, or features (item, *view, features).
            targets: Of the items.
            draw: Where random numbers come from.
        """


def paired(targets: Targets, partner: Int[Tensor, " item"], share: Float[Tensor, " item"]) -> Targets:
    r"""The targets of n items and of their partners, 2n rows that weigh 2λ and 2 (1 - λ).

    A loss over mixed labels becomes λ l(z, y) + (1 - λ) l(z, y'), for every kind of attribute alike; each of the two
    keeps its own mask, so that a cell that only one item has labelled teaches with that item's share. For losses that
    are linear in the label (cross-entropies) this is the loss of the mixed label, and for a squared error it has the
    gradient of the mixed number. Weights are 1 on average, so that denominators stay counts of labelled cells.
    """
    count = len(targets)
    both = targets.take(torch.cat([torch.arange(count, device=partner.device), partner]))
    own = torch.ones(2 * count, device=partner.device) if both.weight is None else both.weight
    return replace(both, weight=own * 2.0 * torch.cat([share, 1.0 - share]).to(own))


def check_mixing(*, alpha: float, probability: float) -> None:
    """Raises `UserError` for parameters that are none of a Beta distribution, or no probability."""
    if alpha <= 0:
        raise UserError(f"`alpha` should be positive. Found alpha = {alpha}")
    if not 0.0 <= probability <= 1.0:
        raise UserError(f"`probability` should be between 0 and 1. Found probability = {probability}")
