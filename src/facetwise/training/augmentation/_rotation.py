"""The picture, turned a little."""

import numpy as np
from jaxtyping import UInt8
from torch import Tensor

from facetwise.training.augmentation._augmentation import GREY, Augmentation, between, check_share

__all__ = ["Rotation"]


class Rotation(Augmentation):
    """Turned about its middle by a random angle; what comes in at the corners is filled with one grey.

    In Albumentations: `Rotate` (its default border repeats the edge).

    Source: `RandomRotation` of torchvision; Simard et al. (2003).

    Args:
        degrees: Largest angle, either way.
        probability: Of a turn.
    """

    def __init__(self, *, degrees: float = 15.0, probability: float = 0.5) -> None:
        check_share(probability=probability)
        self.degrees, self.probability = degrees, probability

    def __call__(
        self, picture: UInt8[Tensor, "3 rows columns"], draw: np.random.Generator
    ) -> UInt8[Tensor, "3 newrows newcolumns"]:
        from torchvision.transforms.v2 import functional

        if draw.random() >= self.probability:
            return picture
        angle = between(draw, -self.degrees, self.degrees)
        return functional.rotate(picture, angle, functional.InterpolationMode.BILINEAR, fill=[GREY] * 3)
