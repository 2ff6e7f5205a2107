"""Mixed batches: both labels teach with their shares, and an unknown cell of one never hides the other's."""

import numpy as np
import pytest
import torch

from facetwise.models import build_model
from facetwise.objectives import REWEIGHTING, Outputs, class_weights, count_classes
from facetwise.training._micro_batches import reduced_in_parts
from facetwise.training.mixing import MIXING, CutMix, MixUp, paired
from made_facets import made_labels, made_objective, made_schema, made_targets

NAMES = ["none", "mixup", "cutmix", "mixup_or_cutmix"]


def test_the_table() -> None:
    assert list(MIXING) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_pixels_stay_pixels(name: str) -> None:
    schema = made_schema()
    targets = made_targets(schema, made_labels(schema, 10), torch.float32)
    pixels = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (10, 8, 6, 3), dtype=np.uint8))
    given = pixels.clone()
    mixed, both = MIXING[name]().mix(pixels, targets, np.random.default_rng(1))
    assert (mixed.shape, mixed.dtype) == (pixels.shape, torch.uint8)
    assert torch.equal(pixels, given)
    if name == "none":
        assert both is targets
        return
    assert len(both) == 20
    assert both.weight is not None
    assert both.weight.mean() == pytest.approx(1.0)
    assert torch.equal(both.index[:10], targets.index)
    again = MIXING[name]().mix(pixels, targets, np.random.default_rng(1))
    assert torch.equal(again[0], mixed)


def test_mixup_of_features_is_the_formula() -> None:
    """And with several pictures per item, one that the other item does not have stays as it is."""
    schema = made_schema()
    targets = made_targets(schema, made_labels(schema, 6), torch.float32)
    features = torch.randn(6, 2, 4)
    features[3, 1] = torch.nan
    mixed, both = MixUp(alpha=1.0).mix(features, targets, np.random.default_rng(2))
    draw = np.random.default_rng(2)
    draw.random()
    partner, share = draw.permutation(6), torch.from_numpy(draw.beta(1.0, 1.0, 6).astype(np.float32))
    assert torch.allclose(both.weight[:6], 2 * share)
    for item, other in enumerate(partner):
        expected = share[item] * features[item] + (1 - share[item]) * features[other]
        expected = torch.where(features[other].isnan(), features[item], expected)
        assert torch.allclose(mixed[item], expected, equal_nan=True)


def test_cutmix_gives_labels_the_share_of_the_area() -> None:
    schema = made_schema()
    targets = made_targets(schema, made_labels(schema, 8), torch.float32)
    pixels = torch.arange(8, dtype=torch.uint8)[:, None, None, None].expand(8, 20, 20, 3).contiguous()
    mixed, both = CutMix().mix(pixels, targets, np.random.default_rng(0))
    own = (mixed == pixels).float().mean(dim=(1, 2, 3))
    moved = own < 1
    assert moved.sum() >= 3
    assert torch.allclose(both.weight[:8][moved], 2 * own[moved], atol=1e-6)
    assert torch.allclose(both.weight[:8] + both.weight[8:], torch.full((8,), 2.0))


def test_the_loss_is_that_of_both_labels() -> None:
    """All kinds, the masks of each item kept: L = Σ (λ l(z, y) + (1 - λ) l(z, y')) / labelled cells of both."""
    schema = made_schema()
    labels = made_labels(schema, 12, unknown=0.4)
    targets = made_targets(schema, labels, torch.float32)
    objective = made_objective(schema)
    weights = class_weights(schema, count_classes(schema, labels), REWEIGHTING["none"](), progress=0.0, epoch=0)
    logits = torch.randn(12, schema.layout().num_logits)
    partner, share = torch.randperm(12), torch.rand(12)
    twice = Outputs(logits.repeat(2, 1), logits.repeat(2, 1), {})
    found = objective(twice, paired(targets, partner, share), weights)
    per_item = [
        [
            objective(Outputs(logits[[item]], logits[[item]], {}), targets.take(torch.tensor([whose])), weights)
            for whose in (item, int(partner[item]))
        ]
        for item in range(12)
    ]
    total = sum(
        2 * share[item] * own.total + 2 * (1 - share[item]) * other.total for item, (own, other) in enumerate(per_item)
    )
    cells = sum(own.cells + other.cells for own, other in per_item)
    assert torch.allclose(found.total, total, atol=1e-4)
    assert torch.equal(found.cells, cells)
    assert (cells > 0).all(), "every kind of attribute is looked at"


def test_a_mixed_batch_in_parts_is_the_batch() -> None:
    schema = made_schema()
    labels = made_labels(schema, 12, unknown=0.3)
    targets = made_targets(schema, labels, torch.float32)
    objective = made_objective(schema)
    model = build_model(schema, levels=[4, 4], trunk_options={"width": 8, "dropout": 0.0}, input_dropout=0.0).eval()
    weights = class_weights(schema, count_classes(schema, labels), REWEIGHTING["none"](), progress=0.0, epoch=0)
    mixed, both = MixUp(alpha=1.0).mix(torch.randn(12, 8), targets, np.random.default_rng(0))
    whole = reduced_in_parts(model, objective, mixed, both, weights, size=12).mean()[0]
    parts = reduced_in_parts(model, objective, mixed, both, weights, size=5).mean()[0]
    assert torch.allclose(whole, parts, atol=1e-6)
