"""What every reweighting rule promises."""

from abc import ABC, abstractmethod

import numpy as np

__all__ = ["Reweighting", "normalised"]


def normalised(weights: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Scale so that the mean over cells, Σ n_c w_c / Σ n_c, is 1; a class without cells gets 0, never infinity.

    With this scale the two common conventions, Σ w ℓ / N and Σ w ℓ / Σ w, agree over the training set.

    >>> normalised(np.array([1.0, 3.0, 9.0]), np.array([3, 1, 0]))
    array([0.66666667, 2.        , 0.        ])
    """
    weights = np.where(counts > 0, weights, 0.0)
    total = (weights * counts).sum()
    return weights * (counts.sum() / total) if total > 0 else weights


class Reweighting(ABC):
    """Counts of an attribute's classes to weights, over the course of training."""

    @abstractmethod
    def weights(self, counts: np.ndarray, *, progress: float, epoch: int = 0) -> np.ndarray:
        """Weights per class with mean 1 over cells.

        Args:
            counts: Training cells per class.
            progress: Share of the training that is done when the epoch begins.
            epoch: Epochs that are done.
        """
