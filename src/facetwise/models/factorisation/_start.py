"""Where the alternation begins: the main directions of weights that every attribute learns alone."""

import numpy as np

from facetwise.models.factorisation._descend import Block, descend
from facetwise.models.factorisation._penalties import Penalties
from facetwise.models.factorisation._problem import Problem

__all__ = ["first_factors", "separate_weights"]

# Ridge of the separate weights, as a share of λ_max of an attribute's features: they are a direction to begin with.
_RIDGE = 0.01


def separate_weights(problem: Problem, *, ridge: float | np.ndarray, steps: int = 100) -> tuple[np.ndarray, np.ndarray]:
    """Every attribute alone: min Σ_i ℓ(Y_ia (x_iᵀ w_a + b_a)) + ridge ‖w_a‖², side by side.

    Args:
        problem: The labelled cells; the attributes' weights and the ridge of the problem do not matter.
        ridge: One number, or one per attribute.
        steps: At most so many.

    Returns:
        Weights (feature, attribute) and intercepts (attribute).
    """
    problem = problem.without_ridge()
    by_attribute = np.broadcast_to(np.asarray(ridge, float), (problem.num_attributes,))
    shrinkage = np.concatenate([np.ones(problem.num_features), [0.0]])[:, None] * by_attribute
    active = problem.weights > 0

    def gradient(at: np.ndarray) -> np.ndarray:
        slope = problem.slope(at) / np.where(active, problem.weights, 1.0)
        return np.vstack([problem.pull(slope), problem.slope_of_intercepts(slope)])

    block = Block(
        scores=lambda point: problem.score(point[:-1], point[-1]),
        smooth=lambda at: float(problem.each(at)[:, active].sum()),
        gradient=gradient,
        penalty=lambda point: float((shrinkage * point**2).sum()),
        shrink=lambda point, step: point / (1.0 + 2.0 * step * shrinkage),
    )
    largest = problem.spectrum() + problem.labelled.sum(axis=0)
    start = np.zeros((problem.num_features + 1, problem.num_attributes))
    found = descend(block, start, step=1.0 / (problem.curvature * largest)[None, :], steps=steps, tolerance=1e-5)
    return found.point[:-1], found.point[-1]


def first_factors(
    problem: Problem, penalties: Penalties, *, latent: int, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """L, S and b of the truncated singular value decomposition of the separate weights.

    With a ridge on the product and nothing else this is the solution already, where there is a latent task for each.
    More latent tasks than there are directions begin with random columns and unused.

    Source: Kumar and Daumé (2012, section 3), who begin there too.
    """
    ridge = np.maximum(_RIDGE * problem.curvature * problem.spectrum(), np.finfo(float).tiny)
    if problem.ridge:  # a weight w on the loss is 1/w on the ridge
        ridge = problem.ridge / np.maximum(problem.weights, np.finfo(float).eps)
    weights, intercepts = separate_weights(problem, ridge=ridge)
    left, sizes, right = np.linalg.svd(weights, full_matrices=False)
    count = min(latent, int((sizes > 1e-9 * sizes.max(initial=0.0)).sum()))
    # A singular vector has no sign of its own: the largest entry is positive, on every machine.
    turned = np.sign(left[np.abs(left).argmax(axis=0), np.arange(left.shape[1])])
    left, right = left * turned, right * turned[:, None]
    roots = np.sqrt(sizes[:count])
    basis, combination = left[:, :count] * roots, right[:count] * roots[:, None]
    basis, combination = penalties.balance(basis, combination)
    if latent > count:
        size = np.linalg.norm(basis, axis=0).mean() if count else 1.0
        drawn = np.random.default_rng(seed).normal(size=(problem.num_features, latent - count))
        basis = np.hstack([basis, size * drawn / np.sqrt(problem.num_features)])
        combination = np.vstack([combination, np.zeros((latent - count, problem.num_attributes))])
    return basis, combination, intercepts
