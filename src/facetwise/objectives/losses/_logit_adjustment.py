"""Logit adjustment: logits shifted by the log of the class frequency."""

from collections.abc import Sequence

import numpy as np

from facetwise.objectives._options import check_options
from facetwise.objectives.losses._adjusted_softmax import AdjustedSoftmax
from facetwise.schema import Schema

__all__ = ["LogitAdjustment"]


class LogitAdjustment(AdjustedSoftmax):
    r"""ℓ = -w_y log softmax(z + τ log π)_y, π_c = n_c / Σ n.

    n_c is the number of training cells of class c, w the class weights. The logits z that predictions read are then
    those of the distribution with equal class frequencies (τ = 1), for which the balanced error is least.

    Source: Menon et al. (2021, eq. 10).

    Args:
        schema, places: The vocabulary, and the attributes to score.
        tau: τ, at least 0.
    """

    def __init__(self, *, schema: Schema, places: Sequence[int], tau: float = 1.0) -> None:
        check_options(LogitAdjustment, tau=(tau, tau >= 0, "is at least 0"))
        super().__init__(schema=schema, places=places)
        self.tau = tau

    def adjustment(self, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """1 and τ log π."""
        return np.ones(len(counts)), self.tau * np.log(counts / counts.sum())
