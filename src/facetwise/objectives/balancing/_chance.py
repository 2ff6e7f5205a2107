"""Chance by name: what is drawn for an attribute depends on the seed, the step and its name, and on no other column."""

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np

__all__ = ["Chance"]


class Chance:
    """Numbers that are drawn anew in every step, from a counter: nothing to save but the count.

    Source: the mixing function SplitMix64 (Steele, Lea and Flood 2014, figure 13).

    Args:
        names: Attributes in order.
        seed: Of the run.

    >>> both, one = Chance(names=["a", "b"], seed=0), Chance(names=["b"], seed=0)
    >>> bool(both.uniform(3, np.array([1]))[0] == one.uniform(3, np.array([0]))[0])
    True
    """

    def __init__(self, *, names: Sequence[str], seed: int) -> None:
        digests = [blake2b(name.encode(), digest_size=8).digest() for name in names]
        self._ids = np.array([int.from_bytes(digest, "little") for digest in digests], dtype=np.uint64)
        self._seed = np.uint64(seed % 2**63)

    def uniform(self, step: int, places: np.ndarray, *, draw: int = 0) -> np.ndarray:
        """(task) numbers in (0, 1); another `draw` gives others."""
        start = _mix(_mix(np.array([self._seed])) + np.uint64(step)) + np.uint64(draw)
        return _unit(_mix(_mix(start) ^ self._ids[places]))

    def pairs(self, step: int, places: np.ndarray) -> np.ndarray:
        """(task, task) numbers in (0, 1), one per ordered pair."""
        start = _mix(_mix(np.array([self._seed])) + np.uint64(step))
        first = _mix(start ^ self._ids[places])
        return _unit(_mix(first[:, None] + self._ids[places][None, :]))

    def normal(self, step: int, places: np.ndarray) -> np.ndarray:
        """(task) normal numbers.

        Source: Box and Muller (1958, eq. 1).
        """
        first, second = self.uniform(step, places, draw=0), self.uniform(step, places, draw=1)
        return np.sqrt(-2.0 * np.log(first)) * np.cos(2.0 * np.pi * second)


def _mix(word: np.ndarray) -> np.ndarray:
    word = word + np.uint64(0x9E3779B97F4A7C15)
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return word ^ (word >> np.uint64(31))


def _unit(word: np.ndarray) -> np.ndarray:
    # The upper 53 bits, in the middle of their cell, so that neither 0 nor 1 is ever drawn.
    return ((word >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
