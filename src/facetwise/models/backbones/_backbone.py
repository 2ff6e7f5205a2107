"""What every backbone is: pictures in, one row of descriptors out, taken at several depths in one pass."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

    from facetwise.images import FitMode

__all__ = ["Backbone", "Level", "Preprocessing"]


@dataclass(frozen=True, slots=True)
class Level:
    """One depth of a backbone: a name, and how many numbers its descriptor has."""

    name: str
    width: int


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """What a backbone expects: a square of `size` pixels made by `fit`, then (value / 255 - mean) / std per channel.

    The normalisation is inside the describer; it is repeated here because a cache key and a bundle need it.
    """

    size: int
    fit: FitMode
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


class Backbone(ABC):
    """A frozen network that describes pictures.

    A family is one island: one private file with one final class, and its line in `BACKBONES`. Everything but
    `describer` answers without torch, so that cached features can be used without loading it.
    """

    @property
    @abstractmethod
    def name(self) -> str:
        """What a user types."""

    @property
    @abstractmethod
    def licence(self) -> str:
        """The licence of the weights, as an SPDX identifier."""

    @property
    @abstractmethod
    def preprocessing(self) -> Preprocessing:
        """How pixels must look."""

    @property
    @abstractmethod
    def levels(self) -> tuple[Level, ...]:
        """The depths, from the input upwards, in the order of the descriptor."""

    @property
    @abstractmethod
    def graph_version(self) -> str:
        """Changes whenever the same weights would give other numbers; part of every cache key."""

    @abstractmethod
    def weights_digest(self) -> str:
        """SHA-256 of the weights, in hexadecimal.

        Raises:
            UnavailableError: the weights are not on this machine, or are not the ones they should be.
        """

    @abstractmethod
    def describer(self) -> nn.Module:
        """The network in evaluation mode: uint8 `batch rows columns 3` (RGB) to float32 `batch width`.

        Raises:
            UnavailableError: as `weights_digest`.
        """

    @property
    def width(self) -> int:
        """How many numbers describe a picture: all levels one after the other."""
        return sum(level.width for level in self.levels)
