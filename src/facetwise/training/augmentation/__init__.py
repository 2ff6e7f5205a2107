"""Augmentation: training pictures, changed at random. One island per file; presets first in the table."""

from facetwise.training.augmentation._augmentation import Augmentation, Augmenter
from facetwise.training.augmentation._augmenters import chained, from_callable
from facetwise.training.augmentation._coarse_dropout import CoarseDropout
from facetwise.training.augmentation._colour_jitter import ColourJitter
from facetwise.training.augmentation._elastic import ElasticDistortion
from facetwise.training.augmentation._flip import HorizontalFlip
from facetwise.training.augmentation._grid_distortion import GridDistortion
from facetwise.training.augmentation._light import LightAugmentation
from facetwise.training.augmentation._none import NoAugmentation
from facetwise.training.augmentation._perspective import Perspective
from facetwise.training.augmentation._random_erasing import RandomErasing
from facetwise.training.augmentation._random_resized_crop import RandomResizedCrop
from facetwise.training.augmentation._rotation import Rotation
from facetwise.training.augmentation._strong import StrongAugmentation
from facetwise.training.augmentation._trivial_augment import TrivialAugment

AUGMENTATIONS: dict[str, type[Augmentation]] = {
    "none": NoAugmentation,
    "light": LightAugmentation,
    "strong": StrongAugmentation,
    "random_resized_crop": RandomResizedCrop,
    "flip": HorizontalFlip,
    "rotation": Rotation,
    "perspective": Perspective,
    "colour_jitter": ColourJitter,
    "random_erasing": RandomErasing,
    "coarse_dropout": CoarseDropout,
    "elastic": ElasticDistortion,
    "grid_distortion": GridDistortion,
    "trivial_augment": TrivialAugment,
}

__all__ = [
    "AUGMENTATIONS",
    "Augmentation",
    "Augmenter",
    "CoarseDropout",
    "ColourJitter",
    "ElasticDistortion",
    "GridDistortion",
    "HorizontalFlip",
    "LightAugmentation",
    "NoAugmentation",
    "Perspective",
    "RandomErasing",
    "RandomResizedCrop",
    "Rotation",
    "StrongAugmentation",
    "TrivialAugment",
    "chained",
    "from_callable",
]
