"""What every augmentation promises: a picture and a generator to another picture."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

import numpy as np
from jaxtyping import UInt8
from torch import Tensor

from facetwise.errors import UserError

__all__ = ["GREY", "Augmentation", "Augmenter", "Preset", "between", "check_share"]

# What fills places that a picture does not reach: the middle of the range, near the mean of every normalisation.
GREY = 127

# HWC uint8 pixels and a generator, whose draws are the item's own, to HWC uint8 pixels.
Augmenter = Callable[[np.ndarray, np.random.Generator], np.ndarray]


class Augmentation(ABC):
    """One change of a picture; every random number comes from the generator that it is given, and from nowhere else.

    The operations are torchvision's (`transforms.v2.functional`); its transform classes draw from torch's one global
    generator, so that their draws would depend on threads and on the order of the items. torchvision is imported where
    it is used: it loads half a compiler, and most runs change no pixels.
    """

    # Whether it can turn left into right.
    mirrors: ClassVar[bool] = False

    @abstractmethod
    def __call__(
        self, picture: UInt8[Tensor, "3 rows columns"], draw: np.random.Generator
    ) -> UInt8[Tensor, "3 newrows newcolumns"]:
        """The changed picture."""


class Preset(Augmentation):
    """Several augmentations, one after the other."""

    steps: tuple[Augmentation, ...]

    def __call__(
        self, picture: UInt8[Tensor, "3 rows columns"], draw: np.random.Generator
    ) -> UInt8[Tensor, "3 newrows newcolumns"]:
        for step in self.steps:
            picture = step(picture, draw)
        return picture


def between(draw: np.random.Generator, low: float, high: float) -> float:
    """A uniform draw."""
    return float(draw.uniform(low, high))


def check_share(**values: float) -> None:
    """Raises `UserError` for a probability, or another share, that is none."""
    for name, value in values.items():
        if not 0.0 <= value <= 1.0:
            raise UserError(f"`{name}` should be between 0 and 1. Found {name} = {value}")
