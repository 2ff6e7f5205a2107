"""A slope and an offset for the log-odds of a class that is there or not."""

import numpy as np

__all__ = ["apply_sigmoid", "fit_sigmoid", "log_odds"]

# Log-odds of probabilities that float32 rounds to 0 or 1 are held at the log-odds of the last one that it does not.
FURTHEST = 88.0


def log_odds(negative: np.ndarray, positive: np.ndarray) -> np.ndarray:
    """log(positive / negative), infinite where one of the two is 0: such a cell is certain, and stays so."""
    with np.errstate(divide="ignore"):
        return np.log(np.asarray(positive, dtype=np.float64)) - np.log(np.asarray(negative, dtype=np.float64))


def apply_sigmoid(odds: np.ndarray, slope: float, offset: float) -> np.ndarray:
    """1 / (1 + exp(-(slope x + offset))); slope > 0, so infinite log-odds stay 0 and 1."""
    return 0.5 * (1.0 + np.tanh(0.5 * (slope * odds + offset)))


def fit_sigmoid(odds: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """(slope, offset) of sigmoid(slope x + offset) with the least cross-entropy against smoothed targets.

    The targets are (N+ + 1) / (N+ + 2) for the positives and 1 / (N- + 2) for the negatives, so that rows which the
    scores separate perfectly do not ask for an infinite slope. Newton's method with step halving.

    Args:
        odds: (row,) log-odds; infinite ones are held at ±88.
        truth: (row,) bool.

    Source: Platt 1999, "Probabilistic Outputs for Support Vector Machines", section 2.2 (targets); Lin, Lin, Weng
    2007, "A note on Platt's probabilistic outputs for support vector machines", algorithm 1 (solver). Platt's A and B
    are -slope and -offset.

    >>> slope, offset = fit_sigmoid(np.array([-1.0, 1.0] * 50), np.array([False, True] * 50))
    >>> round(slope, 3), abs(round(offset, 3))  # log(51 / 1)
    (3.932, 0.0)
    """
    given = np.clip(np.asarray(odds, dtype=np.float64), -FURTHEST, FURTHEST)
    positives = int(truth.sum())
    negatives = len(truth) - positives
    target = np.where(truth, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    slope, offset = 0.0, float(np.log((positives + 1) / (negatives + 1)))

    def loss(slope: float, offset: float) -> float:
        value = slope * given + offset
        return float((np.logaddexp(0.0, value) - target * value).sum())

    current = loss(slope, offset)
    for _ in range(100):
        chance = apply_sigmoid(given, slope, offset)
        rest, spread = chance - target, chance * (1.0 - chance)
        gradient = np.array([(rest * given).sum(), rest.sum()])
        if np.abs(gradient).max() < 1e-9 * len(given):
            break
        # The little weight on the diagonal keeps the matrix regular where all scores are equal (Lin, Lin, Weng).
        cross = float((spread * given).sum())
        bend = np.array([[(spread * given**2).sum() + 1e-12, cross], [cross, spread.sum() + 1e-12]])
        step, share = np.linalg.solve(bend, gradient), 1.0
        while share > 1e-10 and loss(slope - share * step[0], offset - share * step[1]) > current:
            share /= 2
        if share <= 1e-10:
            break
        slope, offset = slope - share * float(step[0]), offset - share * float(step[1])
        current = loss(slope, offset)
    return slope, offset
