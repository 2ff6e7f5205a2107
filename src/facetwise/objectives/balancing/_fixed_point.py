"""M w = w^(-p): the weights at which every task gains in a fair proportion."""

import numpy as np

__all__ = ["fair_weights"]

# Bounds the weights where some combination of the gradients vanishes and no fair point exists: relative to the trace,
# weights then grow to about 1e6 and no further.
RIDGE = 1e-12
ITERATIONS = 100
# Full steps after the line search sees only rounding: each squares the error that is left.
POLISH = 3


def fair_weights(gramian: np.ndarray, power: float) -> np.ndarray:
    """w > 0 with M w = w^(-p), elementwise.

    It is where the convex function ½ wᵀ M w - Σ ψ(w_k), ψ' = w^(-p), is smallest, found by Newton's method with a
    backtracking line search that keeps w > 0. One solution for every positive definite M.

    Args:
        gramian: M (task, task).
        power: p > 0.

    >>> fair_weights(np.diag([4.0, 1.0]), 1.0)
    array([0.5, 1. ])
    """
    size = len(gramian)
    # With M = c N and w = c^(-1 / (1 + p)) v the equation for v is that of N.
    scale = gramian.trace() / size
    matrix = gramian / scale + RIDGE * np.eye(size)
    weights = matrix.diagonal() ** (-1.0 / (1.0 + power))
    weights = weights * float(weights @ matrix @ weights / (weights ** (1.0 - power)).sum()) ** (-1.0 / (1.0 + power))

    def value(point: np.ndarray) -> float:
        barrier = np.log(point) if power == 1.0 else point ** (1.0 - power) / (1.0 - power)
        return float(0.5 * point @ matrix @ point - barrier.sum())

    now, polish = value(weights), POLISH
    for _ in range(ITERATIONS):
        slope = matrix @ weights - weights**-power
        step = -np.linalg.solve(matrix + np.diag(power * weights ** (-power - 1.0)), slope)
        decrease = -float(slope @ step)
        if decrease <= 1e-12 * max(1.0, abs(now)):
            polish -= 1
            weights = np.where(weights + step > 0.0, weights + step, weights)
            if not polish:
                break
            continue
        falling = step < 0.0
        length = min(1.0, 0.99 * float((weights[falling] / -step[falling]).min())) if falling.any() else 1.0
        while (after := value(weights + length * step)) > now - 1e-4 * length * decrease and length > 1e-12:
            length *= 0.5
        weights, now = weights + length * step, after
    return scale ** (-1.0 / (1.0 + power)) * weights
