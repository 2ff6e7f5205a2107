"""Every model learns in bfloat16 what it learns in float32, but for the digits, and stays in float32 itself."""

from itertools import product

import pytest
import torch

from facetwise.models import FacetModel, build_model
from facetwise.models.adapters import ADAPTERS
from facetwise.models.gates import GATES
from facetwise.models.heads import HEADS
from facetwise.models.trunks import TRUNKS
from facetwise.objectives import LOSSES, count_classes
from facetwise.training._micro_batches import reduced_in_parts
from made_facets import even_weights, made_labels, made_objective, made_schema, made_targets

LEVELS, ITEMS = [24, 16], 32
PAIRS = [pair for pair in product(TRUNKS, HEADS) if TRUNKS[pair[0]].output in HEADS[pair[1]].accepts]
MODELS = {
    **{"-".join(pair): {"trunk": pair[0], "head": pair[1]} for pair in PAIRS},
    **{f"gate {name}": {"trunk": "mmoe", "trunk_options": {"gate": name, "balance_weight": 0.1}} for name in GATES},
    **{f"adapter {name}": {"adapters": [(name, {})]} for name in ADAPTERS},
    "batch norm": {"trunk": "multihead", "trunk_options": {"norm": "batch"}},
    "encoder": {"trunk": "query", "trunk_options": {"self_attention": True, "encoder_layers": 1}},
    "views": {"views": True},
}
# Directions agree to two digits: bfloat16 has eight bits, and a gradient is a sum of many rounded products.
AGREE = 0.99
# Of the hard choice between two experts that are almost level, one item may be decided the other way.
CHOOSES, AGREE_MOSTLY = "gate noisy_top_k", 0.9


def _features(options: dict[str, object]) -> torch.Tensor:
    shape = (ITEMS, 2, sum(LEVELS)) if options.get("views") else (ITEMS, sum(LEVELS))
    features = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    if options.get("views"):
        features[::3, 1] = torch.nan
    return features


def _gradient(model: FacetModel, features: torch.Tensor, *, size: int, bfloat16: bool) -> torch.Tensor:
    schema = made_schema()
    labels = made_labels(schema, ITEMS)
    objective, targets = made_objective(schema), made_targets(schema, labels, torch.float32)
    weights = even_weights(schema, torch.float32)
    torch.manual_seed(0)  # the same dropout
    reduced = reduced_in_parts(model.train(), objective, features, targets, weights, size=size, bfloat16=bfloat16)
    losses, active = reduced.mean()
    model.zero_grad()
    losses[active].sum().backward()
    learned = [parameter for parameter in model.parameters() if parameter.grad is not None]
    assert all(parameter.dtype is parameter.grad.dtype is torch.float32 for parameter in learned)
    return torch.cat([parameter.grad.flatten() for parameter in learned])


@pytest.mark.parametrize("size", [ITEMS, 20], ids=["whole", "in parts"])
@pytest.mark.parametrize("name", MODELS)
def test_gradients_are_those_of_float32_but_for_the_digits(name: str, size: int) -> None:
    options = MODELS[name]
    model = build_model(made_schema(), levels=LEVELS, input_dropout=0.0, **options)
    features = _features(options)
    exact = _gradient(model, features, size=size, bfloat16=False)
    rounded = _gradient(model, features, size=size, bfloat16=True)
    assert rounded.isfinite().all()
    assert torch.cosine_similarity(exact, rounded, dim=0) > (AGREE_MOSTLY if name == CHOOSES else AGREE)
    assert not torch.equal(exact, rounded)
    assert all(parameter.dtype is torch.float32 for parameter in model.parameters())
    assert model.eval()(features).logits.dtype is torch.float32


def test_every_loss_reads_it() -> None:
    schema = made_schema()
    labels = made_labels(schema, ITEMS)
    targets, weights = made_targets(schema, labels, torch.float32), even_weights(schema, torch.float32)
    counts, read = count_classes(schema, labels), set()
    for name, loss in LOSSES.items():
        for head in ("linear", "cosine"):
            model = build_model(schema, levels=LEVELS, head=head, depth=False)
            if not loss.needs <= model.provides | {"counts"}:
                continue
            read.add(name)
            objective = made_objective(schema, **{kind.value: (name, {}) for kind in loss.kinds})
            objective.prepare(counts)
            objective.begin_epoch(progress=0.95, epoch=9)
            reduced = reduced_in_parts(
                model.train(), objective, _features({}), targets, weights, size=ITEMS, bfloat16=True
            )
            losses, active = reduced.mean()
            losses[active].sum().backward()
            assert losses.isfinite().all(), name
            assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters()), name
    assert read == set(LOSSES)
