"""Features as the model reads them: unit length per level if asked, then mean 0 and deviation 1 over training rows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np

from facetwise.features._stored import StoredRows

__all__ = ["FARTHEST", "Standardizer"]

# A feature this many deviations away tells the model "far out" and no more; without a bound, one saturated pixel in a
# stem channel moves every logit.
FARTHEST = 10.0
# Below this deviation a feature is a constant, and dividing by it would amplify rounding.
SMALLEST = 1e-6


@dataclass(frozen=True, kw_only=True)
class Standardizer:
    """x → clip((x - mean) / deviation, ±10).

    Args:
        mean, deviation: (width,) float32, fitted on training rows; zeros and ones if features are not standardised.
        levels: Width of each level.
        l2_normalize: Whether every level of every item is scaled to unit length first.
    """

    mean: np.ndarray
    deviation: np.ndarray
    levels: tuple[int, ...]
    l2_normalize: bool = False

    @classmethod
    def fit(
        cls,
        features: np.ndarray | StoredRows,
        levels: Sequence[int],
        *,
        standardize: bool = True,
        l2_normalize: bool = False,
    ) -> "Standardizer":
        """Fit on training rows: (item, width), or (item, view, width) with NaN where an item has fewer pictures.

        Rows on disk are read once, a piece at a time; a matrix of one piece gives the numbers that it gives in memory.
        Source: Chan, Golub and LeVeque (1979), eqs. 2.1: moments of two sets to those of their union.

        >>> s = Standardizer.fit(np.array([[1.0, 5.0], [3.0, 5.0]]), [2])
        >>> s(np.array([[3.0, 5.0]]))
        array([[1., 0.]], dtype=float32)
        """
        width = features.shape[-1]
        if not isinstance(features, StoredRows) and features.ndim == 3:
            features = features[~np.isnan(features[:, :, 0])]
        plain = cls(
            mean=np.zeros(width, np.float32), deviation=np.ones(width, np.float32), levels=tuple(levels),
            l2_normalize=l2_normalize,
        )  # fmt: skip
        if not standardize:
            return plain
        pieces = features.pieces() if isinstance(features, StoredRows) else (features,)
        mean, deviation = _moments(plain._scaled(piece) for piece in pieces)
        deviation[deviation < SMALLEST] = 1.0
        return cls(
            mean=mean.astype(np.float32), deviation=deviation.astype(np.float32), levels=tuple(levels),
            l2_normalize=l2_normalize,
        )  # fmt: skip

    def _scaled(self, features: np.ndarray) -> np.ndarray:
        if not self.l2_normalize:
            return features
        parts = np.split(features, np.cumsum(self.levels)[:-1], axis=-1)
        lengths = [np.maximum(np.linalg.norm(part, axis=-1, keepdims=True), 1e-12) for part in parts]
        return np.concatenate([part / length for part, length in zip(parts, lengths, strict=True)], axis=-1)

    @overload
    def __call__(self, features: np.ndarray) -> np.ndarray: ...

    @overload
    def __call__(self, features: StoredRows) -> StoredRows: ...

    def __call__(self, features: np.ndarray | StoredRows) -> np.ndarray | StoredRows:
        """(item, width) or (item, view, width) features as the model reads them, float32; NaN stays NaN.

        Rows on disk stay there, and are standardised whenever they are read.
        """
        if isinstance(features, StoredRows):
            return features.changed(self)
        standard = self._scaled(features) - self.mean
        standard /= self.deviation  # in place: a matrix anew each time takes longer than the arithmetic
        return np.clip(standard, -FARTHEST, FARTHEST, out=standard).astype(np.float32, copy=False)


def _moments(pieces: Iterable[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of the rows of all pieces, in float64: float32 loses the mean of a long table."""
    count, mean, deviation = 0, np.zeros(1), np.zeros(1)
    for piece in pieces:
        own, spread = piece.mean(axis=0, dtype=np.float64), piece.std(axis=0, dtype=np.float64)
        if not count:
            count, mean, deviation = len(piece), own, spread
            continue
        total, apart = count + len(piece), own - mean
        squares = deviation**2 * count + spread**2 * len(piece) + apart**2 * (count * len(piece) / total)
        mean = mean + apart * (len(piece) / total)
        count, deviation = total, np.sqrt(squares / total)
    return mean, deviation
