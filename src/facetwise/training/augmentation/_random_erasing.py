"""One rectangle of the picture is lost."""

import math

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from facetwise.training.augmentation._augmentation import Augmentation, between, check_share

__all__ = ["RandomErasing"]


class RandomErasing(Augmentation):
    """A rectangle of random size and place is filled with one random colour.

    In Albumentations: `Erasing`; in torchvision: `RandomErasing` (whose default fill is black).

    Source: Zhong et al. (2020, algorithm 1), with their bounds.

    Args:
        least, most: Share of the area.
        probability: Of a rectangle.
    """

    def __init__(self, *, least: float = 0.02, most: float = 0.2, probability: float = 0.25) -> None:
        check_share(least=least, most=most, probability=probability)
        self.least, self.most, self.probability = least, most, probability

    def __call__(
        self, picture: UInt8[Tensor, "3 rows columns"], draw: np.random.Generator
    ) -> UInt8[Tensor, "3 newrows newcolumns"]:
        if draw.random() >= self.probability:
            return picture
        rows, columns = picture.shape[1:]
        area = rows * columns * between(draw, self.least, self.most)
        ratio = math.exp(between(draw, math.log(0.3), math.log(1 / 0.3)))
        height = min(rows, max(1, round(math.sqrt(area * ratio))))
        width = min(columns, max(1, round(math.sqrt(area / ratio))))
        top, left = int(draw.integers(rows - height + 1)), int(draw.integers(columns - width + 1))
        colour = torch.from_numpy(draw.integers(0, 256, (3, 1, 1), dtype=np.uint8))
        erased = picture.clone()
        erased[:, top : top + height, left : left + width] = colour
        return erased
