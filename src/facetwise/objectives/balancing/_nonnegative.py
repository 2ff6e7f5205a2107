"""Quadratic programs with nonnegative variables, many with one matrix at once."""

import numpy as np

__all__ = ["nonnegative"]

# Diagonal that makes a singular matrix (two attributes with one gradient) definite, relative to its mean diagonal.
RIDGE = 1e-12
# How many exchanges of everything may fail to reduce the number of wrong signs before single exchanges take over.
PATIENCE = 3


def nonnegative(matrix: np.ndarray, linear: np.ndarray) -> np.ndarray:
    """min ½ xᵀ Q x + pᵀ x over x ≥ 0, for each row p of `linear`.

    Block principal pivoting: guess which x are positive, solve for them, exchange every x < 0 and every slope < 0, and
    begin anew; where that stops helping, exchange only the last wrong one, which ends (Murty's rule). All programs take
    their steps together.

    Source: Júdice and Pires (1994, algorithm BPP) and, for several right-hand sides, Kim and Park (2011, algorithm 2).

    Args:
        matrix: Q (variable, variable), positive semidefinite.
        linear: p (program, variable).

    Returns:
        x (program, variable).

    >>> nonnegative(np.eye(2), np.array([[-1.0, 2.0]]))
    array([[1., 0.]])
    """
    size, programs = len(matrix), len(linear)
    # Variables are scaled so that the diagonal is 1: rounding is then judged alike for long and short gradients.
    scale = np.sqrt(np.maximum(matrix.diagonal(), np.finfo(float).tiny))
    matrix = matrix / np.outer(scale, scale)
    matrix = matrix + RIDGE * np.eye(size)
    linear = linear / scale
    largest = np.abs(linear).max(axis=1)
    tolerance = 1e-13 * size * np.where(largest > 0.0, largest, 1.0)
    solution = np.zeros((programs, size))
    inside = np.zeros((programs, size), dtype=bool)  # which variables may be positive
    best, left = np.full(programs, size + 1), np.full(programs, PATIENCE)
    open_ = np.arange(programs)
    slope = linear
    # Murty's rule is finite; the bound only guards against rounding that repeats for ever.
    for _ in range(100 + 10 * size):
        x, near = solution[open_], tolerance[open_, None]
        wrong = np.where(inside[open_], x < -near, slope < -near)
        count = wrong.sum(axis=1)
        unsolved = count > 0
        if not unsolved.any():
            break
        open_, wrong, count = open_[unsolved], wrong[unsolved], count[unsolved]
        better = count < best[open_]
        best[open_[better]], left[open_[better]] = count[better], PATIENCE
        left[open_[~better]] -= 1
        last = size - 1 - wrong[:, ::-1].argmax(axis=1)
        alone = np.zeros_like(wrong)
        alone[np.arange(len(open_)), last] = True
        inside[open_] ^= np.where(left[open_, None] >= 0, wrong, alone)
        kept = inside[open_]
        systems = np.where(kept[:, :, None] & kept[:, None, :], matrix, np.eye(size))
        x = np.linalg.solve(systems, np.where(kept, -linear[open_], 0.0)[:, :, None])[:, :, 0]
        solution[open_] = x
        slope = x @ matrix + linear[open_]
    return np.maximum(solution, 0.0) / scale
