"""The largest values of each row: those of a whole sort, whether they are looked at one by one or by groups."""

import numpy as np
import pytest

from facetwise.decisions._largest import LEAST_GROUP, largest


@pytest.mark.parametrize("count", [1, 3, 20])
@pytest.mark.parametrize("columns", [20, 21, 320, 321, 997, 5_003])
def test_a_whole_sort_says_the_same(columns: int, count: int) -> None:
    values = np.random.default_rng(columns).standard_normal((11, columns)).astype(np.float32)
    np.testing.assert_array_equal(largest(values, count), np.argsort(-values, axis=1)[:, :count])


@pytest.mark.parametrize("size", [1, LEAST_GROUP, 7])
def test_where_they_all_lie_in_one_group_or_in_none(size: int) -> None:
    """Ten values: all dealt to one group, to ten groups, and among the columns that are left over."""
    columns = 10 * size**2 + size - 1
    groups = columns // size
    for places in (np.arange(10) * groups % columns, np.arange(10), np.arange(columns - 10, columns)):
        values, count = np.zeros((2, columns), np.float32), len(np.unique(places))
        values[:, places] = 1.0 + np.arange(len(places))
        np.testing.assert_array_equal(largest(values, count), np.argsort(-values, axis=1)[:, :count])


def test_equal_values_stand_by_place() -> None:
    values = np.repeat(np.array([[1.0, 2.0]]), 400, axis=1)
    np.testing.assert_array_equal(values[0, largest(values, 400)[0]], np.full(400, 2.0))
    np.testing.assert_array_equal(largest(values, 400), np.arange(400, 800)[None])
    few = largest(values, 10)
    assert (np.diff(few) > 0).all()
    np.testing.assert_array_equal(values[0, few[0]], np.full(10, 2.0))


def test_no_item_and_no_value_asked() -> None:
    assert largest(np.zeros((0, 50)), 3).shape == (0, 3)
    assert largest(np.zeros((2, 50)), 0).shape == (2, 0)
