"""Several small holes in the picture."""

import numpy as np
from jaxtyping import UInt8
from torch import Tensor

from facetwise.training.augmentation._augmentation import GREY, Augmentation, check_share

__all__ = ["CoarseDropout"]


class CoarseDropout(Augmentation):
    """Between one and `holes` rectangles, each with sides up to a share of the picture's, are filled with grey.

    In Albumentations: `CoarseDropout` (`num_holes_range`, `hole_height_range`, `hole_width_range`).

    Source: DeVries and Taylor (2017), Cutout, with more than one hole.

    Args:
        holes: The most of them.
        largest: Largest share of a side.
        probability: Of holes.
    """

    def __init__(self, *, holes: int = 8, largest: float = 0.15, probability: float = 0.5) -> None:
        check_share(largest=largest, probability=probability)
        self.holes, self.largest, self.probability = max(1, holes), largest, probability

    def __call__(
        self, picture: UInt8[Tensor, "3 rows columns"], draw: np.random.Generator
    ) -> UInt8[Tensor, "3 newrows newcolumns"]:
        if draw.random() >= self.probability:
            return picture
        rows, columns = picture.shape[1:]
        holed = picture.clone()
        for _ in range(int(draw.integers(1, self.holes + 1))):
            height = max(1, round(rows * self.largest * draw.random()))
            width = max(1, round(columns * self.largest * draw.random()))
            top, left = int(draw.integers(rows - height + 1)), int(draw.integers(columns - width + 1))
            holed[:, top : top + height, left : left + width] = GREY
        return holed
