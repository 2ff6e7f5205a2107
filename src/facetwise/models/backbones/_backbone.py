"""What every backbone is: pictures in, one row of descriptors out, taken at several depths in one pass."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from torch import nn

    from facetwise.images import FitMode

__all__ = ["Backbone", "Fetchable", "Level", "Preprocessing", "ReadsText", "TextReader"]


@dataclass(frozen=True, slots=True)
class Level:
    """One depth of a backbone: a name, and how many numbers its descriptor has.

    A level of patch tokens, one after the other, is called `tokens:N`.

    >>> Level("last", 768).num_tokens, Level("tokens:196", 196 * 768).num_tokens
    (1, 196)
    """

    name: str
    width: int

    @property
    def num_tokens(self) -> int:
        """How many tokens of equal width the descriptor consists of; 1 where it is one vector."""
        return int(self.name.partition(":")[2] or 1)


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


@runtime_checkable
class Fetchable(Protocol):
    """A backbone whose weights are files that can be fetched where there is a network."""

    def files(self) -> list[Path]:
        """The files of weights on this machine.

        Raises:
            UnavailableError: they are not here; the message says how to get them.
        """
        ...

    def fetch(self) -> list[Path]:
        """Download what is missing, and return the files of weights: the only thing that uses the network.

        Raises:
            UnavailableError: no network, no such files, or a licence not accepted.
        """
        ...


class TextReader(Protocol):
    """The half of a model that reads words, into the same space as the other half reads pictures."""

    scale: float
    """What cosines are multiplied with before the softmax; learned with the weights."""

    def read(self, texts: Sequence[str]) -> np.ndarray:
        """(text, width) float32 of unit length."""
        ...


@runtime_checkable
class ReadsText(Protocol):
    """A backbone that was trained with words: with `depths=0` its last and only level is where the two meet."""

    def text_reader(self) -> TextReader:
        """Load the half that reads words.

        Raises:
            UnavailableError: the weights are not on this machine, or have no such half.
        """
        ...
