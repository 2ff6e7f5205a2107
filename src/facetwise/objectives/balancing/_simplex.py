"""The shortest combination of gradients, and the least conflict with their mean: programs on the simplex."""

import numpy as np

from facetwise.objectives.balancing._nonnegative import RIDGE, nonnegative

__all__ = ["least_conflict", "onto_simplex", "shortest"]


def shortest(gramian: np.ndarray) -> np.ndarray:
    """min wᵀ G w over the simplex.

    With x ≥ 0 free of the simplex, min xᵀ G x + s (1ᵀ x - 1)² has x = r w: for each direction w the best length r
    leaves m s / (m + s), m = wᵀ G w, which grows with m. So one nonnegative program gives w = x / Σ x, exactly.

    Source: the program is that of Désidéri (2012, eq. 8); the reduction is Lawson and Hanson's (1974, chapter 23).

    >>> shortest(np.diag([1.0, 3.0]))
    array([0.75, 0.25])
    """
    # s at the size of the answer keeps the matrix well conditioned; Σ 1/G_kk is what orthogonal gradients would give.
    weight = 1.0 / (1.0 / np.maximum(gramian.diagonal(), np.finfo(float).tiny)).sum()
    [found] = nonnegative(gramian + weight, np.full((1, len(gramian)), -weight))
    return found / found.sum()


def onto_simplex(point: np.ndarray) -> np.ndarray:
    """The nearest point of the simplex.

    Source: Held, Wolfe and Crowder (1974, section 3).

    >>> onto_simplex(np.array([1.0, 0.2, -3.0]))
    array([0.9, 0.1, 0. ])
    """
    ordered = np.sort(point)[::-1]
    shifts = (np.cumsum(ordered) - 1.0) / np.arange(1, len(point) + 1)
    return np.maximum(point - shifts[np.flatnonzero(ordered > shifts)[-1]], 0.0)


def least_conflict(gramian: np.ndarray, linear: np.ndarray, radius: float) -> np.ndarray:
    """min bᵀ w + φ √(wᵀ G w) over the simplex, b = `linear` in the range of G, φ = `radius`.

    An active set: on a support F the minimum of the plane 1ᵀ w = 1 is known in closed form,

    w = (μ p - r) / √D,  p = G_F⁻¹ 1,  r = G_F⁻¹ b,  μ = (1ᵀ r + √D) / 1ᵀ p,  D = (1ᵀ r)² - 1ᵀ p (bᵀ r - φ²);

    with D ≤ 0 the function falls for ever along (1ᵀ r / 1ᵀ p) p - r. Walk there until a weight becomes 0, drop it; when
    the minimum is reached, add the attribute with the steepest descent; stop when there is none.

    Source: the program is that of Liu et al. (2021, algorithm 1).
    """
    size = len(gramian)
    if radius <= 0.0 or size == 1:
        chosen = np.zeros(size)
        chosen[int(linear.argmin())] = 1.0
        return chosen
    gramian = gramian + RIDGE * (gramian.trace() / size) * np.eye(size)
    start = int((linear + radius * np.sqrt(gramian.diagonal())).argmin())
    support, weights = [start], np.zeros(size)
    weights[start] = 1.0
    near = 1e-12 * (np.abs(linear).max() + radius * np.sqrt(gramian.diagonal().max()))
    # Every support is visited at most once in exact arithmetic, and far fewer in practice; rounding could repeat some.
    for _ in range(20 * size):
        goal, level = _on_support(gramian[np.ix_(support, support)], linear[support], radius)
        here = weights[support]
        target, endless = (here + goal, True) if level is None else (goal, False)
        if not endless and target.min() >= 0.0:
            weights[support] = target
            product = gramian @ weights
            slopes = linear + radius * product / np.sqrt(weights @ product)
            slopes[support] = np.inf
            steepest = int(slopes.argmin())
            if level is None or slopes[steepest] >= level - near:
                break
            support.append(steepest)
            continue
        step = target - here
        falling = step < 0.0
        lengths = np.full(len(support), np.inf)
        lengths[falling] = here[falling] / -step[falling]
        leaving = int(lengths.argmin())
        length = lengths[leaving] if endless else min(1.0, lengths[leaving])
        weights[support] = np.maximum(here + length * step, 0.0)
        weights[support[leaving]] = 0.0
        del support[leaving]
    return weights / weights.sum()


def _on_support(gramian: np.ndarray, linear: np.ndarray, radius: float) -> tuple[np.ndarray, float | None]:
    """The minimum on the plane and the common slope there; or the direction of endless descent and None."""
    count = len(linear)
    p, r = np.linalg.solve(gramian, np.stack([np.ones(count), linear], axis=1)).T
    total, mixed = p.sum(), r.sum()
    discriminant = mixed**2 - total * (linear @ r - radius**2)
    if discriminant <= 0.0:
        return (mixed / total) * p - r, None
    root = np.sqrt(discriminant)
    level = (mixed + root) / total
    return (level * p - r) / root, float(level)
