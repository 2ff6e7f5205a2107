"""Gradient vaccine: gradients are turned towards one another until they agree as much as they usually do."""

from collections.abc import Sequence

import numpy as np

from facetwise.objectives.balancing._balancer import Decision, GramianBalancer, normalised, require
from facetwise.objectives.balancing._chance import Chance
from facetwise.objectives.balancing._shared import Over

__all__ = ["GradientVaccine"]

# As in the public implementations; it keeps two opposite or parallel gradients from dividing by zero.
EPS = 1e-8


class GradientVaccine(GramianBalancer):
    """As PCGrad, but wherever the cosine c of ĝ_k and g_j is below the usual one ρ_kj:

    ĝ_k ← ĝ_k + ‖ĝ_k‖ (ρ √(1 - c²) - c √(1 - ρ²)) / (‖g_j‖ √(1 - ρ²)) g_j;  then ρ_kj ← (1 - β) ρ_kj + β c.

    Source: Wang et al. (2021, algorithm 1 and eq. 3). ρ starts at 0 and is kept per pair of attributes. The paper's β
    is 0.01; LibMTL's 0.5 is the preset `gradvac_libmtl`. √(1 - c²) is held at 0 against rounding, where public code
    gives NaN.

    Public code can also turn the gradients of each layer or tensor by themselves (`group`). Each would have weights of
    its own then, and no weighted sum of losses has such a gradient, so that one pass back would not do: left out.
    `over: cut` is the last shared layer by itself.

    Args:
        names, seed: As for every balancer.
        beta: β, from 0 to 1.
        over: `cut` or `all` shared parameters, taken as a whole.
        normalise: Total of one per task; without it as published.
    """

    def __init__(
        self,
        *,
        names: Sequence[str],
        seed: int,
        beta: float = 0.01,
        over: Over = "cut",
        normalise: bool = True,
    ) -> None:
        super().__init__(names=names, seed=seed, over=over)
        require(0.0 <= beta <= 1.0, "beta", "from 0 to 1", beta)
        self.beta, self.normalise = beta, normalise
        self.chance = Chance(names=self.names, seed=seed)
        count = len(self.names)
        self.state = {"steps": np.zeros((), dtype=np.int64), "usual": np.zeros((count, count))}

    def weigh(self, gramian: np.ndarray, losses: np.ndarray, places: np.ndarray) -> Decision:
        """The column sums of the coefficients; the usual cosines learn."""
        del losses
        orders = self.chance.pairs(int(self.state["steps"]), places)
        self.state["steps"] += 1
        pairs = np.ix_(places, places)
        weights, self.state["usual"][pairs] = vaccine(gramian, orders, self.state["usual"][pairs], self.beta)
        return Decision(normalised(weights) if self.normalise else weights)


def vaccine(gramian: np.ndarray, keys: np.ndarray, usual: np.ndarray, beta: float) -> tuple[np.ndarray, np.ndarray]:
    """Weights and the new usual cosines; row k of `keys` sorts the others into the order in which task k meets them."""
    count = len(gramian)
    every = np.arange(count)
    keys, usual = keys.copy(), usual.copy()
    keys[every, every] = np.inf  # a task does not meet itself
    order = keys.argsort(axis=1, kind="stable")[:, : count - 1]
    norms = np.sqrt(gramian.diagonal())
    coefficients, products = np.eye(count), gramian.copy()  # C and C G
    squared = gramian.diagonal().copy()  # ‖ĝ_k‖²
    for met in order.T:
        inner, length = products[every, met], np.sqrt(np.maximum(squared, 0.0))
        cosine, wanted = inner / (length * norms[met] + EPS), usual[every, met]
        sine, wanted_sine = np.sqrt(np.maximum(1.0 - cosine**2, 0.0)), np.sqrt(np.maximum(1.0 - wanted**2, 0.0))
        share = length * (wanted * sine - cosine * wanted_sine) / (norms[met] * wanted_sine + EPS)
        share = np.where(cosine < wanted, share, 0.0)
        coefficients[every, met] += share
        squared += 2.0 * share * inner + share**2 * gramian[met, met]
        products += share[:, None] * gramian[met]
        usual[every, met] = (1.0 - beta) * wanted + beta * cosine
    return coefficients.sum(axis=0), usual
