"""The factorisation against independent references: numerical minimisation, autograd, a convex solver, brute force."""

import cvxpy as cp
import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from facetwise.models.factorisation import Penalties, Problem, separate_weights, solve_combination, solve_latent

GROUPS = np.array([0, 0, 1, 1, 1])


def made(*, own: bool = False, unknown: float = 0.3, seed: int = 0):
    rng = np.random.default_rng(seed)
    features = [rng.normal(size=(40, 6)) for _ in range(5 if own else 1)]
    scores = np.stack([features[a if own else 0] @ rng.normal(size=6) for a in range(5)], axis=1)
    labels = np.where(rng.random((40, 5)) < unknown, np.nan, np.sign(scores + rng.normal(size=(40, 5))))
    latent = rng.normal(size=(6, 3)) / 2
    return (features if own else features[0]), labels, latent, rng


ALL = {"group_norm": 0.7, "l1_combination": 0.2, "frobenius_combination": 0.3}


@pytest.mark.parametrize("weights", [ALL, {"group_norm": 0.7}, {"l1_combination": 0.4}, {"frobenius_combination": 0.5}])
def test_the_map_of_s_minimises(weights: dict[str, float]) -> None:
    penalties = Penalties(groups=GROUPS, **weights)
    rng = np.random.default_rng(0)
    given, step = rng.normal(size=(3, 5)), np.array([0.5, 0.5, 1.3, 1.3, 1.3])
    found = penalties.shrink_combination(given, step)
    x = cp.Variable((3, 5))
    distance = cp.sum(cp.multiply(1.0 / (2.0 * np.tile(step, (3, 1))), cp.square(x - given)))
    rest = sum(
        penalties.group_norm * cp.norm(x[k, g == GROUPS]) for k in range(3) for g in range(2)
    ) + penalties.l1_combination * cp.sum(cp.abs(x)) + penalties.frobenius_combination * cp.sum_squares(x)  # fmt: skip
    cp.Problem(cp.Minimize(distance + rest)).solve(solver=cp.CLARABEL)
    np.testing.assert_allclose(found, x.value, atol=1e-5)


def test_the_map_of_l_minimises() -> None:
    penalties = Penalties(groups=GROUPS, l1_latent=0.4, frobenius_latent=0.3)
    rng = np.random.default_rng(0)
    given = rng.normal(size=12)
    for value, found in zip(given, penalties.shrink_latent(given, 0.8), strict=True):
        grid = np.linspace(-4, 4, 800_001)
        cost = (grid - value) ** 2 / 1.6 + 0.4 * np.abs(grid) + 0.3 * grid**2
        assert found == pytest.approx(grid[cost.argmin()], abs=2e-5)


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("power", [1, 2])
@pytest.mark.parametrize("ridge", [0.0, 0.7])
def test_gradients_are_autograd_s(own: bool, power: int, ridge: float) -> None:
    features, labels, latent, rng = made(own=own)
    importance = np.array([1.0, 0.5, 2.0, 0.0, 1.0])
    problem = Problem(features, labels, weights=importance, power=power, smoothing=0.3, ridge=ridge)
    combination, known = rng.normal(size=(3, 5)), ~np.isnan(labels)
    at = problem.score(latent @ combination)
    slope = problem.slope(at)
    of_latent = problem.pull(slope) @ combination.T
    basis, mixing = (torch.tensor(m, requires_grad=True) for m in (latent, combination))
    each = [torch.tensor(features[a] if own else features) @ basis @ mixing[:, a] for a in range(5)]
    gap = (1 - torch.tensor(np.where(known, labels, 0.0)) * torch.stack(each, dim=1)).clamp_min(0)
    cells = 0.5 * gap.square() if power == 2 else torch.where(gap < 0.3, gap.square() / 0.6, gap - 0.15)
    loss = (cells * torch.tensor(known * importance)).sum() + ridge * (basis @ mixing).square().sum()
    loss.backward()
    assert problem.loss(at) == pytest.approx(loss.item(), rel=1e-12)
    np.testing.assert_allclose(of_latent, basis.grad, atol=1e-10)
    projected = problem.project(latent)[..., :-1]
    of_combination = [(projected[a] if own else projected).T @ slope[:, a] for a in range(5)]
    np.testing.assert_allclose(np.stack(of_combination, axis=1), mixing.grad, atol=1e-10)


