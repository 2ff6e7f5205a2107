"""Every line of REWEIGHTING: mean 1 over cells, no class left infinite, order by class."""

import inspect

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facetwise.objectives import REWEIGHTING, REWEIGHTING_ALIASES, create_reweighting

every_rule = pytest.mark.parametrize("name", REWEIGHTING)
counts_of_classes = st.lists(st.integers(0, 10**6), min_size=1, max_size=30).map(np.array)
epochs_of_training = st.tuples(st.integers(1, 400), st.floats(0.0, 1.0, exclude_max=True)).map(
    lambda drawn: (int(drawn[0] * drawn[1]), int(drawn[0] * drawn[1]) / drawn[0])
)  # (epochs that are done, share of the training)


@every_rule
def test_is_described(name: str) -> None:
    assert "Source" in (REWEIGHTING[name].__doc__ or "")
    options = inspect.signature(REWEIGHTING[name]).parameters.values()
    assert all(option.kind is inspect.Parameter.KEYWORD_ONLY for option in options)


@every_rule
@settings(max_examples=50, deadline=None)
@given(counts=counts_of_classes, done=epochs_of_training)
def test_mean_over_cells_is_one(name: str, counts: np.ndarray, done: tuple[int, float]) -> None:
    weights = REWEIGHTING[name]().weights(counts, progress=done[1], epoch=done[0])
    assert weights.shape == counts.shape
    assert np.isfinite(weights).all()
    assert (weights >= 0).all()
    assert (weights[counts == 0] == 0).all()
    assert (weights[counts > 0] > 0).all()
    if counts.sum():
        np.testing.assert_allclose((weights * counts).sum() / counts.sum(), 1.0, rtol=1e-9)


@every_rule
@settings(max_examples=25, deadline=None)
@given(counts=counts_of_classes, done=epochs_of_training, data=st.data())
def test_the_order_of_classes_does_not_matter(
    name: str, counts: np.ndarray, done: tuple[int, float], data: st.DataObject
) -> None:
    order = np.array(data.draw(st.permutations(range(len(counts)))))
    rule = REWEIGHTING[name]()
    mixed = rule.weights(counts[order], progress=done[1], epoch=done[0])
    np.testing.assert_allclose(mixed, rule.weights(counts, progress=done[1], epoch=done[0])[order], rtol=1e-12)


@every_rule
@pytest.mark.parametrize("progress", [0.0, 0.5, 0.95])
def test_a_rarer_class_never_weighs_less(name: str, progress: float) -> None:
    weights = REWEIGHTING[name]().weights(np.array([1000, 100, 10, 1]), progress=progress, epoch=int(20 * progress))
    assert (np.diff(weights) >= 0).all()


@every_rule
def test_given_counts_are_left_alone(name: str) -> None:
    counts = np.array([5, 0, 2])
    REWEIGHTING[name]().weights(counts, progress=0.0)
    assert counts.tolist() == [5, 0, 2]


@pytest.mark.parametrize("alias", REWEIGHTING_ALIASES)
def test_published_names_are_lines_of_the_table(alias: str) -> None:
    assert alias not in REWEIGHTING
    weights = create_reweighting(alias, {}).weights(np.array([50, 5]), progress=0.95, epoch=95)
    assert bool(weights[0] == weights[1]) is (alias == "None")
