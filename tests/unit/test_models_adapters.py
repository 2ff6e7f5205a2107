"""Adapters: what they compute, what they keep, and how they compose."""

import numpy as np
import pytest
import torch

from facetwise.errors import ConfigError
from facetwise.models import FacetModel, build_model
from facetwise.models.adapters import ADAPTERS, CategoryAdapter, GateAdapter, SharedAdapter
from facetwise.schema import Schema
from made_facets import made_schema

SCHEMA, LEVELS, ITEMS = made_schema(), [3, 5], 6
CHAINS = [
    [("shared", {"width": 7})],
    [("gate", {"hidden": 4})],
    [("category", {"embedding": 4})],
    [("category", {"embedding": 0, "width": 5})],
    [("gate", {}), ("category", {})],
    [("shared", {"width": 7, "norm": "batch", "activation": "relu"}), ("gate", {}), ("category", {"width": 6})],
]


def _features() -> torch.Tensor:
    return torch.randn(ITEMS, sum(LEVELS), generator=torch.Generator().manual_seed(0))


def _category(**options: object) -> CategoryAdapter:
    return CategoryAdapter(levels=LEVELS, categories=["shirt", "shoe", "bag"], seed=0, **options).eval()


def _model(chain: list[tuple[str, dict[str, object]]], **options: object) -> FacetModel:
    return build_model(SCHEMA, levels=LEVELS, adapters=chain, **options)


@pytest.mark.parametrize("chain", CHAINS, ids=lambda chain: "-".join(name for name, _ in chain))
@pytest.mark.parametrize("trunk", ["shared", "mmoe", "multihead"])
def test_chains_compose_with_trunks(chain: list[tuple[str, dict[str, object]]], trunk: str) -> None:
    model = _model(chain, trunk=trunk)
    for training, items in ((True, ITEMS), (True, 1), (False, ITEMS)):
        logits = model.train(training)(_features()[:items]).logits
        assert logits.shape == (items, SCHEMA.layout().num_logits)
        assert logits.isfinite().all()
    other = _model(chain, trunk=trunk, seed=1)
    assert torch.equal(
        _model(chain, trunk=trunk).eval()(_features()).logits, _model(chain, trunk=trunk).eval()(_features()).logits
    )
    assert not torch.equal(model.adapters[0].state_dict()[next(iter(model.adapters[0].state_dict()))], torch.empty(0))
    assert any(
        not torch.equal(a, b) for a, b in zip(model.adapters.parameters(), other.adapters.parameters(), strict=True)
    )
    assert {id(p) for p in model.adapters.parameters()} <= {id(p) for p in model.shared_parameters()}


def test_gate_has_a_weight_for_every_feature_of_every_item() -> None:
    """The public attribute classifier computes one number per picture where a weight per feature is promised."""
    gate = GateAdapter(levels=LEVELS, hidden=4)
    weights = gate(_features()) / _features()
    assert weights.shape == (ITEMS, sum(LEVELS))
    assert (weights.std(dim=1) > 1e-3).all()
    first, last = gate.attention[0], gate.attention[2]
    expected = torch.sigmoid((_features() @ first.weight.T + first.bias).relu() @ last.weight.T + last.bias)
    torch.testing.assert_close(weights, expected)


def test_what_comes_in_parts_goes_out_in_parts() -> None:
    assert GateAdapter(levels=LEVELS).levels == (3, 5)
    assert SharedAdapter(levels=LEVELS, width=7).levels == (7,)
    assert _category().levels == (3, 5, 50)
    assert _category(width=6, embedding=4).levels == (6, 4)


def test_embedding_of_a_known_category_is_its_own_and_of_an_unknown_one_the_reserved() -> None:
    adapter = _category(embedding=4, known=True, unknown="reserved")
    given = torch.tensor([0, 2, -1, 1, -1, 0])
    found = adapter.adapt(_features(), given)[0]
    assert torch.equal(found[:, :8], _features())
    assert torch.equal(found[:, 8:], adapter.embedding[[0, 2, 3, 1, 3, 0]])
    assert torch.equal(adapter(_features())[:, 8:], adapter.embedding[[3] * ITEMS]), "told of no item, and of none"
    wide = _category(embedding=0, width=5, activation="identity", known=True, unknown="reserved")
    one_by_one = [wide.adapt(_features(), torch.full((ITEMS,), number))[0] for number in range(3)]
    torch.testing.assert_close(wide(_features()), torch.stack(one_by_one).mean(dim=0))


