"""Class-dependent temperatures: logits divided by a power of the class frequency."""

from collections.abc import Sequence

import numpy as np

from facetwise.objectives._options import check_options
from facetwise.objectives.losses._adjusted_softmax import AdjustedSoftmax
from facetwise.schema import Schema

__all__ = ["ClassDependentTemperature"]


class ClassDependentTemperature(AdjustedSoftmax):
    r"""ℓ = -w_y log softmax(z / Δ)_y, Δ_c = (n_max / n_c)^γ.

    n_c is the number of training cells of class c, w the class weights. In training a rare class has to earn a larger
    logit, which compensates that its features move between training and test.

    Source: Ye et al. (2020, eq. 5). Default γ: that of the public long-tail code; the authors search in [0, 1].

    Args:
        schema, places: The vocabulary, and the attributes to score.
        gamma: γ, at least 0.
    """

    def __init__(self, *, schema: Schema, places: Sequence[int], gamma: float = 0.3) -> None:
        check_options(ClassDependentTemperature, gamma=(gamma, gamma >= 0, "is at least 0"))
        super().__init__(schema=schema, places=places)
        self.gamma = gamma

    def adjustment(self, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """1 / Δ and 0."""
        return (counts / counts.max()) ** self.gamma, np.zeros(len(counts))
