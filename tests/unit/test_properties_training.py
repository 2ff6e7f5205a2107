"""The whole, schema to gradient, in float64: permuting columns, classes or rows changes neither loss nor gradient."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from facetwise.models import FacetModel, build_model
from facetwise.models._initial import draw_rows
from facetwise.objectives import BALANCERS, REWEIGHTING, Outputs, class_weights, count_classes
from facetwise.schema import Labels, Schema
from facetwise.training._shared import shared_of
from made_facets import (
    forget,
    made_features,
    made_labels,
    made_objective,
    made_schema,
    made_targets,
    recoded,
    shuffled,
)

LEVELS = [4, 5, 3]
ITEMS = 16
SCHEMA = made_schema()
seeds = st.integers(0, 2**20)
# Pseudo-inverses and eigenvectors of a Gramian whose condition is about 1e5.
SOLVED = {name: 1.0 if balancer.needs == "losses" else 1e4 for name, balancer in BALANCERS.items()}
# Signed weights that nearly cancel are scaled up to their total, and their rounding with them.
SOLVED |= dict.fromkeys(("imtl", "imtl_g"), 1000000.0)
# The same examples every time: a system that is nearly singular may come up in any random one.
whole = settings(max_examples=15, deadline=None, derandomize=True)
few = settings(max_examples=2, deadline=None, derandomize=True)


def _model(schema: Schema) -> FacetModel:
    model = build_model(schema, levels=LEVELS, trunk_options={"width": 6}, seed=7)
    names = schema.layout().names
    with torch.no_grad():  # the levels' part starts at zero, where every order looks alike
        model.depth.weight.copy_(draw_rows(7, [f"depth/{name}" for name in names], sum(LEVELS), 0.3))
        model.depth.gate.copy_(draw_rows(7, [f"gate/{a.id}" for a in schema.attributes], len(LEVELS), 1.0))
    return model.double().eval()


def _gradients(
    schema: Schema, labels: Labels, features: np.ndarray, reweighting: str, balancing: str
) -> tuple[float, dict[str, torch.Tensor], dict[str, float]]:
    """Combined loss, gradients by name of the row, losses by attribute id."""
    model, layout = _model(schema), schema.layout()
    weights = class_weights(schema, count_classes(schema, labels), REWEIGHTING[reweighting](), progress=0.0)
    objective = made_objective(schema)
    shared = shared_of(model, objective, watch=True)
    outputs = Outputs(*model(torch.from_numpy(features).double()))
    losses, active = objective(outputs, made_targets(schema, labels), weights).mean()
    balancer = BALANCERS[balancing](names=[a.id for a in schema.attributes], seed=3)
    combined = (balancer.backward(losses, active, shared) * losses).sum()
    rows: dict[str, torch.Tensor] = {}
    for name, parameter in model.named_parameters():
        packed = {"head.weight": layout.names, "head.bias": layout.names, "depth.weight": layout.names}
        keys = packed.get(name, [a.id for a in schema.attributes] if name == "depth.gate" else None)
        if keys is None:
            rows[name] = parameter.grad
        else:
            rows |= {f"{name}/{key}": parameter.grad[n] for n, key in enumerate(keys)}
    losses = losses.detach()
    return combined.item(), rows, {a.id: losses[n].item() for n, a in enumerate(schema.attributes)}


def _same(first: tuple, second: tuple, *, solved: float = 1.0) -> None:
    """Equal to rounding; `solved` is how much a linear system in between may have magnified it."""
    assert first[0] == pytest.approx(second[0], rel=1e-12 * solved)
    assert first[1].keys() == second[1].keys()
    for name, gradient in first[1].items():
        torch.testing.assert_close(
            second[1][name], gradient, rtol=1e-9 * solved, atol=1e-12 * solved, msg=lambda text, n=name: f"{n}: {text}"
        )
    for key, loss in first[2].items():
        assert second[2][key] == pytest.approx(loss, rel=1e-11, abs=1e-13)


@pytest.mark.parametrize(
    ("reweighting", "balancing"), [*((name, "equal") for name in REWEIGHTING), *(("sqrt", name) for name in BALANCERS)]
)
@few
@given(seed=seeds)
def test_columns_and_classes_in_any_order(reweighting: str, balancing: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = made_labels(SCHEMA, ITEMS, seed=seed)
    features = made_features(labels, SCHEMA, sum(LEVELS), seed=seed)
    other = shuffled(SCHEMA, rng)
    first = _gradients(SCHEMA, labels, features, reweighting, balancing)
    _same(
        first,
        _gradients(other, recoded(SCHEMA, other, labels), features, reweighting, balancing),
        solved=SOLVED[balancing],
    )


@pytest.mark.parametrize("balancing", ["equal", "upgrad"])  # tests/contracts has the others
@whole
@given(seed=seeds)
def test_rows_in_any_order(balancing: str, seed: int) -> None:
    labels = made_labels(SCHEMA, ITEMS, seed=seed)
    features = made_features(labels, SCHEMA, sum(LEVELS), seed=seed)
    order = np.random.default_rng(seed).permutation(ITEMS)
    first = _gradients(SCHEMA, labels, features, "sqrt", balancing)
    _same(first, _gradients(SCHEMA, labels.take(order), features[order], "sqrt", balancing), solved=SOLVED[balancing])


@pytest.mark.parametrize("balancing", ["equal", "upgrad"])  # tests/contracts has the others
@whole
@given(seed=seeds)
def test_masking_equals_removal(balancing: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = made_labels(SCHEMA, ITEMS, seed=seed)
    features = made_features(labels, SCHEMA, sum(LEVELS), seed=seed)
    hidden = np.flatnonzero(rng.random(ITEMS) < 0.4)
    kept = np.setdiff1d(np.arange(ITEMS), hidden)
    masked = _gradients(SCHEMA, forget(SCHEMA, labels, hidden), features, "balanced", balancing)
    _same(
        masked, _gradients(SCHEMA, labels.take(kept), features[kept], "balanced", balancing), solved=SOLVED[balancing]
    )


@whole
@given(seed=seeds, place=st.integers(0, len(SCHEMA.attributes) - 1))
def test_an_attribute_that_nobody_labels_moves_nothing_of_its_own(seed: int, place: int) -> None:
    labels = made_labels(SCHEMA, ITEMS, seed=seed)
    features = made_features(labels, SCHEMA, sum(LEVELS), seed=seed)
    _, rows, losses = _gradients(SCHEMA, forget(SCHEMA, labels, np.arange(ITEMS), [place]), features, "none", "equal")
    attribute = SCHEMA.attributes[place]
    assert losses[attribute.id] == 0
    read_by_others = attribute.column in ("fine", "coarse", "department")  # levels above teach through the same logits
    for name, gradient in rows.items():
        if f"/{attribute.id}" in name and not read_by_others:
            assert (gradient == 0).all(), name


def test_the_order_of_the_names_does_not_reach_the_parameters() -> None:
    other = shuffled(SCHEMA, np.random.default_rng(1))
    first, second = _model(SCHEMA), _model(other)
    where = {name: n for n, name in enumerate(other.layout().names)}
    for n, name in enumerate(SCHEMA.layout().names):
        assert torch.equal(first.head.weight[n], second.head.weight[where[name]])
