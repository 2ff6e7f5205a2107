"""One change, drawn from fourteen, of random strength."""

import math

import numpy as np
from jaxtyping import UInt8
from torch import Tensor

from facetwise.training.augmentation._augmentation import GREY, Augmentation, between, check_share

__all__ = ["TrivialAugment"]


class TrivialAugment(Augmentation):
    """One operation with one uniform strength per picture: nothing, shear, shift, turn, light, colour, contrast,
    sharpness, posterise, solarise, contrast stretched, histogram evened.

    In torchvision: `TrivialAugmentWide`, whose ranges these are; its draws come from a global generator, ours do not.
    Solarising and colour change what colours look like: not where colour is an attribute.

    Source: Müller and Hutter (2021, algorithm 1 and table 1, "wide").

    Args:
        probability: Of a change.
    """

    def __init__(self, *, probability: float = 1.0) -> None:
        check_share(probability=probability)
        self.probability = probability

    def __call__(
        self, picture: UInt8[Tensor, "3 rows columns"], draw: np.random.Generator
    ) -> UInt8[Tensor, "3 newrows newcolumns"]:
        from torchvision.transforms.v2 import functional

        if draw.random() >= self.probability:
            return picture
        number, strength = int(draw.integers(14)), between(draw, 0.0, 1.0)
        sign = 1 if draw.random() < 0.5 else -1
        if number < 5:
            return _moved(picture, number, sign * strength)
        # Light, colour, contrast and sharpness: factors from 0.01 to 1.99.
        factor = 1.0 + 0.99 * sign * strength
        return (
            functional.adjust_brightness(picture, factor) if number == 5
            else functional.adjust_saturation(picture, factor) if number == 6
            else functional.adjust_contrast(picture, factor) if number == 7
            else functional.adjust_sharpness(picture, factor) if number == 8
            else functional.posterize(picture, 8 - round(6 * strength)) if number == 9
            else functional.solarize(picture, 255.0 * (1.0 - strength)) if number == 10
            else functional.autocontrast(picture) if number == 11
            else functional.equalize(picture) if number == 12
            else picture
        )  # fmt: skip


def _moved(picture: Tensor, number: int, amount: float) -> Tensor:
    """Sheared up to 0.99, shifted up to 32 pixels of 224, turned up to 135 degrees."""
    from torchvision.transforms.v2 import functional

    slant = math.degrees(math.atan(0.99 * amount))
    shift = float(round(32 / 224 * picture.shape[2] * amount))
    angle, translate, shear = [
        (0.0, [0.0, 0.0], [slant, 0.0]), (0.0, [0.0, 0.0], [0.0, slant]), (0.0, [shift, 0.0], [0.0, 0.0]),
        (0.0, [0.0, shift], [0.0, 0.0]), (135.0 * amount, [0.0, 0.0], [0.0, 0.0]),
    ][number]  # fmt: skip
    bilinear = functional.InterpolationMode.BILINEAR
    return functional.affine(picture, angle, translate, 1.0, shear, interpolation=bilinear, fill=[GREY] * 3)
