"""What every sampler promises."""

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np

from facetwise.schema import Labels, Schema

__all__ = ["Sampler", "cut", "cycle"]


class Sampler(ABC):
    """Which rows an epoch shows, in which order, and how they are cut into batches.

    Both are functions of the seed and the epoch only: no restart, worker or process changes them. Every epoch has as
    many batches as the first. Which cells of a row are labelled is decided by the labels alone; a sampler never
    invents any.

    Args of every constructor: `schema`, `labels` (of the rows that are sampled) and `seed`, then options by keyword.
    """

    # Whether the rows of a batch belong together: then nobody may change the order of the draws, not even where rows
    # that lie together on disk are read faster.
    keeps_order: ClassVar[bool] = False

    def __init__(self, *, schema: Schema, labels: Labels, seed: int) -> None:
        self.schema, self.labels, self.seed = schema, labels, seed

    def random(self, epoch: int) -> np.random.Generator:
        """The epoch's own source of randomness."""
        return np.random.default_rng((self.seed, epoch))

    @abstractmethod
    def order(self, epoch: int) -> np.ndarray:
        """(draw) int64 rows of the epoch, in order."""

    @abstractmethod
    def batches(self, epoch: int, batch_size: int) -> list[np.ndarray]:
        """The rows of each batch; together they are the rows of `order`."""


def cut(order: np.ndarray, batch_size: int) -> list[np.ndarray]:
    """Consecutive batches, the last one smaller where the rows run out.

    >>> [batch.tolist() for batch in cut(np.arange(5), 2)]
    [[0, 1], [2, 3], [4]]
    """
    return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]


def cycle(random: np.random.Generator, size: int, draws: int) -> np.ndarray:
    """`draws` numbers below `size`: one random permutation after the other, so that counts differ by 1 at most.

    >>> sorted(cycle(np.random.default_rng(0), 3, 6).tolist())
    [0, 0, 1, 1, 2, 2]
    """
    return random.random((-(-draws // size), size)).argsort(axis=1).ravel()[:draws]