def test_an_unknown_category_is_predicted_whoever_else_is_known() -> None:
    adapter = _category(embedding=4, width=5, known=True)
    given = torch.tensor([0, 2, -1, 1, -1, 0])
    found, untold = adapter.adapt(_features(), given)[0], adapter(_features())
    torch.testing.assert_close(found[given < 0], untold[given < 0], rtol=0, atol=0)
    assert (found[given >= 0] != untold[given >= 0]).any(dim=1).all()
    assert torch.equal(found[given >= 0][:, 5:], adapter.embedding[given[given >= 0]])


def test_without_known_a_category_that_is_told_changes_nothing() -> None:
    adapter, given = _category(embedding=4, width=5), torch.tensor([0, 2, 1, 1, 2, 0])
    assert torch.equal(adapter.adapt(_features(), given)[0], adapter(_features()))
    assert not _model([("category", {})]).reads_category
    assert _model([("category", {"known": True})]).reads_category


def test_training_withholds_a_share_of_the_known_categories_and_inference_none() -> None:
    adapter = CategoryAdapter(levels=LEVELS, categories=["a", "b", "c"], seed=0, embedding=4, known=True, withheld=0.25)
    features, given = torch.zeros(4000, 8), torch.ones(4000, dtype=torch.long)

    def told() -> torch.Tensor:
        return (adapter.adapt(features, given)[0][:, 8:] == adapter.embedding[1]).all(dim=1)

    torch.manual_seed(3)
    first, second = told(), told()
    assert 0.72 < float(first.float().mean()) < 0.78
    assert not torch.equal(first, second), "each step draws anew"
    torch.manual_seed(3)
    assert torch.equal(told(), first), "and the same of the same seed"
    state = torch.get_rng_state()
    assert adapter.eval() is adapter
    assert told().all()
    adapter.train()
    adapter(features)
    assert torch.equal(torch.get_rng_state(), state), "what is not told draws nothing"


def test_a_predicted_category_mixes_by_its_own_probability_and_learns() -> None:
    adapter = _category(embedding=4, width=5, activation="identity")
    found, aux = adapter.adapt(_features())
    chances = aux["category_logits"].softmax(dim=1)
    normed = torch.nn.functional.layer_norm(_features(), (8,))
    for item in range(ITEMS):
        mixed, embedded = torch.zeros(5), torch.zeros(4)
        for category in range(3):
            rows = slice(5 * category, 5 * category + 5)
            layer = adapter.linear.weight[rows] @ normed[item] + adapter.linear.bias[rows]
            mixed = mixed + chances[item, category] * layer
            embedded = embedded + chances[item, category] * adapter.embedding[category]
        torch.testing.assert_close(found[item], torch.cat([mixed, embedded]))
    found.square().sum().backward()
    assert (adapter.category.weight.grad != 0).any()
    assert (adapter.embedding.grad[3] == 0).all(), "nobody said that a category is unknown"


def test_training_and_inference_feed_the_same_category() -> None:
    adapter = _category(embedding=4, width=5, dropout=0.0)
    assert torch.equal(adapter.train()(_features()), adapter.eval()(_features()))


def test_categories_are_drawn_by_name() -> None:
    one = _category(embedding=4, width=5, known=True)
    two = CategoryAdapter(
        levels=LEVELS, categories=["bag", "hat", "shirt", "shoe"], seed=0, embedding=4, width=5, known=True
    ).eval()
    a = one.adapt(_features(), torch.tensor([0, 1, 2, 0, 1, 2]))[0]
    b = two.adapt(_features(), torch.tensor([2, 3, 0, 2, 3, 0]))[0]
    torch.testing.assert_close(a, b)


def test_the_model_hands_a_given_category_on() -> None:
    model = _model([("category", {"known": True})]).eval()
    told = model(_features(), torch.zeros(ITEMS, dtype=torch.long)).logits
    assert not torch.equal(told, model(_features()).logits)
    assert model(_features()).aux["category_logits"].shape == (ITEMS, 3)


