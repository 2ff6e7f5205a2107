"""How far off: steps of an ordinal attribute, numbers of a numeric one."""

import numpy as np

from facetwise.metrics._known import divide, plain

__all__ = ["number_errors", "step_errors"]


def step_errors(truth: np.ndarray, given: np.ndarray, num_classes: int) -> tuple[float | None, float | None]:
    """Mean absolute error in steps, and quadratic weighted kappa.

    kappa = 1 - mean (t - g)^2 / (var t + var g + (mean t - mean g)^2), the divisor being what chance gives with the
    same marginals; it does not exist where that is 0. No class at all (-1) is the furthest wrong class.

    >>> step_errors(np.array([0, 1, 2, 2]), np.array([0, 1, 1, 2]), 3)
    (0.25, 0.8)
    """
    if not len(truth):
        return None, None
    true, guess = (
        truth.astype(np.float64),
        np.where(given >= 0, given, np.where(2 * truth >= num_classes - 1, 0, num_classes - 1)),
    )
    off = true - guess
    chance = true.var() + guess.var() + (true.mean() - guess.mean()) ** 2
    return plain(np.abs(off).mean()), plain(1.0 - divide((off**2).mean(), chance))


def number_errors(truth: np.ndarray, given: np.ndarray, median: float | None) -> dict[str, float | None]:
    """`mae`, `rmse`, `r2` in the user's unit and `mae_over_floor`.

    r2 = 1 - sum (t - g)^2 / sum (t - mean t)^2.

    Args:
        truth: (cell,) numbers.
        given: (cell,) numbers that were given.
        median: Median of the training numbers; None without any.

    >>> number_errors(np.array([1.0, 3.0]), np.array([1.0, 2.0]), 1.0)["mae_over_floor"]
    0.5
    """
    if not len(truth):
        return dict.fromkeys(("mae", "rmse", "r2", "mae_over_floor"))
    assert np.isfinite(given).all(), "a decision has a number wherever the truth has one; found NaN or infinity"
    off = np.abs(truth - given)
    # Divided by the largest first, so that the square of a diverged model's number does not overflow.
    largest = off.max() or 1.0
    rmse = largest * np.sqrt(((off / largest) ** 2).mean())
    spread = truth.std()
    floor = np.nan if median is None else np.abs(truth - median).mean()
    with np.errstate(over="ignore"):
        unexplained = divide(rmse, spread) ** 2
    return {
        "mae": plain(off.mean()),
        "rmse": plain(rmse),
        "r2": plain(1.0 - unexplained),
        "mae_over_floor": plain(divide(off.mean(), floor)),
    }
