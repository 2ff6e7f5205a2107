"""Left becomes right."""

from typing import ClassVar

import numpy as np
from jaxtyping import UInt8
from torch import Tensor

from facetwise.training.augmentation._augmentation import Augmentation, check_share

__all__ = ["HorizontalFlip"]


class HorizontalFlip(Augmentation):
    """The mirror image, with a probability.

    In Albumentations: `HorizontalFlip`. Wrong for attributes that tell left from right; training says so where class
    names do.

    Source: Krizhevsky et al. (2012, section 4.1).

    Args:
        probability: Of the mirror image.
    """

    mirrors: ClassVar[bool] = True

    def __init__(self, *, probability: float = 0.5) -> None:
        check_share(probability=probability)
        self.probability = probability

    def __call__(
        self, picture: UInt8[Tensor, "3 rows columns"], draw: np.random.Generator
    ) -> UInt8[Tensor, "3 newrows newcolumns"]:
        return picture.flip(2) if draw.random() < self.probability else picture
