"""Every line of TRUNKS: the declared output, the shared cut, rows, modes, rows that belong to attributes."""

import inspect

import numpy as np
import pytest
import torch

from facetwise.models import build_model
from facetwise.models._fit import fitting
from facetwise.models._initial import initialise
from facetwise.models.trunks import TRUNKS, SharedTrunk, Trunk
from facetwise.objectives import Outputs
from made_facets import even_weights, made_labels, made_objective, made_schema, made_targets

LEVELS, ITEMS, IDS = [6, 4], 40, ["a00", "a01", "a07"]
FEATURES = sum(LEVELS)
_PARTS = (torch.nn.Linear, torch.nn.LayerNorm)
every_trunk = pytest.mark.parametrize("name", TRUNKS)


def _trunk(name: str, ids: list[str] = IDS, **options: object) -> Trunk:
    given = {"features": FEATURES, "levels": LEVELS, "attributes": ids, "categories": [], "before": "", "seed": 0}
    trunk = fitting(TRUNKS[name], given, options)
    initialise(trunk, 0, "trunk")
    return trunk.double().eval()


def _input(items: int = ITEMS) -> torch.Tensor:
    return torch.randn(items, FEATURES, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@every_trunk
def test_is_described(name: str) -> None:
    assert "Source" in (TRUNKS[name].__doc__ or "")
    options = list(inspect.signature(TRUNKS[name].__init__).parameters.values())[1:]
    assert all(option.kind is inspect.Parameter.KEYWORD_ONLY for option in options)


@every_trunk
@pytest.mark.parametrize("ids", [IDS, IDS[:1], [f"a{n}" for n in range(70)]], ids=len)
def test_declared_output_is_true(name: str, ids: list[str]) -> None:
    trunk = _trunk(name, ids)
    result = trunk(_input())
    assert result.dtype is torch.float64
    assert result.isfinite().all()
    middle = {"batch width": [], "batch attribute width": [len(ids)]}[trunk.output]
    assert list(result.shape) == [ITEMS, *middle, trunk.width]


@every_trunk
def test_rows_do_not_see_each_other(name: str) -> None:
    trunk, given = _trunk(name).train(), _input()
    for module in trunk.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    whole = trunk(given)
    torch.testing.assert_close(trunk(given[:1]), whole[:1])
    torch.testing.assert_close(trunk(given.flip(0)).flip(0), whole)


@every_trunk
def test_parameters_of_an_attribute_come_from_its_name(name: str) -> None:
    one, two = _trunk(name, ["a00", "a01", "a07"]), _trunk(name, ["a07", "a00", "a99", "a01"])
    first, second = one(_input()), two(_input())
    if one.output == "batch attribute width":
        second = second[:, [1, 3, 0]]
    torch.testing.assert_close(first, second, rtol=1e-12, atol=1e-12)


@every_trunk
def test_initial_parameters_come_from_the_seed_alone(name: str) -> None:
    schema = made_schema()
    torch.manual_seed(1)
    first = build_model(schema, levels=LEVELS, trunk=name, seed=3)
    torch.manual_seed(2)
    second = build_model(schema, levels=LEVELS, trunk=name, seed=3)
    other = build_model(schema, levels=LEVELS, trunk=name, seed=4)
    for (key, a), b in zip(first.state_dict().items(), second.state_dict().values(), strict=True):
        assert torch.equal(a, b), key
    assert any(not torch.equal(a, b) for a, b in zip(first.parameters(), other.parameters(), strict=True))


@every_trunk
def test_every_attribute_reaches_the_shared_cut(name: str) -> None:
    schema = made_schema()
    labels = made_labels(schema, ITEMS)
    model = build_model(schema, levels=LEVELS, trunk=name).double().eval()
    cut = model.trunk.shared_cut()
    shared = {id(parameter) for parameter in model.trunk.shared_parameters()}
    assert all(id(parameter) in shared for parameter in cut)
    assert bool(shared) is bool(cut)
    outputs = Outputs(*model(_input()))
    losses, active = made_objective(schema)(outputs, made_targets(schema, labels), even_weights(schema)).mean()
    assert active.all()
    for place, attribute in enumerate(schema.attributes):
        gradients = torch.autograd.grad(losses[place], cut, retain_graph=True, allow_unused=True) if cut else ()
        assert all(g is not None and g.isfinite().all() for g in gradients), attribute.column
        assert any((g != 0).any() for g in gradients if g is not None) or not cut, attribute.column


@every_trunk
def test_shared_and_owned_parameters_are_all_there_are(name: str) -> None:
    model = build_model(made_schema(), levels=LEVELS, trunk=name)
    owned = {key for key, rows in model.row_owners().items() if key.startswith("trunk.") and rows.by == "attribute"}
    shared = {id(parameter) for parameter in model.trunk.shared_parameters()}
    for key, parameter in model.named_parameters():
        if key.startswith("trunk."):
            assert (id(parameter) in shared) is not (key in owned), key
            assert key not in owned or len(model.row_owners()[key].index) == len(parameter)


@every_trunk
def test_diagnostics_are_numbers_by_attribute(name: str) -> None:
    trunk = _trunk(name)
    with torch.no_grad():
        told = trunk.diagnostics(_input().double())
    for key, value in told.items():
        assert torch.as_tensor(value).isfinite().all(), key
        axes = trunk.facts[key].axes
        assert len(axes) == np.ndim(value), key
        assert all(np.shape(value)[at] == len(IDS) for at, axis in enumerate(axes) if axis == "attribute"), key
    assert trunk.facts.keys() == told.keys()
    for key in ("gate", "attention"):
        if key in told:
            assert told[key].shape[0] == len(IDS)
            torch.testing.assert_close(torch.tensor(told[key]).sum(dim=1), torch.ones(len(IDS), dtype=torch.float64))


def test_shared_is_its_formula() -> None:
    trunk = SharedTrunk(features=FEATURES, width=6, layers=2).double().eval()
    expected = _input()
    for linear, norm in zip(*([m for m in trunk.modules() if isinstance(m, kind)] for kind in _PARTS), strict=True):
        bent = expected @ linear.weight.T + linear.bias
        centred = bent - bent.mean(dim=1, keepdim=True)
        normed = centred / (centred.square().mean(dim=1, keepdim=True) + norm.eps).sqrt() * norm.weight + norm.bias
        expected = normed * 0.5 * (1 + torch.erf(normed / 2**0.5))
    torch.testing.assert_close(trunk(_input()), expected)
