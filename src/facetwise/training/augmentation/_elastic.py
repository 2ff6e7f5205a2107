"""The picture, pulled about as if it were rubber."""

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor, nn

from facetwise.training.augmentation._augmentation import GREY, Augmentation, check_share

__all__ = ["ElasticDistortion"]


class ElasticDistortion(Augmentation):
    """Every pixel moves by a smooth random field.

    In Albumentations and torchvision: `ElasticTransform`. The field is drawn on a coarse grid and enlarged, which is as
    smooth as blurring a fine one and much quicker.

    Source: Simard et al. (2003, section 2).

    Args:
        largest: Largest way of a pixel, as a share of the side.
        grid: Points of the coarse grid per side.
        probability: Of a change.
    """

    def __init__(self, *, largest: float = 0.03, grid: int = 6, probability: float = 0.3) -> None:
        check_share(largest=largest, probability=probability)
        self.largest, self.grid, self.probability = largest, max(2, grid), probability

    def __call__(
        self, picture: UInt8[Tensor, "3 rows columns"], draw: np.random.Generator
    ) -> UInt8[Tensor, "3 newrows newcolumns"]:
        from torchvision.transforms.v2 import functional

        if draw.random() >= self.probability:
            return picture
        coarse = draw.uniform(-1.0, 1.0, (1, 2, self.grid, self.grid)).astype(np.float32)
        size = [int(side) for side in picture.shape[1:]]
        field = nn.functional.interpolate(torch.from_numpy(coarse), size=size, mode="bicubic", align_corners=True)
        # torchvision counts a displacement in halves of the side.
        displacement = field.permute(0, 2, 3, 1) * (2 * self.largest)
        return functional.elastic(picture, displacement, fill=[GREY] * 3)
