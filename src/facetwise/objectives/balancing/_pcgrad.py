"""PCGrad: each gradient gives up what opposes another one."""

from collections.abc import Sequence

import numpy as np

from facetwise.objectives.balancing._balancer import Decision, GramianBalancer, normalised
from facetwise.objectives.balancing._chance import Chance
from facetwise.objectives.balancing._shared import Over

__all__ = ["GradientSurgery"]


class GradientSurgery(GramianBalancer):
    """For each k, over the others j in random order: where ⟨ĝ_k, g_j⟩ < 0, ĝ_k ← ĝ_k - ⟨ĝ_k, g_j⟩ / ‖g_j‖² g_j.

    Source: Yu et al. (2020, algorithm 1). ĝ_k = Σ_j C_kj g_j is tracked by its coefficients C, for which the Gramian is
    enough, all k at once; the step is Σ_k ĝ_k, so w_j = Σ_k C_kj. The orders go by seed, step and names.

    Args:
        names, seed: As for every balancer.
        over: `cut` or `all` shared parameters.
        normalise: Total of one per task; without it as published, which is one or more per task.
    """

    def __init__(self, *, names: Sequence[str], seed: int, over: Over = "cut", normalise: bool = True) -> None:
        super().__init__(names=names, seed=seed, over=over)
        self.normalise = normalise
        self.chance = Chance(names=self.names, seed=seed)
        self.state = {"steps": np.zeros((), dtype=np.int64)}

    def weigh(self, gramian: np.ndarray, losses: np.ndarray, places: np.ndarray) -> Decision:
        """The column sums of C."""
        del losses
        orders = self.chance.pairs(int(self.state["steps"]), places)
        self.state["steps"] += 1
        weights = surgery(gramian, orders)
        return Decision(normalised(weights) if self.normalise else weights)


def surgery(gramian: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Weights where row k of `keys` sorts the others into the order in which task k meets them.

    >>> surgery(np.array([[1.0, -1.0], [-1.0, 4.0]]), np.zeros((2, 2)))
    array([2.  , 1.25])
    """
    count = len(gramian)
    every = np.arange(count)
    keys = keys.copy()
    keys[every, every] = np.inf  # a task does not meet itself
    order = keys.argsort(axis=1, kind="stable")[:, : count - 1]
    coefficients, products = np.eye(count), gramian.copy()  # C and C G
    for met in order.T:
        inner = np.minimum(products[every, met], 0.0) / gramian[met, met]
        coefficients[every, met] -= inner
        products -= inner[:, None] * gramian[met]
    return coefficients.sum(axis=0)
