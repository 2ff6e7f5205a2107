"""Weights whose combined gradient has one projection on every task's unit gradient."""

import numpy as np

__all__ = ["impartial"]

# Of the largest eigenvalue, per task: below it an eigenvalue of a Gramian in float64 is rounding.
SINGULAR = 1e-13
# Share of d outside of the range of G that is rounding too.
IN_RANGE = 1e-6


def impartial(gramian: np.ndarray) -> np.ndarray:
    """α ∝ G⁺ d with d_k = ‖g_k‖, scaled to Σ α = 1.

    ⟨Σ α_j g_j, g_k⟩ / ‖g_k‖ is then the same for every k, wherever that can be had. Where G is singular and d in its
    range (parallel gradients), the pseudo-inverse takes the shortest α, where the closed form with a difference matrix
    has no inverse. Where G is singular and d is not (gradients that oppose each other), the same for every k can only
    be 0: α is then the part of d that G takes to 0, which is what (G + εI)⁻¹ d tends to, and what the weights tend to
    as the gradients turn against each other; the pseudo-inverse would jump there. Where Σ α is 0 no scale exists and
    all weights are 1 / K.

    Source: Liu et al. (2021, eq. 6); the form with the pseudo-inverse is that of Quinton and Rey (2024, appendix).

    >>> impartial(np.diag([1.0, 4.0]))
    array([0.66666667, 0.33333333])
    >>> impartial(np.array([[1.0, -2.0], [-2.0, 4.0]]))
    array([0.66666667, 0.33333333])
    """
    norms = np.sqrt(gramian.diagonal())
    values, vectors = np.linalg.eigh(gramian)
    lost = vectors[:, values <= SINGULAR * len(values) * values[-1]]
    if not lost.shape[1]:
        # G⁻¹ d = D⁻¹ C⁻¹ 1 with D = diag(d) and the cosines C: gradients of unlike lengths cost no digits.
        cosines = gramian / np.outer(norms, norms)
        weights = np.linalg.solve(cosines, np.ones(len(norms))) / norms
        return _scaled(weights, 1.0 / norms.min())
    # The weights have the scale of ‖g‖ where they are the part of d that is lost, and of 1 / ‖g‖ elsewhere.
    weights, scale = lost @ (lost.T @ norms), norms.max()
    if np.linalg.norm(weights) <= IN_RANGE * np.linalg.norm(norms):
        weights, scale = np.linalg.pinv(gramian, hermitian=True) @ norms, 1.0 / max(norms.max(), 1e-300)
    return _scaled(weights, scale)


def _scaled(weights: np.ndarray, size: float) -> np.ndarray:
    """Weights that sum to 1; all the same where their sum is rounding beside their size."""
    total = weights.sum()
    if abs(total) < 1e-12 * size:
        return np.full(len(weights), 1.0 / len(weights))
    return weights / total
