"""Brightness, contrast, saturation and hue change a little."""

import numpy as np
from jaxtyping import UInt8
from torch import Tensor

from facetwise.training.augmentation._augmentation import Augmentation, between, check_share

__all__ = ["ColourJitter"]


class ColourJitter(Augmentation):
    """Each of the four by a random amount, in a random order.

    In Albumentations and torchvision: `ColorJitter`. Keep `hue` at 0 where colour is an attribute: it turns red into
    orange.

    Source: `ColorJitter` of torchvision; Krizhevsky et al. (2012, section 4.1) for changing the light.

    Args:
        brightness, contrast, saturation: Factors lie between 1 - x and 1 + x.
        hue: Largest turn of the colour circle, either way; 0.5 is half of it.
        probability: Of a change.
    """

    def __init__(
        self,
        *,
        brightness: float = 0.2,
        contrast: float = 0.2,
        saturation: float = 0.2,
        hue: float = 0.0,
        probability: float = 0.8,
    ) -> None:
        check_share(
            brightness=brightness, contrast=contrast, saturation=saturation, hue=2 * hue, probability=probability
        )
        self.probability, self.hue = probability, hue
        self.amounts = (brightness, contrast, saturation)

    def __call__(
        self, picture: UInt8[Tensor, "3 rows columns"], draw: np.random.Generator
    ) -> UInt8[Tensor, "3 newrows newcolumns"]:
        from torchvision.transforms.v2 import functional

        if draw.random() >= self.probability:
            return picture
        changes = (functional.adjust_brightness, functional.adjust_contrast, functional.adjust_saturation)
        factors = [between(draw, 1 - amount, 1 + amount) for amount in self.amounts]
        turn = between(draw, -self.hue, self.hue)
        for place in draw.permutation(4).tolist():
            picture = functional.adjust_hue(picture, turn) if place == 3 else changes[place](picture, factors[place])
        return picture
