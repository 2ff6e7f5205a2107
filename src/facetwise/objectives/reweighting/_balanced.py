"""Every class counts the same."""

import numpy as np

from facetwise.objectives.reweighting._reweighting import Reweighting, normalised

__all__ = ["BalancedReweighting"]


class BalancedReweighting(Reweighting):
    """w_c = N / (C n_c), N labelled cells, C classes that have cells, n_c cells of class c.

    Source: King and Zeng (2001), as scikit-learn's `class_weight="balanced"`. A class without cells gets 0 and is not
    counted in C.

    >>> BalancedReweighting().weights(np.array([90, 10]), progress=0.0)
    array([0.55555556, 5.        ])
    """

    def weights(self, counts: np.ndarray, *, progress: float, epoch: int = 0) -> np.ndarray:
        """Inverse frequency."""
        del progress, epoch  # the same in every epoch
        return normalised(1.0 / np.maximum(counts, 1), counts)
