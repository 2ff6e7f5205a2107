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
whole = settings(max_examples=15, deadline=None)


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
    outputs = Outputs(*model(torch.from_numpy(features).double()))
    losses, active = made_objective(schema)(outputs, made_targets(schema, labels), weights).mean()
    combined = BALANCERS[balancing]().combine(losses, active)
    combined.backward()
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


def _same(first: tuple, second: tuple) -> None:
    assert first[0] == pytest.approx(second[0], rel=1e-12)
    assert first[1].keys() == second[1].keys()
    for name, gradient in first[1].items():
        torch.testing.assert_close(
            second[1][name], gradient, rtol=1e-9, atol=1e-12, msg=lambda text, n=name: f"{n}: {text}"
        )
    for key, loss in first[2].items():
        assert second[2][key] == pytest.approx(loss, rel=1e-11, abs=1e-13)


@pytest.mark.parametrize("balancing", BALANCERS)
@pytest.mark.parametrize("reweighting", REWEIGHTING)
@whole
@given(seed=seeds)
def test_columns_and_classes_in_any_order(reweighting: str, balancing: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = made_labels(SCHEMA, ITEMS, seed=seed)
    features = made_features(labels, SCHEMA, sum(LEVELS), seed=seed)
    other = shuffled(SCHEMA, rng)
    first = _gradients(SCHEMA, labels, features, reweighting, balancing)
    _same(first, _gradients(other, recoded(SCHEMA, other, labels), features, reweighting, balancing))


@pytest.mark.parametrize("balancing", BALANCERS)
@whole
@given(seed=seeds)
def test_rows_in_any_order(balancing: str, seed: int) -> None:
    labels = made_labels(SCHEMA, ITEMS, seed=seed)
    features = made_features(labels, SCHEMA, sum(LEVELS), seed=seed)
    order = np.random.default_rng(seed).permutation(ITEMS)
    first = _gradients(SCHEMA, labels, features, "sqrt", balancing)
    _same(first, _gradients(SCHEMA, labels.take(order), features[order], "sqrt", balancing))


@pytest.mark.parametrize("balancing", BALANCERS)
@whole
@given(seed=seeds)
def test_masking_equals_removal(balancing: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = made_labels(SCHEMA, ITEMS, seed=seed)
    features = made_features(labels, SCHEMA, sum(LEVELS), seed=seed)
    hidden = np.flatnonzero(rng.random(ITEMS) < 0.4)
    kept = np.setdiff1d(np.arange(ITEMS), hidden)
    masked = _gradients(SCHEMA, forget(SCHEMA, labels, hidden), features, "balanced", balancing)
    _same(masked, _gradients(SCHEMA, labels.take(kept), features[kept], "balanced", balancing))


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
