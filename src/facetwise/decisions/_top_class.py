"""The chance of the class that is given, straightened: it is the one that people act on."""

import numpy as np

from facetwise.decisions._sigmoid import apply_sigmoid, log_odds

__all__ = ["odds_of", "straighten"]

# The most probable class stays so after rounding to float32, whose steps are 6e-8 of a number.
AHEAD = 1.0 + 1e-6


def odds_of(chances: np.ndarray, given: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of every row the chance of the class that is given, and its log-odds.

    The odds are to the sum of the others, which near certainty has digits that 1 - p has not.

    Args:
        chances: (row, class), rows sum to 1 or to 0.
        given: (row,) class.
    """
    chance, others = _apart(chances, given)
    return chance, _odds(chance, others.sum(axis=1))


def straighten(chances: np.ndarray, given: np.ndarray, slope: float, offset: float) -> np.ndarray:
    """t' = max(σ(slope logit(t) + offset), l), the others in their old proportions: p'_c = p_c (1 - t') / (1 - t).

    t is the chance of the class that is given. A temperature has one number for all classes and all rows, and where
    there are many classes it is drawn to the tail of the improbable ones; whether an answer is left open goes by t
    alone. Where the class that is given is the most probable one it stays so: l = s / (1 - t + s), s the second best,
    is where both would be equal; else l = 0. Rows that are certain stay certain.

    Source: Platt 1999 on one class against the rest; Le Coz, Herbin, Adjed 2024, "Confidence calibration of
    classifiers with many classes" (there without the bound l).

    Args:
        chances: (row, class).
        given: (row,) class.
        slope, offset: Of the log-odds; slope > 0.

    >>> straighten(np.array([[0.5, 0.3, 0.2], [1.0, 0.0, 0.0]]), np.array([0, 0]), 2.0, 1.0).round(3).tolist()
    [[0.731, 0.161, 0.108], [1.0, 0.0, 0.0]]
    >>> straighten(np.array([[0.5, 0.3, 0.2]]), np.array([1]), 1.0, -1.0).round(3).tolist()
    [[0.617, 0.136, 0.247]]
    """
    certain, found = _apart(chances, given)
    rest, second = found.sum(axis=1), found.max(axis=1, initial=0.0)
    odds = _odds(certain, rest)
    open_ = (rest > 0) & (certain > 0) & np.isfinite(odds)
    bound = np.divide(second, rest + second, out=np.zeros(len(found)), where=open_) * AHEAD
    chance = np.maximum(apply_sigmoid(odds, slope, offset), np.where(certain >= second, bound, 0.0))
    found *= np.divide(1.0 - chance, rest, out=np.ones(len(found)), where=open_)[:, None]
    found[np.arange(len(found)), given] = np.where(open_, chance, certain)
    return found


def _apart(chances: np.ndarray, given: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of every row the chance of the class that is given, and all chances with that one set to 0."""
    rows, others = np.arange(len(chances)), chances.astype(np.float64)
    chance = others[rows, given]
    others[rows, given] = 0.0
    return chance, others


def _odds(chance: np.ndarray, rest: np.ndarray) -> np.ndarray:
    there = chance > 0  # of a row of zeros nothing is said
    return log_odds(np.where(there, rest, 1.0), np.where(there, chance, 1.0))
