"""The preset that changes neither colour nor what can be seen by much."""

from typing import ClassVar

from facetwise.training.augmentation._augmentation import Preset
from facetwise.training.augmentation._colour_jitter import ColourJitter
from facetwise.training.augmentation._flip import HorizontalFlip
from facetwise.training.augmentation._random_resized_crop import RandomResizedCrop

__all__ = ["LightAugmentation"]


class LightAugmentation(Preset):
    """Crops of at least 60 % of the area, mirror images, a little of another light; no other hue.

    Source: the standard training recipe of He et al. (2016, section 3.4), with larger crops.

    Args:
        flip: Probability of the mirror image; 0 where left and right matter.
    """

    mirrors: ClassVar[bool] = True

    def __init__(self, *, flip: float = 0.5) -> None:
        self.steps = (
            RandomResizedCrop(least=0.6), HorizontalFlip(probability=flip),
            ColourJitter(brightness=0.15, contrast=0.15, saturation=0.1, probability=0.5),
        )  # fmt: skip
        self.flip = flip
