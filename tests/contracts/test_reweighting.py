"""Every line of REWEIGHTING: mean 1 over cells, no class left infinite, order by class."""

import inspect

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facetwise.objectives import REWEIGHTING

every_rule = pytest.mark.parametrize("name", REWEIGHTING)
counts_of_classes = st.lists(st.integers(0, 10**6), min_size=1, max_size=30).map(np.array)
progress_of_training = st.floats(0.0, 1.0, exclude_max=True)


@every_rule
def test_is_described(name: str) -> None:
    assert "Source" in (REWEIGHTING[name].__doc__ or "")
    options = inspect.signature(REWEIGHTING[name]).parameters.values()
    assert all(option.kind is inspect.Parameter.KEYWORD_ONLY for option in options)


@every_rule
@settings(max_examples=50, deadline=None)
@given(counts=counts_of_classes, progress=progress_of_training)
def test_mean_over_cells_is_one(name: str, counts: np.ndarray, progress: float) -> None:
    weights = REWEIGHTING[name]().weights(counts, progress=progress)
    assert weights.shape == counts.shape
    assert np.isfinite(weights).all()
    assert (weights >= 0).all()
    assert (weights[counts == 0] == 0).all()
    assert (weights[counts > 0] > 0).all()
    if counts.sum():
        np.testing.assert_allclose((weights * counts).sum() / counts.sum(), 1.0, rtol=1e-9)


@every_rule
@settings(max_examples=25, deadline=None)
@given(counts=counts_of_classes, progress=progress_of_training, data=st.data())
def test_the_order_of_classes_does_not_matter(
    name: str, counts: np.ndarray, progress: float, data: st.DataObject
) -> None:
    order = np.array(data.draw(st.permutations(range(len(counts)))))
    rule = REWEIGHTING[name]()
    mixed = rule.weights(counts[order], progress=progress)
    np.testing.assert_allclose(mixed, rule.weights(counts, progress=progress)[order], rtol=1e-12)


@every_rule
def test_a_rarer_class_never_weighs_less(name: str) -> None:
    weights = REWEIGHTING[name]().weights(np.array([1000, 100, 10, 1]), progress=0.5)
    assert (np.diff(weights) >= 0).all()


@every_rule
def test_given_counts_are_left_alone(name: str) -> None:
    counts = np.array([5, 0, 2])
    REWEIGHTING[name]().weights(counts, progress=0.0)
    assert counts.tolist() == [5, 0, 2]
