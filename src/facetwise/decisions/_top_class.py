"""The chance of the most probable class, straightened: it is the one that people act on."""

import numpy as np

from facetwise.decisions._sigmoid import apply_sigmoid, log_odds

__all__ = ["odds_of_top", "straighten_top"]

# The most probable class stays so after rounding to float32, whose steps are 6e-8 of a number.
AHEAD = 1.0 + 1e-6


def odds_of_top(chances: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of every row the place of its most probable class, the chance of that class, and its log-odds.

    The odds are to the sum of the others, which near certainty has digits that 1 - p has not.

    Args:
        chances: (row, class), rows sum to 1 or to 0.
    """
    top, chance, others = _apart(chances)
    return top, chance, _odds(chance, others.sum(axis=1))


def straighten_top(chances: np.ndarray, slope: float, offset: float) -> np.ndarray:
    """t' = max(σ(slope logit(t) + offset), l), the others in their old proportions: p'_c = p_c (1 - t') / (1 - t).

    t is the chance of the most probable class. A temperature has one number for all classes and all rows, and where
    there are many classes it is drawn to the tail of the improbable ones; what is decided, and whether it is left open,
    goes by t alone. l = s / (1 - t + s), s the second best, is where both would be equal: the most probable class stays
    the most probable one. Rows that are certain stay certain.

    Source: Platt 1999 on one class against the rest; Le Coz, Herbin, Adjed 2024, "Confidence calibration of
    classifiers with many classes" (there without the bound l).

    Args:
        chances: (row, class).
        slope, offset: Of the log-odds; slope > 0.

    >>> straighten_top(np.array([[0.5, 0.3, 0.2], [1.0, 0.0, 0.0]]), 2.0, 1.0).round(3).tolist()
    [[0.731, 0.161, 0.108], [1.0, 0.0, 0.0]]
    """
    top, certain, found = _apart(chances)
    rest, second = found.sum(axis=1), found.max(axis=1, initial=0.0)
    odds = _odds(certain, rest)
    open_ = (rest > 0) & np.isfinite(odds)
    least = np.divide(second, rest + second, out=np.zeros(len(found)), where=open_) * AHEAD
    chance = np.maximum(apply_sigmoid(odds, slope, offset), least)
    found *= np.divide(1.0 - chance, rest, out=np.ones(len(found)), where=open_)[:, None]
    found[np.arange(len(found)), top] = np.where(open_, chance, certain)
    return found


def _apart(chances: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of every row the place of its most probable class, its chance, and all chances with that one set to 0."""
    top, rows = chances.argmax(axis=1), np.arange(len(chances))
    others = chances.astype(np.float64)
    chance = others[rows, top]
    others[rows, top] = 0.0
    return top, chance, others


def _odds(chance: np.ndarray, rest: np.ndarray) -> np.ndarray:
    there = chance > 0  # of a row of zeros nothing is said
    return log_odds(np.where(there, rest, 1.0), np.where(there, chance, 1.0))
