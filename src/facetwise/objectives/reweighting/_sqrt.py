"""Half way (geometrically) between every cell and every class counting the same."""

import numpy as np

from facetwise.objectives.reweighting._reweighting import Reweighting, normalised

__all__ = ["SqrtReweighting"]


class SqrtReweighting(Reweighting):
    """w_c ∝ n_c^(-1/2), n_c cells of class c, scaled to mean 1 over cells.

    Source: the square-root sampling of Mahajan et al. (2018, section 2.2), used as a weight.

    >>> SqrtReweighting().weights(np.array([90, 10]), progress=0.0).round(3)
    array([0.833, 2.5  ])
    """

    def weights(self, counts: np.ndarray, *, progress: float, epoch: int = 0) -> np.ndarray:
        """Inverse square root of the frequency."""
        del progress, epoch  # the same in every epoch
        return normalised(np.maximum(counts, 1) ** -0.5, counts)
