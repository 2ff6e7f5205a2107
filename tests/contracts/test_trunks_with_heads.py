"""Every trunk with every head: batches, attributes, absent labels, order of columns, export, files."""

from itertools import product

import numpy as np
import pytest
import torch

from facetwise.errors import ConfigError
from facetwise.models import FacetModel, build_model
from facetwise.models.gates import GATES
from facetwise.models.heads import HEADS
from facetwise.models.trunks import TRUNKS
from facetwise.objectives import LOSSES, Outputs, count_classes
from facetwise.schema import Attribute, Kind, Schema
from made_facets import (
    even_weights,
    forget,
    made_labels,
    made_objective,
    made_schema,
    made_targets,
    recoded,
    shuffled,
)

LEVELS, ITEMS = [6, 4], 24
# Small enough that the battery takes seconds.
SMALL = {
    "shared": {"width": 8},
    "multihead": {"width": 4},
    "mmoe": {"experts": 3, "hidden": 5, "width": 6},
    "ple": {"layers": 2, "hidden": 5, "width": 4, "shared_experts": 2},
    "query": {"width": 8, "heads": 2, "hidden": 8, "learnable": True},
    "factorised": {"width": 5},
}
SMALL_HEADS = {"mlp": {"hidden": 4}}
PAIRS = [pair for pair in product(TRUNKS, HEADS) if TRUNKS[pair[0]].output in HEADS[pair[1]].accepts]
UNFIT = [pair for pair in product(TRUNKS, HEADS) if pair not in PAIRS]
every_pair = pytest.mark.parametrize(("trunk", "head"), PAIRS, ids=["-".join(pair) for pair in PAIRS])


def _model(schema: Schema, trunk: str, head: str, *, depth: bool = True, **options: object) -> FacetModel:
    chosen = {**SMALL.get(trunk, {}), **options}
    return build_model(
        schema,
        levels=LEVELS,
        trunk=trunk,
        trunk_options=chosen,
        head=head,
        head_options=SMALL_HEADS.get(head, {}),
        depth=depth,
        input_dropout=0.0,
    )


