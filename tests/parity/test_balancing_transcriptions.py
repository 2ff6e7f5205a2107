"""Balancers that no library covers, against the papers' algorithms written down again in float64, over 20 steps."""

import numpy as np
import pytest
import torch

from facetwise.objectives import BALANCERS, Shared

TASKS, PARAMETERS, STEPS = 4, 12, 20
ACTIVE = torch.ones(TASKS, dtype=torch.bool)


def problem(step: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Gradients (task, parameter) and losses of a step."""
    random = np.random.default_rng(step)
    gradients = random.normal(size=(TASKS, PARAMETERS)) * np.exp(random.normal(size=(TASKS, 1)))
    return torch.from_numpy(gradients), torch.from_numpy(np.exp(random.normal(size=TASKS)))


def step_of(balancer, gradients: torch.Tensor, losses: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The direction on shared parameters and the weights, for losses with the given values and gradients."""
    parameter = torch.nn.Parameter(torch.zeros(PARAMETERS, dtype=torch.float64))
    told = balancer.backward(gradients @ parameter + losses, ACTIVE, Shared(cut=[parameter], all=[parameter], own=[]))
    return parameter.grad, told


def made(name: str, **options: object):
    return BALANCERS[name](names=[f"n{n}" for n in range(TASKS)], seed=0, **options)


def same(ours: torch.Tensor, theirs: torch.Tensor) -> None:
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)


def test_gradnorm() -> None:
    """Chen et al. (2018, algorithm 1): autograd on L_grad, PyTorch's Adam, then the weights are rescaled."""
    balancer, alpha = made("gradnorm"), 1.5
    weights = torch.ones(TASKS, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([weights], lr=0.025)
    first = None
    for step in range(STEPS):
        gradients, losses = problem(step)
        first = losses if first is None else first
        direction, told = step_of(balancer, gradients, losses)
        same(told, weights.detach())
        same(direction, weights.detach() @ gradients)
        norms = weights * gradients.norm(dim=1)
        rate = losses / first
        target = (norms.mean() * (rate / rate.mean()) ** alpha).detach()
        optimizer.zero_grad()
        (norms - target).abs().sum().backward()
        optimizer.step()
        with torch.no_grad():
            weights *= TASKS / weights.sum()


def simplex(point: np.ndarray) -> np.ndarray:
    """The projection, by bisection on the shift."""
    low, high = point.min() - 1.0, point.max()
    for _ in range(200):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if np.maximum(point - middle, 0.0).sum() > 1.0 else (low, middle)
    return np.maximum(point - low, 0.0)


@pytest.mark.parametrize("scaled", [True, False])
@pytest.mark.parametrize("rho", [0.0, 0.2])
def test_moco(scaled: bool, rho: float) -> None:
    """Fernando et al. (2023, algorithm 1)."""
    balancer = made("moco", scaled=scaled, rho=rho, normalise=False)
    tracked, share = np.zeros((TASKS, PARAMETERS)), np.full(TASKS, 1.0 / TASKS)
    for step in range(STEPS):
        gradients, losses = problem(step)
        direction, told = step_of(balancer, gradients, losses)
        rows = gradients.numpy()
        if scaled:
            rows = rows / np.linalg.norm(rows, axis=1, keepdims=True) * losses.numpy()[:, None]
        tracked = tracked - 0.5 * (step + 1) ** -0.5 * (tracked - rows)
        slope = (tracked @ tracked.T + rho * np.eye(TASKS)) @ share
        share = simplex(share - 0.1 * (step + 1) ** -0.5 * slope)
        same(direction, torch.from_numpy(share @ tracked))
        same(told, torch.from_numpy(share * TASKS))


@pytest.mark.parametrize("power", [0.0, 0.5])
def test_db_mtl(power: float) -> None:
    """Lin et al. (2023, algorithm 1)."""
    balancer = made("db_mtl", beta_power=power, normalise=False)
    average = torch.zeros(TASKS, PARAMETERS, dtype=torch.float64)
    for step in range(STEPS):
        gradients, losses = problem(step)
        direction, _ = step_of(balancer, gradients, losses)
        memory = 0.9 / (step + 1) ** power
        average = memory * average + (1 - memory) * gradients / (losses + 1e-8)[:, None]
        norms = average.norm(dim=1)
        same(direction, (norms.max() / norms) @ average)


@pytest.mark.parametrize("name", ["moco", "db_mtl"])
def test_directions_have_the_length_of_equal_weighting(name: str) -> None:
    balancer = made(name)
    for step in range(5):
        gradients, losses = problem(step)
        direction, _ = step_of(balancer, gradients, losses)
        torch.testing.assert_close(direction.norm(), gradients.sum(dim=0).norm())


def test_imtl() -> None:
    """Liu et al. (2021, eq. 6): the closed form with difference matrices, on gradients of the scaled losses."""
    balancer = made("imtl", learning_rate=0.05, normalise=False)
    scale = torch.zeros(TASKS, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([scale], lr=0.05)
    for step in range(STEPS):
        gradients, losses = problem(step)
        head = torch.nn.Parameter(torch.zeros(TASKS, dtype=torch.float64))
        point = torch.nn.Parameter(torch.zeros(PARAMETERS, dtype=torch.float64))
        shared = Shared(cut=[point], all=[point], own=[head])
        balancer.backward(gradients @ point + losses + head, ACTIVE, shared)
        direction = point.grad
        same(head.grad, scale.detach().exp())  # each attribute's own parameters learn from its scaled loss
        rows = scale.detach().exp()[:, None] * gradients
        units = rows / rows.norm(dim=1, keepdim=True)
        apart, turned = rows[:1] - rows[1:], units[:1] - units[1:]
        rest = rows[0] @ turned.T @ torch.linalg.inv(apart @ turned.T)
        alpha = torch.cat([1.0 - rest.sum().reshape(1), rest])
        torch.testing.assert_close(direction, alpha @ rows, rtol=1e-7, atol=1e-9)
        optimizer.zero_grad()
        (scale.exp() * losses - scale).sum().backward()
        optimizer.step()


@pytest.mark.parametrize("scale", ["l2", "loss", "loss+"])
def test_mgda_with_scaled_gradients(scale: str) -> None:
    """Sener and Koltun's code: gradients are divided first, and the weights are those of the divided ones."""
    gradients, losses = problem(0)
    divisor = {"l2": gradients.norm(dim=1), "loss": losses, "loss+": losses * gradients.norm(dim=1)}[scale]
    direction, _ = step_of(made("mgda", scale=scale, normalise=False), gradients, losses)
    plain, _ = step_of(made("mgda", normalise=False), gradients / divisor[:, None], losses)
    torch.testing.assert_close(direction, plain, rtol=1e-9, atol=1e-11)
