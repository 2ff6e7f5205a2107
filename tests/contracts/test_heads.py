"""Every line of HEADS: one logit per name, drawn by name, each row its own, both shapes of what it reads."""

import inspect

import numpy as np
import pytest
import torch

from facetwise.models._fit import fitting
from facetwise.models.heads import HEADS, CosineHead, GroupSparseHead, Head, LinearHead, MlpHead
from facetwise.models.trunks import TRUNKS

NAMES = ["a00/red", "a00/blue", "a01/yes", "a02/>low", "a03/applies"]
OWNER, IDS = [0, 0, 1, 2, 3], ["a00", "a01", "a02", "a03"]
WIDTH = 6
every_head = pytest.mark.parametrize("name", HEADS)


def _head(name: str, columns: list[int] | None = None, *, seed: int = 0) -> Head:
    """A head of some of the logits, in some order; attributes are numbered as they come."""
    chosen = list(range(len(NAMES))) if columns is None else columns
    order = list(dict.fromkeys(OWNER[n] for n in chosen))
    given = {
        "names": [NAMES[n] for n in chosen],
        "owner": [order.index(OWNER[n]) for n in chosen],
        "attributes": [IDS[a] for a in order],
        "groups": list(range(len(order))),
        "width": WIDTH,
        "seed": seed,
    }
    return fitting(HEADS[name], given, {}).double().eval()


