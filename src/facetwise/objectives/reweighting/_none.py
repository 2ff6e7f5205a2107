"""Every cell counts the same."""

import numpy as np

from facetwise.objectives.reweighting._reweighting import Reweighting, normalised

__all__ = ["NoReweighting"]


class NoReweighting(Reweighting):
    """w_c = 1.

    Source: the plain empirical risk.

    >>> NoReweighting().weights(np.array([90, 10]), progress=0.0)
    array([1., 1.])
    """

    def weights(self, counts: np.ndarray, *, progress: float, epoch: int = 0) -> np.ndarray:
        """One for every class that has cells."""
        del progress, epoch  # the same in every epoch
        return normalised(np.ones(len(counts)), counts)
