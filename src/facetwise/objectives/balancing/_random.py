"""Random loss weighting: new weights in every step."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from facetwise.objectives.balancing._balancer import LossBalancer, normalised, require
from facetwise.objectives.balancing._chance import Chance

__all__ = ["RandomWeights"]


class RandomWeights(LossBalancer):
    """w = softmax(ε), ε_k ~ N(0, 1) (`normal`), or w uniform on the simplex (`dirichlet`), drawn in every step.

    Source: Lin et al. (2022, algorithm 1 and section 3.2). What is drawn for an attribute depends on the seed, the step
    and its name, so that an absent attribute, or columns in another order, change nothing for the others.

    Args:
        names, seed: As for every balancer.
        distribution: Of the weights.
        normalise: Total of one per task; without it the total is 1, as published.
    """

    def __init__(
        self,
        *,
        names: Sequence[str],
        seed: int,
        distribution: Literal["normal", "dirichlet"] = "normal",
        normalise: bool = True,
    ) -> None:
        super().__init__(names=names, seed=seed)
        require(distribution in ("normal", "dirichlet"), "distribution", "'normal' or 'dirichlet'", distribution)
        self.distribution, self.normalise = distribution, normalise
        self.chance = Chance(names=self.names, seed=seed)
        self.state = {"steps": np.zeros((), dtype=np.int64)}

    def weigh(self, losses: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Positive weights, drawn anew."""
        del losses
        step = int(self.state["steps"])
        self.state["steps"] += 1
        if self.distribution == "normal":
            drawn = np.exp(self.chance.normal(step, places))
        else:  # exponential numbers over their sum are uniform on the simplex
            drawn = -np.log(self.chance.uniform(step, places))
        return normalised(drawn) if self.normalise else drawn / drawn.sum()
