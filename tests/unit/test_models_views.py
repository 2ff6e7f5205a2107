"""Several pictures of one item: attention per attribute over their logits."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from facetwise.models import FacetModel, build_model
from facetwise.models.heads import HEADS
from facetwise.models.trunks import TRUNKS
from facetwise.schema import Attribute, Kind, Schema

SCHEMA = Schema(
    attributes=(
        Attribute(id="a00", column="colour", kind=Kind.CATEGORICAL, classes=("red", "blue", "green")),
        Attribute(id="a01", column="zip", kind=Kind.BINARY, classes=("no", "yes")),
        Attribute(id="a02", column="price", kind=Kind.NUMERIC),
    ),
    images=("image",),
)
WIDTH = 6


def _model(trunk: str = "shared", head: str = "linear", **options: Any) -> FacetModel:
    model = build_model(SCHEMA, levels=[4, 2], trunk=trunk, head=head, views=True, seed=1, **options).double().eval()
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return model


def _items(counts: list[int], seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(len(counts), max(counts), WIDTH, generator=generator, dtype=torch.float64)
    for item, count in enumerate(counts):
        features[item, count:] = torch.nan
    return features


@pytest.mark.parametrize(
    ("trunk", "head"), [(t, h) for t in sorted(TRUNKS) for h in sorted(HEADS) if TRUNKS[t].output in HEADS[h].accepts]
)
def test_one_picture_needs_no_pooling(trunk: str, head: str) -> None:
    model, features = _model(trunk, head), _items([1, 1, 1])
    alone = model(features[:, 0]).logits
    torch.testing.assert_close(model(features).logits, alone, rtol=0, atol=1e-12)
    padded = torch.cat([features, torch.full((3, 2, WIDTH), torch.nan, dtype=torch.float64)], dim=1)
    torch.testing.assert_close(model(padded).logits, alone, rtol=0, atol=1e-12)


@torch.no_grad()
def test_the_formula_picture_by_picture() -> None:
    model, counts = _model(), [3, 1, 2]
    features = _items(counts)
    pool, layout = model.views, SCHEMA.layout()
    assert pool is not None
    told = model(features)
    for item, count in enumerate(counts):
        each = [model(features[item, view][None]) for view in range(count)]
        for logit, attribute in enumerate(layout.owner):
            energy = [float(pool.query[attribute] @ one.features[0]) / pool.query.shape[1] ** 0.5 for one in each]
            share = np.exp(energy) / np.exp(energy).sum()
            expected = sum(s * float(one.logits[0, logit]) for s, one in zip(share, each, strict=True))
            assert float(told.logits[item, logit]) == pytest.approx(expected, abs=1e-10)


@given(st.lists(st.integers(1, 4), min_size=1, max_size=5), st.integers(0, 50))
def test_the_order_of_the_pictures_says_nothing(counts: list[int], seed: int) -> None:
    model, features = _model(), _items(counts, seed)
    order = torch.randperm(features.shape[1], generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(model(features[:, order]).logits, model(features).logits, rtol=1e-9, atol=1e-9)


def test_untrained_attention_is_the_mean_and_attributes_look_at_pictures_of_their_own() -> None:
    fresh = build_model(SCHEMA, levels=[4, 2], views=True, seed=0).double().eval()
    features = _items([2, 2])
    mean = (fresh(features[:, 0]).logits + fresh(features[:, 1]).logits) / 2
    torch.testing.assert_close(fresh(features).logits, mean)
    told = _model().diagnostics(features)["views.share"]
    assert isinstance(told, np.ndarray)
    np.testing.assert_allclose(told.sum(axis=1), 1.0)
    assert np.abs(told[0] - told[1]).max() > 0.01


def test_gradients_reach_the_queries_of_labelled_attributes_only() -> None:
    model, features = _model(), _items([2, 3])
    own = [logit for logit, attribute in enumerate(SCHEMA.layout().owner) if attribute == 0]
    model(features).logits[:, own].sum().backward()
    assert model.views is not None
    assert model.views.query.grad is not None
    touched = model.views.query.grad.abs().sum(dim=1) > 0
    assert touched.tolist() == [True, False, False]
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)
