"""Weights from the effective number of samples."""

import numpy as np

from facetwise.objectives._options import check_options
from facetwise.objectives.reweighting._reweighting import Reweighting, normalised

__all__ = ["ClassBalancedReweighting"]


class ClassBalancedReweighting(Reweighting):
    """w_c ∝ (1 - β) / (1 - β^{n_c}), n_c cells of class c, scaled to mean 1 over cells.

    β = 0 weighs every cell the same; β = 1 stands for the limit, w_c ∝ 1 / n_c.

    Source: Cui et al. (2019, eq. 10), from the first epoch on (the rule `CBReweight` of LDAM-DRW and IB-Loss, β
    0.9999; system code with a constant 0.999 ignored its own option). They scale Σ w_c = C; a class without cells
    gets 0, not 1/0.

    Args:
        beta: β in [0, 1].

    >>> weights = ClassBalancedReweighting().weights(np.array([1000, 100, 10]), progress=0.0)
    >>> (3 * weights / weights.sum()).round(3)
    array([0.028, 0.271, 2.7  ])
    """

    def __init__(self, *, beta: float = 0.9999) -> None:
        check_options(ClassBalancedReweighting, beta=(beta, 0.0 <= beta <= 1.0, "is between 0 and 1"))
        self.beta = beta

    def weights(self, counts: np.ndarray, *, progress: float, epoch: int = 0) -> np.ndarray:
        """One over the effective number."""
        del progress, epoch  # the same in every epoch
        seen = np.maximum(counts, 1)
        if self.beta == 0.0:
            return normalised(np.ones(len(seen)), counts)
        if self.beta == 1.0:
            return normalised(1.0 / seen, counts)
        # 1 - β^n as -expm1(n log β): for β near 1 the difference of the two would lose its digits.
        return normalised((1.0 - self.beta) / -np.expm1(seen * np.log(self.beta)), counts)
