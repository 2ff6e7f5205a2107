"""One batch with one way of mixing, the next with the other."""

from typing import ClassVar

import numpy as np
from torch import Tensor

from facetwise.objectives import Targets
from facetwise.training.mixing._cutmix import CutMix
from facetwise.training.mixing._mixing import Mixing
from facetwise.training.mixing._mixup import MixUp

__all__ = ["EitherMixing"]


class EitherMixing(Mixing):
    """MixUp or CutMix, drawn per batch with even chances.

    Source: Touvron et al. (2021, table 9): both, switching with probability 0.5; their α are the defaults.

    Args:
        mixup_alpha: α of MixUp.
        cutmix_alpha: α of CutMix.
        probability: That a batch is mixed at all.
    """

    pixels_only: ClassVar[bool] = True

    def __init__(self, *, mixup_alpha: float = 0.8, cutmix_alpha: float = 1.0, probability: float = 1.0) -> None:
        self.ways = (
            MixUp(alpha=mixup_alpha, probability=probability), CutMix(alpha=cutmix_alpha, probability=probability)
        )  # fmt: skip

    def mix(self, inputs: Tensor, targets: Targets, draw: np.random.Generator) -> tuple[Tensor, Targets]:
        return self.ways[int(draw.integers(2))].mix(inputs, targets, draw)
