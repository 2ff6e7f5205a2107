"""Every line of BALANCERS: an attribute without labels is no task; rows and names in any order."""

import pytest
import torch

from facetwise.objectives import BALANCERS

every_balancer = pytest.mark.parametrize("name", BALANCERS)
ACTIVE = torch.tensor([True, False, True, True])


def _losses(parameter: torch.Tensor, *, idle: float = 0.0) -> torch.Tensor:
    losses = parameter.square().sum(dim=1) + 0.1
    return torch.where(ACTIVE, losses, losses * 0.0 + idle)


def _parameter() -> torch.Tensor:
    return torch.randn(4, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64).requires_grad_()


@every_balancer
def test_is_described(name: str) -> None:
    assert "Source" in (BALANCERS[name].__doc__ or "")


@every_balancer
def test_one_finite_number_with_a_gradient(name: str) -> None:
    parameter = _parameter()
    combined = BALANCERS[name]().combine(_losses(parameter), ACTIVE)
    assert combined.shape == ()
    assert combined.dtype is torch.float64
    combined.backward()
    assert parameter.grad.isfinite().all()
    assert (parameter.grad[1] == 0).all()
    assert (parameter.grad[ACTIVE] != 0).any(dim=1).all()


@every_balancer
@pytest.mark.parametrize("idle", [0.0, 7.0])
def test_idle_attributes_are_no_task(name: str, idle: float) -> None:
    with_idle, without = _parameter(), _parameter()
    BALANCERS[name]().combine(_losses(with_idle, idle=idle), ACTIVE).backward()
    kept = _losses(without)[ACTIVE]
    BALANCERS[name]().combine(kept, torch.ones(3, dtype=torch.bool)).backward()
    torch.testing.assert_close(with_idle.grad, without.grad)


@every_balancer
def test_no_active_attribute_moves_nothing(name: str) -> None:
    parameter = _parameter()
    BALANCERS[name]().combine(_losses(parameter) * 0.0, torch.zeros(4, dtype=torch.bool)).backward()
    assert (parameter.grad == 0).all()


@every_balancer
def test_the_order_of_attributes_does_not_matter(name: str) -> None:
    order = torch.tensor([2, 0, 3, 1])
    first, second = _parameter(), _parameter()
    BALANCERS[name]().combine(_losses(first), ACTIVE).backward()
    BALANCERS[name]().combine(_losses(second)[order], ACTIVE[order]).backward()
    torch.testing.assert_close(first.grad, second.grad)
