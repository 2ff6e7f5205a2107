"""A part of the picture, of random size and proportions, as large as the whole."""

import math

import numpy as np
from jaxtyping import UInt8
from torch import Tensor

from facetwise.training.augmentation._augmentation import Augmentation, between, check_share

__all__ = ["RandomResizedCrop"]


class RandomResizedCrop(Augmentation):
    """A part with a random share of the area and random proportions, resized to the size of the picture.

    In Albumentations and torchvision: `RandomResizedCrop`. Where ten draws give no part that fits, the middle square.

    Source: Szegedy et al. (2015, section 6), with torchvision's bounds of the proportions; the smallest area is 0.5 and
    not 0.08, since an attribute (a collar, a fin) is lost when most of the picture is.

    Args:
        least: Smallest share of the area.
        stretch: Largest ratio of the sides, and one over the smallest.
    """

    def __init__(self, *, least: float = 0.5, stretch: float = 4 / 3) -> None:
        check_share(least=least)
        self.least, self.stretch = least, max(stretch, 1.0)

    def __call__(
        self, picture: UInt8[Tensor, "3 rows columns"], draw: np.random.Generator
    ) -> UInt8[Tensor, "3 newrows newcolumns"]:
        from torchvision.transforms.v2 import functional

        rows, columns = picture.shape[1:]
        for _ in range(10):
            area = rows * columns * between(draw, self.least, 1.0)
            ratio = math.exp(between(draw, -math.log(self.stretch), math.log(self.stretch)))
            width, height = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
            if 0 < width <= columns and 0 < height <= rows:
                top, left = int(draw.integers(rows - height + 1)), int(draw.integers(columns - width + 1))
                break
        else:
            height = width = min(rows, columns)
            top, left = (rows - height) // 2, (columns - width) // 2
        return functional.resized_crop(picture, top, left, height, width, [rows, columns], antialias=True)
