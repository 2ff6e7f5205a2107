"""Arithmetic where some numbers do not exist: NaN inside the room, None outside it."""

import numpy as np

__all__ = ["divide", "mean_known", "plain", "plain_list"]


def divide(above: np.ndarray | float, below: np.ndarray | float) -> np.ndarray:
    """Quotient, NaN where the divisor is 0.

    >>> divide(np.array([1.0, 1.0]), np.array([2.0, 0.0])).tolist()
    [0.5, nan]
    """
    above, below = np.asarray(above, dtype=np.float64), np.asarray(below, dtype=np.float64)
    out = np.full(np.broadcast_shapes(above.shape, below.shape), np.nan)
    return np.divide(above, below, out=out, where=below != 0)


def mean_known(values: np.ndarray, axis: int = 0) -> np.ndarray:
    """Mean over the numbers that exist, NaN where there is none.

    >>> float(mean_known(np.array([1.0, np.nan, 2.0])))
    1.5
    """
    known = ~np.isnan(values)
    return divide(np.where(known, values, 0.0).sum(axis=axis), known.sum(axis=axis))


def plain(value: float | np.ndarray) -> float | None:
    """A Python number, None where it does not exist.

    >>> plain(np.float64("nan")), plain(np.float64(0.5))
    (None, 0.5)
    """
    number = float(value)
    return number if np.isfinite(number) else None


def plain_list(values: np.ndarray) -> list[float | None]:
    """`plain` of a vector of finite numbers and NaN."""
    # Only NaN differs from itself; a call per number would be most of the time of a long vector.
    return [number if number == number else None for number in values.tolist()]
