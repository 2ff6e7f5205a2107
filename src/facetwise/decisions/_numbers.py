"""How numbers are standardised, and back."""

from dataclasses import dataclass

import numpy as np

from facetwise.schema import Transform

__all__ = ["NumberScale"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberScale:
    """How a number was standardised: `z = (bend(x) - mean) / deviation`, fitted on the training rows.

    >>> scale = NumberScale(transform=Transform.LOG, mean=0.0, deviation=2.0)
    >>> round(float(scale.restore(scale.standardise(np.array([100.0])))[0]), 9)
    100.0
    """

    transform: Transform
    mean: float
    deviation: float

    def standardise(self, number: np.ndarray) -> np.ndarray:
        """User's unit to standardised."""
        bent = np.log(number) if self.transform is Transform.LOG else number
        return (bent - self.mean) / self.deviation

    def restore(self, standardised: np.ndarray) -> np.ndarray:
        """Standardised to the user's unit."""
        bent = np.asarray(standardised, dtype=np.float64) * self.deviation + self.mean
        # exp(700) is the edge of float64; a model that far off is wrong, not infinite.
        return np.exp(np.clip(bent, -700, 700)) if self.transform is Transform.LOG else bent

    def restore_deviation(self, standardised: np.ndarray, deviation: np.ndarray) -> np.ndarray:
        """Deviation in the user's unit; for a log transform to first order: x times the deviation of log(x)."""
        bent = np.asarray(deviation, dtype=np.float64) * self.deviation
        return bent * self.restore(standardised) if self.transform is Transform.LOG else bent
