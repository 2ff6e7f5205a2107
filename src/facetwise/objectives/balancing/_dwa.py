"""Dynamic weight average: what falls slowly weighs more."""

from collections.abc import Sequence

import numpy as np

from facetwise.objectives.balancing._balancer import LossBalancer, require
from facetwise.objectives.balancing._positive import positive, positive_state

__all__ = ["DynamicWeightAverage"]


class DynamicWeightAverage(LossBalancer):
    """w = K softmax(r / T), r_k = L_k(t - 1) / L_k(t - 2), mean losses of the last two epochs.

    Source: Liu, Johns and Davison (2019, eq. 7). r_k = 1 until an attribute has two epochs with labels behind it;
    epochs in which it has none are not counted (public code divides 0 by 0 there).

    Args:
        names, seed: As for every balancer.
        temperature: T; the larger, the more even.
    """

    def __init__(self, *, names: Sequence[str], seed: int, temperature: float = 2.0) -> None:
        super().__init__(names=names, seed=seed)
        require(temperature > 0, "temperature", "above 0", temperature)
        self.temperature = temperature
        count = len(self.names)
        self.state = {
            "sum": np.zeros(count),
            "steps": np.zeros(count),
            "last": np.full(count, np.nan),
            "before": np.full(count, np.nan),
            "of_epoch": np.zeros((), dtype=np.int64),
            **positive_state(count),
        }

    def weigh(self, losses: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Weights of this epoch; the losses are counted for the next ones."""
        if self.epoch != self.state["of_epoch"]:
            self._turn()
        losses = positive(self.state, losses, places)
        self.state["sum"][places] += losses
        self.state["steps"][places] += 1.0
        rate = self.state["last"][places] / self.state["before"][places]
        rate = np.where(np.isnan(rate), 1.0, rate) / self.temperature
        share = np.exp(rate - rate.max())
        return share * (len(share) / share.sum())

    def _turn(self) -> None:
        state = self.state
        seen = state["steps"] > 0
        state["before"][seen] = state["last"][seen]
        state["last"][seen] = state["sum"][seen] / state["steps"][seen]
        state["sum"][:], state["steps"][:] = 0.0, 0.0
        state["of_epoch"] = np.array(self.epoch, dtype=np.int64)
