"""The picture, seen at a slant."""

import numpy as np
from jaxtyping import UInt8
from torch import Tensor

from facetwise.training.augmentation._augmentation import GREY, Augmentation, check_share

__all__ = ["Perspective"]


class Perspective(Augmentation):
    """The four corners move inwards by random shares of half the side.

    In Albumentations: `Perspective`; in torchvision: `RandomPerspective`, whose draws these are.

    Source: `RandomPerspective` of torchvision.

    Args:
        distortion: Largest share of half the side.
        probability: Of a change.
    """

    def __init__(self, *, distortion: float = 0.2, probability: float = 0.3) -> None:
        check_share(distortion=distortion, probability=probability)
        self.distortion, self.probability = distortion, probability

    def __call__(
        self, picture: UInt8[Tensor, "3 rows columns"], draw: np.random.Generator
    ) -> UInt8[Tensor, "3 newrows newcolumns"]:
        from torchvision.transforms.v2 import functional

        if draw.random() >= self.probability:
            return picture
        rows, columns = picture.shape[1] - 1, picture.shape[2] - 1
        corners = [[0, 0], [columns, 0], [columns, rows], [0, rows]]
        moved = []
        for x, y in corners:
            inwards = [round(self.distortion * side / 2 * draw.random()) for side in (columns, rows)]
            moved.append([abs(x - inwards[0]), abs(y - inwards[1])])
        bilinear = functional.InterpolationMode.BILINEAR
        return functional.perspective(picture, corners, moved, interpolation=bilinear, fill=[GREY] * 3)