def reference(
    features, labels, latent, penalties: Penalties, importance, power: int, intercept: bool, ridge: float
) -> float:
    """The same convex problem in S and b, by an interior-point solver."""
    s, b = cp.Variable((latent.shape[1], 5)), cp.Variable(5)
    total = 0
    for a in range(5):
        known = ~np.isnan(labels[:, a])
        x = (features[a] if isinstance(features, list) else features)[known]
        gap = cp.pos(1 - cp.multiply(labels[known, a], x @ latent @ s[:, a] + b[a]))
        # The hinge with a rounded corner is half of Huber's function of the gap, over its width.
        loss = 0.5 * cp.sum_squares(gap) if power == 2 else cp.sum(cp.huber(gap, 0.1)) / (2 * 0.1)
        total = total + importance[a] * loss
    for k in range(latent.shape[1]):
        for g in range(2):
            total = total + penalties.group_norm * cp.norm(s[k, g == GROUPS])
    total = total + penalties.l1_combination * cp.sum(cp.abs(s)) + penalties.frobenius_combination * cp.sum_squares(s)
    total = total + ridge * cp.sum_squares(latent @ s)
    problem = cp.Problem(cp.Minimize(total), [] if intercept else [b == 0])
    problem.solve(solver=cp.CLARABEL, tol_gap_abs=1e-10, tol_gap_rel=1e-10, tol_feas=1e-10)
    return float(problem.value)


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("power", [1, 2])
@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("ridge", [0.0, 0.5])
def test_the_problem_in_s_is_solved(own: bool, power: int, intercept: bool, ridge: float) -> None:
    features, labels, latent, _ = made(own=own)
    importance = np.array([1.0, 0.5, 2.0, 1.0, 1.0])
    problem = Problem(features, labels, weights=importance, power=power, ridge=ridge)
    penalties = Penalties(groups=GROUPS, group_norm=1.5, l1_combination=0.2, frobenius_combination=0.1)
    found = solve_combination(
        problem, penalties, latent, np.zeros((4, 5)), intercept=intercept, steps=5000, tolerance=0.0
    )
    expected = reference(features, labels, latent, penalties, importance, power, intercept, ridge)
    assert found.objective == pytest.approx(expected, rel=1e-6)
    assert found.objective >= expected * (1 - 1e-7), "the solver of reference is at least as good"


@pytest.mark.parametrize("ridge", [0.0, 0.5])
def test_the_problem_in_l_is_solved(ridge: float) -> None:
    features, labels, start, rng = made()
    combination = rng.normal(size=(3, 5))
    problem = Problem(features, labels, ridge=ridge)
    penalties = Penalties(groups=GROUPS, l1_latent=0.5, frobenius_latent=0.2)
    found = solve_latent(problem, penalties, combination, start, steps=5000, tolerance=0.0)
    basis = cp.Variable((6, 3))
    total = (
        0.5 * cp.sum_squares(basis) * 0.4 + 0.5 * cp.sum(cp.abs(basis)) + ridge * cp.sum_squares(basis @ combination)
    )
    for a in range(5):
        known = ~np.isnan(labels[:, a])
        gap = cp.pos(1 - cp.multiply(labels[known, a], features[known] @ basis @ combination[:, a]))
        total = total + 0.5 * cp.sum_squares(gap)
    reference = cp.Problem(cp.Minimize(total))
    reference.solve(solver=cp.CLARABEL, tol_gap_abs=1e-10, tol_gap_rel=1e-10)
    assert found.objective == pytest.approx(reference.value, rel=1e-6)


def test_separate_weights_are_those_of_a_general_minimiser() -> None:
    features, labels, _, _ = made()
    weights, intercepts = separate_weights(Problem(features, labels), ridge=0.5, steps=3000)
    for a in range(5):
        known = ~np.isnan(labels[:, a])

        def cost(v, a=a, known=known):
            gap = np.maximum(1 - labels[known, a] * (features[known] @ v[:-1] + v[-1]), 0)
            return 0.5 * gap @ gap + 0.5 * v[:-1] @ v[:-1]

        found = cost(np.append(weights[:, a], intercepts[a]))
        assert found == pytest.approx(minimize(cost, np.zeros(7)).fun, rel=1e-4)