def test_without_a_category_the_adapter_is_refused() -> None:
    schema = Schema(images=SCHEMA.images, attributes=(SCHEMA.attribute("colour"),), category=None)
    with pytest.raises(ConfigError, match="category"):
        build_model(schema, levels=LEVELS, adapters=[("category", {})])


def test_attention_over_levels_needs_levels() -> None:
    with pytest.raises(ConfigError) as caught:
        _model([("shared", {})], trunk="query")
    for word in ("shared", "query", "batch token width", "batch width", "gate", "tokens"):
        assert word in str(caught.value)
    assert _model([("gate", {})], trunk="query")(_features()).logits.isfinite().all()


def test_queries_per_category_are_those_of_the_known_one() -> None:
    options = {"width": 8, "heads": 2, "hidden": 6, "learnable": True, "per_category": True}
    model = _model([], trunk="query", trunk_options={**options, "known": True}).eval()
    given = torch.tensor([0, 2, -1, 1, -1, 0])
    told, untold = model(_features(), given).logits, model(_features()).logits
    torch.testing.assert_close(told[given < 0], untold[given < 0])
    assert (told[given >= 0] != untold[given >= 0]).any(dim=1).all()
    queries = model.trunk._read(_features(), given)[0][0]
    assert torch.equal(queries, model.trunk.queries.unflatten(0, (-1, len(SCHEMA.category_attribute.classes)))[:, 0])
    deaf = _model([], trunk="query", trunk_options=options).eval()
    assert torch.equal(deaf(_features(), given).logits, deaf(_features()).logits)
    for wrong in ({"known": True}, {**options, "withheld": 1.0}):
        with pytest.raises(ConfigError, match=r"trunk\.(known|withheld)"):
            _model([], trunk="query", trunk_options=wrong)


def test_the_last_adapter_is_the_cut_where_the_trunk_has_none() -> None:
    model = _model([("shared", {})], trunk="multihead")
    assert {id(p) for p in model.shared_cut()} == {id(p) for p in model.adapters[0].parameters()}
    assert _model([], trunk="multihead").shared_cut() == []


def test_every_adapter_says_what_it_does() -> None:
    model = _model([(name, {}) for name in ADAPTERS], trunk="mmoe")
    told = model.diagnostics(_features())
    assert model.training
    assert told["adapters.1.weight_by_level"].shape == (1,)
    assert 0 < told["adapters.1.weight_deviation"] < 1
    assert told["adapters.2.category"].sum() == pytest.approx(1.0, abs=1e-5)
    places = told["trunk.places"].tolist()
    assert [SCHEMA.attributes[place].column for place in places][:2] == ["fine", "colour"]  # parents have no logits
    assert told["trunk.gate"].shape == (len(places), 8)
    np.testing.assert_allclose(told["trunk.gate"].sum(axis=1), 1.0, rtol=1e-5)
    assert told.keys() - {"trunk.places"} == model.facts.keys() - {"views.share"}
    assert all(len(model.facts[name].axes) == np.ndim(told[name]) for name in told.keys() - {"trunk.places"})


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        build_model(SCHEMA, levels=LEVELS, adapters=[("gaet", {})], trunk="mmeo", head="cosin")
    for word in ("gate", "mmoe", "cosine"):
        assert word in str(caught.value)
    with pytest.raises(ConfigError) as caught:
        build_model(SCHEMA, levels=LEVELS, trunk="mmoe", trunk_options={"experts": 4, "k": 5, "temperature": 0.0})
    for word in ("trunk.k", "trunk.temperature"):
        assert word in str(caught.value)
    with pytest.raises(ConfigError) as caught:
        build_model(
            SCHEMA,
            levels=LEVELS,
            adapters=[("gate", {"hiden": 3}), ("category", {"embedding": 5.0})],
            trunk_options={"norm": "btach", "layers": True},
            head_options={"width": 3},
        )
    for word in ("hidden", "adapters.category.embedding", "trunk.norm", "layer, batch", "trunk.layers", "head.width"):
        assert word in str(caught.value)
