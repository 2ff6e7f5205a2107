"""Fixed weights: somebody decided how much each attribute matters."""

from collections.abc import Mapping, Sequence

import numpy as np

from facetwise.errors import Complaint, ConfigError, nearest
from facetwise.objectives.balancing._balancer import LossBalancer, normalised

__all__ = ["Fixed"]


class Fixed(LossBalancer):
    """w_k as given, by the attribute's name; 1 where nothing is given.

    Source: the weights of public fish classifiers (family 1, the other columns ½), and common practice.

    Args:
        names, seed: As for every balancer.
        weights: Attribute → weight, not negative.
        normalise: Scale to a total of one per active attribute.

    Raises:
        ConfigError: A weight for an attribute that is not there, or one that is no weight; all of them at once.

    >>> fixed = Fixed(names=["family", "habitat"], seed=0, weights={"habitat": 0.5}, normalise=False)
    >>> fixed.weigh(np.array([1.0, 2.0]), np.array([0, 1]))
    array([1. , 0.5])
    """

    def __init__(
        self,
        *,
        names: Sequence[str],
        seed: int,
        weights: Mapping[str, float] | None = None,
        normalise: bool = True,
    ) -> None:
        super().__init__(names=names, seed=seed)
        given, self.normalise = dict(weights or {}), normalise
        complaints = []
        for name, weight in given.items():
            place = f"config: balancing.weights.{name}"
            if name not in self.names:
                fix = nearest(name, self.names)
                rule, found = "a weight belongs to an attribute", repr(name)
                complaints.append(Complaint(place=place, rule=rule, found=found, fix=fix))
            elif isinstance(weight, bool) or not isinstance(weight, (int, float)) or not 0.0 <= weight < np.inf:
                rule, fix = "a weight is a number, not negative", "write a number such as 0.5"
                complaints.append(Complaint(place=place, rule=rule, found=repr(weight), fix=fix))
        if complaints:
            raise ConfigError(complaints)
        self._weights = np.array([float(given.get(name, 1.0)) for name in self.names])

    def weigh(self, losses: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Those of the active attributes."""
        del losses
        chosen = self._weights[places]
        return normalised(chosen) if self.normalise and chosen.any() else chosen
