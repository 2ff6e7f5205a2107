"""Nash bargaining: the step to which every task agrees."""

from collections.abc import Sequence

import numpy as np

from facetwise.objectives.balancing._balancer import Decision, GramianBalancer, normalised, require
from facetwise.objectives.balancing._fixed_point import fair_weights
from facetwise.objectives.balancing._shared import Over

__all__ = ["NashBargaining"]


class NashBargaining(GramianBalancer):
    """α > 0 with G α = 1 / α: it maximises Σ log ⟨d, g_k⟩ over directions d of one length.

    Source: Navon et al. (2022, claim 3.1 and algorithm 1). Public code approaches the solution by up to 20 linearised
    cone programs and keeps the last weights where one fails; here it is the minimum of a convex function, found to
    rounding by Newton's method.

    With `every` above 1 the steps between keep each attribute's last α, as published; an attribute that has none yet
    has the bargain struck anew. Such a step needs no gradients of single attributes, but for the limit `max_norm`.

    Args:
        names, seed: As for every balancer.
        every: Steps from one bargain to the next.
        max_norm: Without `normalise`: largest length of Σ α_k g_k; 0 is no limit.
        over: `cut` or `all` shared parameters.
        normalise: Total of one per task; without it α as published.
    """

    def __init__(
        self,
        *,
        names: Sequence[str],
        seed: int,
        every: int = 1,
        max_norm: float = 1.0,
        over: Over = "cut",
        normalise: bool = True,
    ) -> None:
        super().__init__(names=names, seed=seed, over=over)
        require(max_norm >= 0, "max_norm", "0 or more", max_norm)
        require(every >= 1, "every", "1 or more", every)
        self.every, self.max_norm, self.normalise = every, max_norm, normalise
        # α of each attribute, 0 before its first bargain.
        self.state = {"steps": np.zeros((), dtype=np.int64), "agreed": np.zeros(len(self.names))}

    def kept(self, places: np.ndarray) -> np.ndarray | None:
        """The weights of the last bargain, where they hold and need not be shortened."""
        if self._due(places) or (self.max_norm > 0.0 and not self.normalise):
            return None
        self.state["steps"] += 1
        weights = self.state["agreed"][places]
        return normalised(weights) if self.normalise else weights

    def _due(self, places: np.ndarray) -> bool:
        return self.state["steps"] % self.every == 0 or not self.state["agreed"][places].all()

    def weigh(self, gramian: np.ndarray, losses: np.ndarray, places: np.ndarray) -> Decision:
        """The bargaining solution."""
        del losses
        if self._due(places):
            self.state["agreed"][places] = fair_weights(gramian, 1.0)
        self.state["steps"] += 1
        weights = self.state["agreed"][places]
        if self.normalise:
            return Decision(normalised(weights))
        length = float(np.sqrt(max(weights @ gramian @ weights, 0.0)))
        if 0.0 < self.max_norm < length:
            weights = weights * (self.max_norm / length)
        return Decision(weights)
