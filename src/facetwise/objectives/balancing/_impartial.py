"""Weights whose combined gradient has one projection on every task's unit gradient."""

import numpy as np

__all__ = ["impartial"]


def impartial(gramian: np.ndarray) -> np.ndarray:
    """α ∝ G⁺ d with d_k = ‖g_k‖, scaled to Σ α = 1.

    ⟨Σ α_j g_j, g_k⟩ / ‖g_k‖ is then the same for every k, wherever that can be had. Where G is singular (parallel
    gradients), the pseudo-inverse takes the shortest α, where the closed form with a difference matrix has no inverse.
    Where Σ α is 0 no scale exists and all weights are 1 / K.

    Source: Liu et al. (2021, eq. 6); the form with the pseudo-inverse is that of Quinton and Rey (2024, appendix).

    >>> impartial(np.diag([1.0, 4.0]))
    array([0.66666667, 0.33333333])
    """
    norms = np.sqrt(gramian.diagonal())
    weights = np.linalg.pinv(gramian, hermitian=True) @ norms
    total = weights.sum()
    # The scale of the weights is 1 / ‖g‖.
    if abs(total) * norms.max() < 1e-12:
        return np.full(len(weights), 1.0 / len(weights))
    return weights / total
