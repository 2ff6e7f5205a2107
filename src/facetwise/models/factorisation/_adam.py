"""Adam on one half, with the exact proximal map after each step: the way of the public code, with the penalties."""

from collections.abc import Callable

import numpy as np

__all__ = ["AdamHalf"]

# Kingma and Ba (2015, algorithm 1).
_FIRST, _SECOND, _SMALL = 0.9, 0.999, 1e-8


class AdamHalf:
    """Steps on one of the two factors.

    An entry moves by η m / (√v + ε), so the step of its proximal map is η / (√v + ε) too: with η alone a penalty would
    weigh more where gradients are large, and the end would not be that of the objective. Second moments are pooled
    within the blocks that a penalty binds together, for which the map is then exact.

    Args:
        rate: η.
        pool: Squares of the gradient to the same, equal within a block.
    """

    def __init__(self, rate: float, pool: Callable[[np.ndarray], np.ndarray]) -> None:
        self.rate, self.pool = rate, pool
        self.made = 0
        self.first: np.ndarray | float = 0.0
        self.second: np.ndarray | float = 0.0

    def move(
        self, point: np.ndarray, gradient: np.ndarray, shrink: Callable[[np.ndarray, np.ndarray], np.ndarray]
    ) -> np.ndarray:
        """One step."""
        self.made += 1
        self.first = _FIRST * self.first + (1.0 - _FIRST) * gradient
        self.second = _SECOND * self.second + (1.0 - _SECOND) * self.pool(gradient**2)
        step = self.rate / (np.sqrt(self.second / (1.0 - _SECOND**self.made)) + _SMALL)
        return shrink(point - step * self.first / (1.0 - _FIRST**self.made), step)