def _features(items: int = ITEMS, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(items, sum(LEVELS), generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(dtype)


def _flat(attributes: int) -> Schema:
    made = [
        Attribute(column=f"c{n}", id=f"a{n:03d}", kind=Kind.CATEGORICAL, classes=("x", "y", "z")[: 2 + n % 2])
        for n in range(attributes)
    ]
    return Schema(images=("image",), attributes=tuple(made), category=None)


@every_pair
def test_describes_items_as_it_does_beside_the_logits(trunk: str, head: str) -> None:
    model = _model(made_schema(), trunk, head).double().eval()
    views = _features(3 * ITEMS).reshape(ITEMS, 3, -1)
    views[::2, 2] = torch.nan  # every other item has two pictures
    with torch.no_grad():
        for features in (_features(), views):
            assert torch.equal(model.describe(features), model(features).features)


@every_pair
def test_trains_on_one_item_and_on_many(trunk: str, head: str) -> None:
    schema = made_schema()
    model = _model(schema, trunk, head)
    for items in (1, ITEMS):
        for training in (True, False):
            output = model.train(training)(_features(items, torch.float32))
            assert output.logits.shape == (items, schema.layout().num_logits)
            assert output.logits.isfinite().all()
            output.logits.square().sum().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize(
    ("trunk", "head", "attributes"),
    [
        # Drawing by name is what takes the time with 500: each trunk once, each head with both shapes.
        pytest.param(
            *pair, count, marks=[] if count == 1 or "linear" in pair or pair[0] == "mmoe" else pytest.mark.slow
        )
        for pair in PAIRS
        for count in (1, 500)
    ],
)
def test_one_attribute_and_five_hundred(trunk: str, head: str, attributes: int) -> None:
    schema = _flat(attributes)
    output = _model(schema, trunk, head).eval()(_features(3, torch.float32))
    assert output.logits.shape == (3, schema.layout().num_logits)
    assert output.logits.isfinite().all()


@every_pair
def test_permuting_the_schema_changes_nothing(trunk: str, head: str) -> None:
    schema = made_schema()
    labels = made_labels(schema, ITEMS)
    other = shuffled(schema, np.random.default_rng(3))
    totals, gradients = [], []
    for vocabulary, told in ((schema, labels), (other, recoded(schema, other, labels))):
        model = _model(vocabulary, trunk, head).double().eval()
        outputs = Outputs(*model(_features()))
        reduced = made_objective(vocabulary)(outputs, made_targets(vocabulary, told), even_weights(vocabulary))
        losses, active = reduced.mean()
        losses[active].sum().backward()
        totals.append({a.column: float(losses[n].detach()) for n, a in enumerate(vocabulary.attributes)})
        norms = {k: float(p.grad.norm()) for k, p in model.named_parameters() if p.grad is not None}
        gradients.append(norms)
    for column, loss in totals[0].items():
        assert totals[1][column] == pytest.approx(loss, rel=1e-9), column
    for key, norm in gradients[0].items():
        assert gradients[1][key] == pytest.approx(norm, rel=1e-8, abs=1e-12), key


@every_pair
def test_every_loss_reads_it(trunk: str, head: str) -> None:
    """Early and late, through a hierarchy, wherever the model gives what the loss asks for."""
    schema = made_schema()
    labels = made_labels(schema, ITEMS)
    targets, counts = made_targets(schema, labels), count_classes(schema, labels)
    model = _model(schema, trunk, head, depth=False).double().train()
    read = set()
    for name, loss in LOSSES.items():
        objective = made_objective(schema, **{kind.value: (name, {}) for kind in loss.kinds})
        if not objective.needs <= model.provides | {"counts"}:
            continue
        objective.prepare(counts, dtype=torch.float64)
        for progress in (0.0, 0.95):
            objective.begin_epoch(progress=progress, epoch=round(100 * progress))
            losses, active = objective(Outputs(*model(_features())), targets, even_weights(schema)).mean()
            assert active.all(), name
            assert losses.isfinite().all(), name
            losses.sum().backward()
        read.add(name)
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())
    kept = {"counts", "features"} | HEADS[head].provides
    assert read == {name for name, loss in LOSSES.items() if loss.needs <= kept}


@every_pair
def test_an_absent_attribute_gets_exactly_no_gradient(trunk: str, head: str) -> None:
    schema = made_schema()
    absent = [schema.index["colour"], schema.index["brand"]]
    labels = forget(schema, made_labels(schema, ITEMS), np.arange(ITEMS), absent)
    # With one level of extraction and gates of its own, what an attribute owns is reached by nobody else.
    model = _model(schema, trunk, head).double().train()
    reduced = made_objective(schema)(Outputs(*model(_features())), made_targets(schema, labels), even_weights(schema))
    losses, active = reduced.mean()
    assert [place for place in range(len(active)) if not active[place]] == sorted(absent)
    losses[active].sum().backward()
    layout, owners = schema.layout(), model.row_owners()
    moved = 0
    for key, parameter in model.named_parameters():
        if key in owners:
            rows = owners[key]
            whose = [layout.owner[n] for n in rows.index] if rows.by == "logit" else list(rows.index)
            own = torch.tensor([place in absent for place in whose])
            assert (parameter.grad[own] == 0).all(), key
            moved += int((parameter.grad[~own] != 0).any())
    assert moved


@pytest.mark.parametrize("gate", GATES)
def test_penalties_reach_the_gates_of_active_attributes_only(gate: str) -> None:
    schema = made_schema()
    model = _model(schema, "mmoe", "linear", gate=gate, balance_weight=0.1).double().train()
    active = torch.tensor([place < 5 for place in range(len(schema.attributes))])
    penalty = model(_features()).aux["attribute_penalty"]
    assert penalty.shape == active.shape
    (penalty * active).sum().backward()
    for key, rows in model.row_owners().items():
        gradient = dict(model.named_parameters())[key].grad
        if key.startswith("trunk.gate.logits") and gradient is not None:
            own = active[list(rows.index)]
            assert (gradient[~own] == 0).all()
            assert (gradient[own] != 0).any()


@every_pair
def test_a_state_comes_back(trunk: str, head: str) -> None:
    schema = made_schema()
    first = _model(schema, trunk, head).eval()
    second = build_model(
        schema, levels=LEVELS, trunk=trunk, trunk_options=SMALL.get(trunk), head=head,
        head_options=SMALL_HEADS.get(head), seed=9,
    ).eval()  # fmt: skip
    given = _features(5, torch.float32)
    assert not torch.equal(first(given).logits, second(given).logits)
    second.load_state_dict(first.state_dict())
    assert torch.equal(first(given).logits, second(given).logits)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("trunk", "head", "options"),
    [
        *((*pair, {}) for pair in PAIRS),
        *(("mmoe", "linear", {"gate": gate}) for gate in GATES),
        ("query", "linear", {"self_attention": True, "encoder_layers": 1}),
        ("multihead", "mlp", {"norm": "batch"}),
    ],
    ids=str,
)
def test_exports(trunk: str, head: str, options: dict[str, object]) -> None:
    model = _model(made_schema(), trunk, head, **options).eval()
    given = _features(5, torch.float32)
    sizes = {"features": {0: torch.export.Dim("batch", min=2, max=64)}}
    program = torch.export.export(model, (given,), dynamic_shapes=sizes)
    for items in (5, 9):
        again = _features(items, torch.float32)
        torch.testing.assert_close(program.module()(again).logits, model(again).logits)


@pytest.mark.parametrize(("trunk", "head"), UNFIT, ids=["-".join(pair) for pair in UNFIT])
def test_pairs_that_do_not_fit_name_both_and_the_way_out(trunk: str, head: str) -> None:
    with pytest.raises(ConfigError) as caught:
        _model(made_schema(), trunk, head)
    for word in (repr(trunk), repr(head), TRUNKS[trunk].output, *HEADS[head].accepts, "shared", "linear"):
        assert word in str(caught.value)
