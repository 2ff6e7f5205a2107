"""A rising curve for the log-odds of a class that is there or not, where many rows are labelled."""

import numpy as np

__all__ = ["apply_isotonic", "fit_isotonic"]


def fit_isotonic(odds: np.ndarray, truth: np.ndarray) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The rising curve through (x, y) with the least squared error: its corners.

    Pool adjacent violators: neighbours in x whose means fall are pooled, until no mean falls.

    Args:
        odds: (row,) x.
        truth: (row,) y.

    Returns:
        Corners x and y, both rising; between corners the curve is straight, beyond them level.

    Source: Zadrozny, Elkan 2002, "Transforming classifier scores into accurate multiclass probability estimates",
    section 4.2; the algorithm: Ayer et al. 1955.

    >>> fit_isotonic(np.array([1.0, 2.0, 3.0, 4.0]), np.array([0, 1, 0, 1]))
    ((1.0, 2.0, 3.0, 4.0), (0.0, 0.5, 0.5, 1.0))
    """
    places, inverse = np.unique(np.asarray(odds, dtype=np.float64), return_inverse=True)
    weights = np.bincount(inverse).astype(np.float64)
    means = np.bincount(inverse, weights=np.asarray(truth, dtype=np.float64)) / weights
    blocks: list[list[float]] = []  # mean, weight, first, last
    for place, (mean, weight) in enumerate(zip(means.tolist(), weights.tolist(), strict=True)):
        blocks.append([mean, weight, place, place])
        while len(blocks) > 1 and blocks[-2][0] >= blocks[-1][0]:
            after, before = blocks.pop(), blocks[-1]
            before[0] = (before[0] * before[1] + after[0] * after[1]) / (before[1] + after[1])
            before[1] += after[1]
            before[3] = after[3]
    xs: list[float] = []
    ys: list[float] = []
    for mean, _, first, last in blocks:
        ends = (first,) if first == last else (first, last)
        xs += [float(places[int(end)]) for end in ends]
        ys += [mean] * len(ends)
    return tuple(xs), tuple(ys)


def apply_isotonic(odds: np.ndarray, xs: tuple[float, ...], ys: tuple[float, ...]) -> np.ndarray:
    """The curve at x; cells whose log-odds are infinite are certain, and stay so."""
    curve = np.interp(odds, xs, ys)
    return np.where(np.isfinite(odds), curve, odds > 0)
