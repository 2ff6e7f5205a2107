"""What extraction gives back: which picture has which row, and which has none, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from facetwise.errors import UserError
from facetwise.features._cache import FeatureStore
from facetwise.features._looks import Looks
from facetwise.features._stored import StoredRows
from facetwise.models.backbones import Level

__all__ = ["Extraction", "ImageProblem"]


@dataclass(frozen=True, slots=True)
class ImageProblem:
    """Why a picture has no features: a code of `facetwise.images.REASONS`, and a sentence."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Extraction:
    """The features of a list of pictures.

    Attributes:
        digests: per picture, the SHA-256 of its bytes; None where there is a problem.
        keys: per picture, the key of its row: the digest, or that of the part in its box; None as above.
        problems: by position in the list, the pictures that cannot be read.
        store: the rows.
        levels: the depths, in the order in which a row holds them.
        computed: how many rows this run added to the store.
    """

    digests: list[str | None]
    keys: list[str | None]
    problems: Mapping[int, ImageProblem]
    store: FeatureStore
    levels: tuple[Level, ...]
    computed: int

    def positions(self) -> list[int]:
        """Of the pictures that have features, rising."""
        return [position for position, digest in enumerate(self.digests) if digest is not None]

    def array(self, positions: Sequence[int] | None = None) -> np.ndarray:
        """Float32 (n, width): the rows of these pictures, or of all that have one, in the order of `positions()`.

        Raises:
            UserError: a picture that was asked for has no features.
        """
        return self.store.read(self._chosen(positions))

    def stored(self) -> StoredRows:
        """The rows of all pictures that have one, left where they are; in the order of `positions()`."""
        return self.store.stored(self._chosen(None))

    def looks(self, positions: Sequence[int] | None = None) -> Looks:
        """What these pictures look like, or all that have a row, in the order of `positions()`.

        Raises:
            UserError: a picture that was asked for has no features.
        """
        return self.store.looks(self._chosen(positions))

    def _chosen(self, positions: Sequence[int] | None) -> list[str]:
        chosen = self.positions() if positions is None else positions
        keys: list[str] = []
        for position in chosen:
            key = self.keys[position]
            if key is None:
                problem = self.problems[position]
                raise UserError(f"picture {position} has no features ({problem.reason}): {problem.message}")
            keys.append(key)
        return keys
