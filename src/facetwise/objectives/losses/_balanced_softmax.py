"""Balanced softmax: every class's exponential is multiplied by its training count."""

import numpy as np

from facetwise.objectives.losses._adjusted_softmax import AdjustedSoftmax

__all__ = ["BalancedSoftmax"]


class BalancedSoftmax(AdjustedSoftmax):
    r"""ℓ = -w_y log [ n_y exp(z_y) / Σ_c n_c exp(z_c) ].

    n_c is the number of training cells of class c, w the class weights. It equals logit adjustment with τ = 1.

    Source: Ren et al. (2020, eq. 3).

    Args:
        schema, places: The vocabulary, and the attributes to score.
    """

    def adjustment(self, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """1 and log n."""
        return np.ones(len(counts)), np.log(counts)
