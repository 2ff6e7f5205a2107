"""The two convex halves of W = L S: S with its intercepts for a given L, and L for a given S."""

import numpy as np

from facetwise.models.factorisation._descend import Block, Descent, descend
from facetwise.models.factorisation._penalties import Penalties
from facetwise.models.factorisation._problem import Problem

__all__ = ["solve_combination", "solve_latent"]

# A latent task that no attribute uses has no curvature; its step is as long as that of one with this share of the rest.
_FLOOR = 1e-9


def solve_combination(
    problem: Problem,
    penalties: Penalties,
    latent: np.ndarray,
    start: np.ndarray,
    *,
    intercept: bool = True,
    steps: int = 200,
    tolerance: float = 1e-7,
) -> Descent:
    r"""min over S and b of Σ_a w_a Σ_i ℓ(Y_ia (x_iᵀ L s_a + b_a)) + penalty(S), L held.

    The gradient in s_a is Lᵀ X_aᵀ R_a, R = ∂ loss/∂ f. The step of a group is 1 / max over its attributes of
    w_a λ_max(X_a L), computed exactly: groups are separate problems that are solved side by side.

    Args:
        problem, penalties: What is minimised.
        latent: L (feature, latent).
        start: S, and the intercepts as its last row: (latent + 1, attribute).
        intercept: Whether b is free; it is never penalised. Without, the last row stays as it is.
        steps: At most so many.
        tolerance: Share of the objective below which steps are too small to go on.
    """
    read, shared = problem.project(latent), problem.shared

    def scores(point: np.ndarray) -> np.ndarray:
        return read @ point if shared else (read @ point.T[:, :, None])[:, :, 0].T

    def gradient(at: np.ndarray) -> np.ndarray:
        slope = problem.slope(at)
        found = read.T @ slope if shared else (read.transpose(0, 2, 1) @ slope.T[:, :, None])[:, :, 0].T
        if not intercept:
            found[-1] = 0.0
        return found

    def shrink(point: np.ndarray, step: np.ndarray) -> np.ndarray:
        return np.vstack([penalties.shrink_combination(point[:-1], step[0]), point[-1:]])

    def penalty(point: np.ndarray) -> float:
        return float(penalties.of_combination(point[:-1]).sum())

    cells = problem.curvatures()
    curved = np.array([_largest(read if shared else read[a], cells[:, a]) for a in range(start.shape[1])])
    by_group = np.zeros(penalties.groups.max() + 1)
    np.maximum.at(by_group, penalties.groups, curved)
    bound = np.maximum(by_group, np.finfo(float).tiny)[penalties.groups]
    # Without weight or features the slope is 0, and any step will do.
    step = np.where(bound > _FLOOR * bound.max(), 1.0 / bound, 1.0 / (_FLOOR * bound.max()))[None, :]
    block = Block(scores, problem.loss, gradient, penalty, shrink)
    return descend(block, start, step=step, steps=steps, tolerance=tolerance)


def solve_latent(
    problem: Problem,
    penalties: Penalties,
    combination: np.ndarray,
    start: np.ndarray,
    *,
    intercepts: np.ndarray | None = None,
    steps: int = 30,
    tolerance: float = 1e-7,
) -> Descent:
    r"""min over L of Σ_a w_a Σ_i ℓ(Y_ia (x_iᵀ L s_a + b_a)) + penalty(L), S and b held.

    The gradient is Σ_a X_aᵀ R_a s_aᵀ. Its Lipschitz matrix is below Σ_a w_a λ_max(X_a) s_a s_aᵀ, whose absolute row
    sums give every latent task a step of its own (Gershgorin); λ_max is estimated, and backtracking corrects it.

    Args:
        problem, penalties: What is minimised.
        combination: S (latent, attribute).
        start: L (feature, latent).
        intercepts: b (attribute); 0 if not given.
        steps: At most so many.
        tolerance: Share of the objective below which steps are too small to go on.
    """
    offset = 0.0 if intercepts is None else intercepts

    def scores(latent: np.ndarray) -> np.ndarray:
        return problem.score(latent @ combination, offset)

    def gradient(at: np.ndarray) -> np.ndarray:
        return problem.pull(problem.slope(at)) @ combination.T

    weight = problem.curvature * problem.weights * problem.spectrum() + 2.0 * problem.ridge
    rows = np.abs((combination * weight) @ combination.T).sum(axis=1)
    bound = np.maximum(rows, max(_FLOOR * rows.max(initial=0.0), np.finfo(float).tiny ** 0.5))
    block = Block(
        scores, problem.loss, gradient, lambda latent: float(penalties.of_latent(latent).sum()), penalties.shrink_latent
    )
    return descend(block, start, step=1.0 / bound[None, :], steps=steps, tolerance=tolerance)


def _largest(matrix: np.ndarray, cells: np.ndarray) -> float:
    """λ_max(Xᵀ diag(w) X)."""
    return float(np.linalg.eigvalsh((matrix * cells[:, None]).T @ matrix)[-1])
