"""The composed model: one product for all logits, gates that sum to one, pairs that do not fit."""

import pytest
import torch

from facetwise.errors import ConfigError
from facetwise.models import Depth, build_model
from facetwise.models.heads import HEADS, LinearHead
from facetwise.schema import Attribute, Kind, Schema
from made_facets import made_schema, shuffled

SCHEMA = made_schema()


def test_the_packed_product_is_a_loop_over_heads() -> None:
    model = build_model(SCHEMA, levels=[5], trunk_options={"width": 7}).double().eval()
    features = torch.randn(9, 5, dtype=torch.float64)
    packed = model(features)
    for block in SCHEMA.layout().blocks:
        alone = torch.nn.functional.linear(
            packed.features, model.head.weight[block.logits], model.head.bias[block.logits]
        )
        torch.testing.assert_close(packed.logits[:, block.logits], alone)


def test_depth_is_its_formula() -> None:
    owner, levels = SCHEMA.layout().owner, [3, 4, 2]
    depth = Depth(owner=owner, attributes=len(SCHEMA.attributes), levels=levels).double()
    with torch.no_grad():
        depth.weight.normal_()
        depth.gate.normal_()
    features = torch.randn(6, 9, dtype=torch.float64)
    found = depth(features)
    torch.testing.assert_close(depth.gates().sum(dim=1), torch.ones(len(SCHEMA.attributes), dtype=torch.float64))
    for logit, attribute in enumerate(owner):
        expected = torch.zeros(6, dtype=torch.float64)
        for level, (part, weight) in enumerate(
            zip(features.split(levels, 1), depth.weight[logit].split(levels), strict=True)
        ):
            reach = 4 / levels[level]
            expected = expected + depth.gate[attribute].softmax(0)[level] * reach * (part @ weight)
        torch.testing.assert_close(found[:, logit], expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_what_depth_learns_is_what_plain_products_learn(dtype: torch.dtype) -> None:
    """To the last bit, for weights, gates and features, whatever else holds on to the gradient."""
    owner, levels = SCHEMA.layout().owner, [3, 4, 2]
    depth = Depth(owner=owner, attributes=len(SCHEMA.attributes), levels=levels).to(dtype)
    with torch.no_grad():
        depth.weight.normal_()
        depth.gate.normal_()
    features = torch.randn(6, 9, dtype=dtype, requires_grad=True)
    learned = (depth.weight, depth.gate, features)
    wanted = torch.randn(6, len(owner), dtype=dtype)
    shares = (depth.gates() * depth.reach)[depth.owner]
    folded = torch.cat([depth.weight.split(levels, 1)[n] * shares[:, n : n + 1] for n in range(3)], dim=1)
    plain = torch.nn.functional.linear(features, folded)
    expected = torch.autograd.grad(plain, learned, wanted)
    ours = depth(features)
    assert torch.equal(ours, plain)
    for _ in range(2):  # a balancer may go back more than once
        found = torch.autograd.grad(ours, learned, wanted, retain_graph=True)
        assert torch.equal(found[0], expected[0])
        assert torch.equal(found[2], expected[2])
        torch.testing.assert_close(found[1], expected[1])
    with torch.no_grad():
        assert torch.equal(depth(features), plain)

    def total(parameters: dict[str, torch.Tensor], row: torch.Tensor) -> torch.Tensor:
        return (torch.func.functional_call(depth, parameters, (row[None],)) * wanted[0]).sum()

    each = torch.func.vmap(torch.func.grad(total), in_dims=(None, 0))(dict(depth.named_parameters()), features)
    assert each["weight"].shape == (6, *depth.weight.shape)


def test_training_begins_from_the_trunk_alone() -> None:
    with_depth = build_model(SCHEMA, levels=[3, 2], trunk_options={"width": 4}).eval()
    without = build_model(SCHEMA, levels=[3, 2], trunk_options={"width": 4}, depth=False).eval()
    features = torch.randn(4, 5)
    assert torch.equal(with_depth(features).logits, without(features).logits)
    assert build_model(SCHEMA, levels=[5]).depth is None


def test_a_new_attribute_leaves_the_others_parameters_alone() -> None:
    more = Schema(
        images=SCHEMA.images,
        category=SCHEMA.category,
        attributes=(Attribute(column="new", id="a99", kind=Kind.BINARY, classes=("no", "yes")), *SCHEMA.attributes),
    )
    one, two = build_model(SCHEMA, levels=[5]), build_model(more, levels=[5])
    where = {name: n for n, name in enumerate(more.layout().names)}
    for n, name in enumerate(SCHEMA.layout().names):
        assert torch.equal(one.head.weight[n], two.head.weight[where[name]])
    for a, b in zip(one.trunk.parameters(), two.trunk.parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_pair_that_does_not_fit_names_both(monkeypatch: pytest.MonkeyPatch) -> None:
    class Other(LinearHead):
        accepts = ("batch attribute width",)

    monkeypatch.setitem(HEADS, "other", Other)
    with pytest.raises(ConfigError) as caught:
        build_model(SCHEMA, levels=[5], head="other")
    for word in ("shared", "other", "batch width", "batch attribute width"):
        assert word in str(caught.value)


def test_state_comes_back_into_another_order_of_building() -> None:
    import numpy as np

    other = shuffled(SCHEMA, np.random.default_rng(0))
    assert sorted(build_model(SCHEMA, levels=[3, 2]).state_dict()) == sorted(
        build_model(other, levels=[3, 2]).state_dict()
    )


def test_every_level_moves_a_logit_equally_far_in_a_step() -> None:
    """A first step of Adam is the sign of the gradient times the learning rate; features of one size make it exact."""
    levels = [2, 16, 64]
    depth = Depth(owner=[0], attributes=1, levels=levels)
    features = torch.randint(0, 2, (1, sum(levels)), generator=torch.Generator().manual_seed(0)) * 2.0 - 1.0
    optimizer = torch.optim.Adam([depth.weight], lr=0.1)
    depth(features).sum().backward()
    optimizer.step()
    with torch.no_grad():
        alone = torch.block_diag(*features.split(levels, 1))  # one row per level, the others zero
        parts = depth(alone).flatten().tolist()
    assert parts == pytest.approx([parts[0]] * 3, rel=1e-5)
    assert abs(parts[0]) > 0.1


def test_models_of_before_have_no_reach() -> None:
    model = build_model(SCHEMA, levels=[3, 4], even_reach=False)
    assert model.depth is not None
    assert model.depth.reach.tolist() == [1.0, 1.0]
    assert build_model(SCHEMA, levels=[3, 4]).depth.reach.tolist() == pytest.approx([4 / 3, 1.0])
