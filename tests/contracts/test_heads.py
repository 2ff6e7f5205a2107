"""Every line of HEADS: one logit per name, drawn by name, each row its own."""

import inspect

import pytest
import torch

from facetwise.models.heads import HEADS, LinearHead
from facetwise.models.trunks import TRUNKS

NAMES = ["a00/red", "a00/blue", "a01/yes", "a02/>low", "a03/applies"]
WIDTH = 6
every_head = pytest.mark.parametrize("name", HEADS)


def _input(shape: str) -> torch.Tensor:
    assert shape == "batch width", "add how a head of this shape is called"
    return torch.randn(7, WIDTH, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@every_head
def test_is_described(name: str) -> None:
    assert HEADS[name].__doc__
    options = list(inspect.signature(HEADS[name].__init__).parameters.values())[1:]
    assert all(option.kind is inspect.Parameter.KEYWORD_ONLY for option in options)
    assert set(HEADS[name].accepts) <= {"batch width", "batch attribute width"}
    assert any(trunk.output in HEADS[name].accepts for trunk in TRUNKS.values())


@every_head
def test_one_logit_per_name(name: str) -> None:
    head = HEADS[name](names=NAMES, width=WIDTH, seed=0).double()
    for shape in HEADS[name].accepts:
        assert head(_input(shape)).shape == (7, len(NAMES))


@every_head
def test_rows_are_drawn_by_name(name: str) -> None:
    order = [3, 0, 4, 1, 2]
    head = HEADS[name](names=NAMES, width=WIDTH, seed=0).double()
    mixed = HEADS[name](names=[NAMES[n] for n in order], width=WIDTH, seed=0).double()
    for shape in HEADS[name].accepts:
        torch.testing.assert_close(mixed(_input(shape)), head(_input(shape))[:, order], rtol=1e-12, atol=1e-12)
    fewer = HEADS[name](names=NAMES[:2], width=WIDTH, seed=0).double()
    for parameter, part in zip(head.parameters(), fewer.parameters(), strict=True):
        assert torch.equal(parameter[:2], part)
    other = HEADS[name](names=NAMES, width=WIDTH, seed=1).double()
    assert any(not torch.equal(a, b) for a, b in zip(head.parameters(), other.parameters(), strict=True))


@every_head
def test_a_logit_moves_its_own_rows_only(name: str) -> None:
    head = HEADS[name](names=NAMES, width=WIDTH, seed=0).double()
    for shape in HEADS[name].accepts:
        head.zero_grad()
        head(_input(shape))[:, 2].sum().backward()
        for parameter in head.parameters():
            others = [n for n in range(len(NAMES)) if n != 2]
            assert (parameter.grad[others] == 0).all()
            assert (parameter.grad[2] != 0).any()


@every_head
def test_no_names_no_logits(name: str) -> None:
    head = HEADS[name](names=[], width=WIDTH, seed=0).double()
    for shape in HEADS[name].accepts:
        assert head(_input(shape)).shape == (7, 0)


def test_linear_is_one_linear_layer_per_attribute() -> None:
    head = LinearHead(names=NAMES, width=WIDTH, seed=0).double()
    given = _input("batch width")
    for rows in (slice(0, 2), slice(2, 3), slice(3, 4), slice(4, 5)):
        layer = torch.nn.Linear(WIDTH, rows.stop - rows.start).double()
        with torch.no_grad():
            layer.weight.copy_(head.weight[rows])
            layer.bias.copy_(head.bias[rows])
        torch.testing.assert_close(head(given)[:, rows], layer(given))