def _input(shape: str, order: list[int] | None = None) -> torch.Tensor:
    middle = {"batch width": [], "batch attribute width": [len(IDS)]}[shape]
    given = torch.randn(7, *middle, WIDTH, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return given if order is None or not middle else given[:, order]


@every_head
def test_is_described(name: str) -> None:
    assert HEADS[name].__doc__
    options = list(inspect.signature(HEADS[name].__init__).parameters.values())[1:]
    assert all(option.kind is inspect.Parameter.KEYWORD_ONLY for option in options)
    assert set(HEADS[name].accepts) <= {"batch width", "batch attribute width"}
    assert any(trunk.output in HEADS[name].accepts for trunk in TRUNKS.values())


@every_head
def test_one_logit_per_name(name: str) -> None:
    for shape in HEADS[name].accepts:
        assert _head(name)(_input(shape)).shape == (7, len(NAMES))
        assert _head(name)(_input(shape)[:1]).shape == (1, len(NAMES))


@every_head
def test_rows_are_drawn_by_name(name: str) -> None:
    order = [3, 0, 4, 1, 2]
    for shape in HEADS[name].accepts:
        mixed = _head(name, order)(_input(shape, [2, 0, 3, 1]))
        torch.testing.assert_close(mixed, _head(name)(_input(shape))[:, order], rtol=1e-12, atol=1e-12)
        fewer = _head(name, [0, 1])(_input(shape, [0]))
        torch.testing.assert_close(fewer, _head(name)(_input(shape))[:, :2], rtol=1e-12, atol=1e-12)
    other = _head(name, seed=1)
    assert any(not torch.equal(a, b) for a, b in zip(_head(name).parameters(), other.parameters(), strict=True))


@every_head
def test_a_logit_moves_the_rows_that_are_its_own(name: str) -> None:
    head = _head(name)
    # The attribute of logit 2 has no other logit.
    for shape in head.accepts:
        head.zero_grad()
        head(_input(shape))[:, 2].sum().backward()
        owners = {
            f"{path}.{key}".lstrip("."): rows
            for path, module in head.named_modules()
            if hasattr(module, "row_owners")
            for key, rows in module.row_owners().items()
        }
        for key, parameter in head.named_parameters():
            wanted = {"logit": 2, "attribute": 1}[owners[key].by]
            own = torch.tensor([index == wanted for index in owners[key].index])
            assert (parameter.grad[~own] == 0).all(), key
            if not key.endswith("norm.bias"):
                assert (parameter.grad[own] != 0).any(), key


@every_head
def test_no_names_no_logits(name: str) -> None:
    for shape in HEADS[name].accepts:
        assert _head(name, [])(_input(shape, [])).shape == (7, 0)


@every_head
def test_promises_are_kept(name: str) -> None:
    for shape in HEADS[name].accepts:
        logits, aux = _head(name).read(_input(shape))
        assert set(HEADS[name].provides) <= set(aux)
        if "cosine" in aux:
            assert (aux["cosine"].abs() <= 1 + 1e-12).all()
            torch.testing.assert_close(aux["cosine"] * aux["scale"], logits)


def test_linear_is_one_linear_layer_per_attribute() -> None:
    head = _head("linear")
    assert isinstance(head, LinearHead)
    flat, own = _input("batch width"), _input("batch attribute width")
    for place, rows in enumerate((slice(0, 2), slice(2, 3), slice(3, 4), slice(4, 5))):
        layer = torch.nn.Linear(WIDTH, rows.stop - rows.start).double()
        with torch.no_grad():
            layer.weight.copy_(head.weight[rows])
            layer.bias.copy_(head.bias[rows])
        torch.testing.assert_close(head(flat)[:, rows], layer(flat))
        torch.testing.assert_close(head(own)[:, rows], layer(own[:, place]))


def test_cosine_is_scale_times_the_angle() -> None:
    head = _head("cosine")
    assert isinstance(head, CosineHead)
    given = _input("batch attribute width")
    for logit, place in enumerate(OWNER):
        cosine = torch.nn.functional.cosine_similarity(given[:, place], head.weight[logit].expand(7, -1))
        torch.testing.assert_close(head(given)[:, logit], 14.2857 * cosine, rtol=1e-6, atol=1e-6)
    longer = head(3.0 * given)
    torch.testing.assert_close(longer, head(given))


@pytest.mark.parametrize("norm", ["layer", "batch", "none"])
@pytest.mark.parametrize("shape", ["batch width", "batch attribute width"])
def test_mlp_is_a_loop_over_towers(norm: str, shape: str) -> None:
    head = MlpHead(
        names=NAMES, owner=OWNER, attributes=IDS, width=WIDTH, seed=0, hidden=5, layers=2, norm=norm, dropout=0.0
    ).double()
    given = _input(shape)
    found = head(given)
    for logit, place in enumerate(OWNER):
        hidden = given if given.ndim == 2 else given[:, place]
        for bank in (head.towers.blocks[0], head.towers.blocks[4]):
            hidden = hidden @ bank.matrices[place] + bank.bias.view(bank.size, -1)[place]
            if norm == "layer":
                hidden = torch.nn.functional.layer_norm(hidden, (5,))
            if norm == "batch":
                hidden = torch.nn.functional.batch_norm(hidden, None, None, training=True)
            hidden = torch.nn.functional.gelu(hidden)
        torch.testing.assert_close(found[:, logit], hidden @ head.weight[logit] + head.bias[logit])


def test_group_sparse_step_is_the_minimum_it_claims() -> None:
    """Against numerical minimisation: v near θ, with the penalty; groups {a00, a01} and {a02}, {a03}."""
    head = GroupSparseHead(
        names=NAMES, owner=OWNER, groups=[0, 0, 1, 2], width=WIDTH, seed=0, group_norm=0.3, l1=0.1, frobenius=0.2
    ).double()
    rate, start = 0.7, head.weight.detach().clone()

    def cost(weight: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            head.weight.copy_(weight)
        return ((weight - start) ** 2).sum() / (2 * rate) + head.regulariser().detach()

    head.proximal_step(rate, torch.ones(4, dtype=torch.bool))
    best = head.weight.detach().clone()
    assert (best == 0).any()
    lowest = cost(best)
    generator = torch.Generator().manual_seed(0)
    for size in (1e-1, 1e-2, 1e-3, 1e-4):
        for _ in range(50):
            near = best + size * torch.randn(best.shape, generator=generator, dtype=torch.float64)
            assert cost(near) > lowest
            assert cost(torch.where(best == 0, best, near)) > lowest
        assert cost(best + size * (start - best)) > lowest


def test_a_sparse_step_leaves_absent_attributes_alone() -> None:
    head = GroupSparseHead(names=NAMES, owner=OWNER, groups=[0, 0, 1, 2], width=WIDTH, seed=0, group_norm=0.3)
    before = head.weight.detach().clone()
    head.proximal_step(0.5, torch.tensor([True, False, True, False]))
    moved = (head.weight != before).any(dim=1).tolist()
    assert moved == [True, True, False, True, False]


@every_head
def test_diagnostics_are_what_the_head_says_they_are(name: str) -> None:
    head = _head(name)
    told = head.diagnostics()
    assert told.keys() == head.facts.keys()
    counted = {"logit": len(NAMES), "attribute": len(IDS), "group": len(IDS), "latent": WIDTH}
    for key, value in told.items():
        assert np.shape(value) == tuple(counted[axis] for axis in head.facts[key].axes), key
    assert head.groups is None or len(head.groups) == len(NAMES)
