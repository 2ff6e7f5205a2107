"""The preset for small tables and large networks."""

from typing import ClassVar

from facetwise.training.augmentation._augmentation import Preset
from facetwise.training.augmentation._coarse_dropout import CoarseDropout
from facetwise.training.augmentation._colour_jitter import ColourJitter
from facetwise.training.augmentation._elastic import ElasticDistortion
from facetwise.training.augmentation._flip import HorizontalFlip
from facetwise.training.augmentation._grid_distortion import GridDistortion
from facetwise.training.augmentation._perspective import Perspective
from facetwise.training.augmentation._random_resized_crop import RandomResizedCrop
from facetwise.training.augmentation._rotation import Rotation

__all__ = ["StrongAugmentation"]


class StrongAugmentation(Preset):
    """Crops, mirror images, turns, slants, distortions, another light, holes.

    Source: the list of the MMoE-for-DINOv2 system (RandomResizedCrop, HorizontalFlip, CoarseDropout, ColorJitter,
    distortions) and of FishNet's strong augmentation, with the single transforms' defaults.

    Args:
        flip: Probability of the mirror image; 0 where left and right matter.
        hue: Largest turn of the colour circle; 0 where colour is an attribute.
    """

    mirrors: ClassVar[bool] = True

    def __init__(self, *, flip: float = 0.5, hue: float = 0.0) -> None:
        self.steps = (
            RandomResizedCrop(), HorizontalFlip(probability=flip), Rotation(), Perspective(),
            ElasticDistortion(probability=0.15), GridDistortion(probability=0.15), ColourJitter(hue=hue),
            CoarseDropout(),
        )  # fmt: skip
        self.flip = flip
