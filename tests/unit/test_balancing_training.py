"""Balancers in the training step: the real model, every trunk, hierarchies and applicability, resumption."""

import numpy as np
import pytest
import torch

from facetwise.config import Config
from facetwise.models import FacetModel, build_model
from facetwise.models.trunks import TRUNKS
from facetwise.objectives import BALANCERS, Balancer, Outputs, Shared, Targets, class_weights, count_classes
from facetwise.objectives.balancing._gradients import gramian_of, jacobian, spread_gradients, tap_gramian
from facetwise.objectives.reweighting import REWEIGHTING
from facetwise.training import BlockAdamW, Step, parameter_groups, training_step
from facetwise.training._shared import shared_of
from made_facets import made_features, made_labels, made_objective, made_schema, made_targets

LEVELS, ITEMS = [4, 5, 3], 24
SCHEMA = made_schema()
NAMES = [attribute.column for attribute in SCHEMA.attributes]
LABELS = made_labels(SCHEMA, ITEMS, seed=3)
WEIGHTS = class_weights(SCHEMA, count_classes(SCHEMA, LABELS), REWEIGHTING["sqrt"](), progress=0.0)
# `query` reads tokens and is tried with its own features elsewhere.
WITH_A_CUT = [name for name in TRUNKS if name not in ("linear", "multihead", "query")]


def _features() -> torch.Tensor:
    return torch.from_numpy(made_features(LABELS, SCHEMA, sum(LEVELS), seed=5)).double()


def _parts(trunk: str, views: int = 0) -> tuple[FacetModel, Shared, torch.Tensor, torch.Tensor]:
    model = build_model(SCHEMA, levels=LEVELS, trunk=trunk, views=views > 0, seed=7).double().eval()
    objective = made_objective(SCHEMA)
    shared = shared_of(model, objective, watch=True)
    features = _features()
    if views:  # every item has two pictures, every third one only one
        features = torch.stack([features, features.flip(0)], dim=1)
        features[::3, 1] = torch.nan
    losses, active = objective(Outputs(*model(features)), made_targets(SCHEMA, LABELS), WEIGHTS).mean()
    return model, shared, losses, active


@pytest.mark.parametrize("views", [0, 2])
@pytest.mark.parametrize("trunk", WITH_A_CUT)
def test_gradients_of_the_real_model(trunk: str, views: int) -> None:
    """Parents read their children's logits, applicability has logits of its own: the short cuts see all of it."""
    model, shared, losses, active = _parts(trunk, views)
    places = np.flatnonzero(active.numpy())
    exact = gramian_of(jacobian(losses, places, shared.cut, shared))
    taps, head = shared.taken()
    if taps:
        found = tap_gramian(taps, spread_gradients(losses, places, taps, head).at_taps)
        np.testing.assert_allclose(found, exact, rtol=1e-8, atol=1e-12 * exact.max())
    each = torch.eye(len(losses), dtype=losses.dtype)[places]
    rows = [torch.autograd.grad(losses, shared.all, row, retain_graph=True, allow_unused=True) for row in each]

    weights = BALANCERS["upgrad"](names=NAMES, seed=0).backward(losses, active, shared)
    for place, parameter in enumerate(shared.all):
        parts = [torch.zeros_like(parameter) if row[place] is None else row[place] for row in rows]
        expected = torch.tensordot(weights[places], torch.stack(parts), dims=1)
        found = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-10)

    alone, _, losses, active = _parts(trunk, views)
    losses.sum().backward()
    own = {id(parameter) for parameter in shared.own}
    for mine, theirs in zip(model.parameters(), alone.parameters(), strict=True):
        if id(mine) in own and theirs.grad is not None:
            torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-8, atol=1e-10)


def test_the_plain_trunk_takes_the_short_way() -> None:
    _, shared, losses, active = _parts("shared")
    assert shared.watched
    assert len(shared.taps) == 1
    taps, head = shared.taken()
    assert head.matrix is not None
    spread = spread_gradients(losses, np.flatnonzero(active.numpy()), taps, head)
    assert spread.beginning is not None


def _step(balancer: Balancer, trunk: str = "shared") -> Step:
    config = Config(learning_rate=0.01)
    model = build_model(SCHEMA, levels=LEVELS, trunk=trunk, trunk_options={"width": 8, "dropout": 0.2}, seed=7).train()
    return Step(
        model=model,
        objective=made_objective(SCHEMA),
        balancer=balancer,
        optimizer=BlockAdamW(parameter_groups(model, SCHEMA, config)),
        clip=1.0,
    )


def _targets() -> Targets:
    return made_targets(SCHEMA, LABELS, torch.float32)


@pytest.mark.parametrize("name", BALANCERS)
def test_training_steps_lower_the_losses(name: str) -> None:
    """Fifteen steps with dropout, clipping and the optimiser, on all kinds of attributes."""
    step = _step(BALANCERS[name](names=NAMES, seed=0))
    features, targets = _features().float(), _targets()
    told = []
    for number in range(15):
        step.balancer.begin_epoch(number // 5)
        told.append(training_step(step, features, targets, WEIGHTS, before=lambda: torch.manual_seed(1))[0])
    assert torch.stack(told).isfinite().all()
    assert told[-1].sum() < told[0].sum()


def test_the_second_look_sees_the_step_and_not_the_dropout() -> None:
    """Without a step there is nothing to see: with the same dropout the logarithms have not moved."""
    step = _step(BALANCERS["famo"](names=NAMES, seed=0, decay=0.0))
    step.optimizer.scale = 0.0
    for _ in range(4):
        training_step(step, _features().float(), _targets(), WEIGHTS, before=lambda: torch.manual_seed(2))
    assert np.abs(step.balancer.state["logit"]).max() < 1e-6
    training_step(step, _features().float(), _targets(), WEIGHTS)
    assert np.abs(step.balancer.state["logit"]).max() > 1e-3


@pytest.mark.parametrize("every", [1, 2, 3])
def test_a_second_look_is_paid_for_in_every_so_many_steps(every: int) -> None:
    step = _step(BALANCERS["famo"](names=NAMES, seed=0, every=every))
    passes: list[bool] = []
    step.model.register_forward_hook(lambda *_: passes.append(torch.is_grad_enabled()))
    for number in range(6):
        before = step.balancer.state["logit"].copy()
        training_step(step, _features().float(), _targets(), WEIGHTS)
        assert (step.balancer.state["logit"] != before).any() == (number % every == 0)
    assert passes.count(True) == 6
    assert passes.count(False) == 6 // every
