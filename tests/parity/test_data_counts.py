"""Fast counting against brute force."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from facetwise.data._applicability import emptiness
from facetwise.data._groups import connected


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=25))
def test_connected_rows_against_a_walk(pairs: list[tuple[int, int]]) -> None:
    keys = [[pair[side] or None for pair in pairs] for side in range(2)]
    found = connected(len(pairs), keys)
    linked = np.array([[any(k[a] is not None and k[a] == k[b] for k in keys) or a == b for b in range(len(pairs))]
                       for a in range(len(pairs))])  # fmt: skip
    for _ in pairs:
        linked = linked @ linked
    assert ((found[:, None] == found[None, :]) == linked).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000))
def test_values_per_category_against_a_loop(seed: int) -> None:
    generator = np.random.default_rng(seed)
    present, category = generator.random((80, 3)) < 0.4, generator.integers(-1, 5, size=80)
    found = emptiness(present, category, 6)
    for one in range(6):
        assert found.sizes[one] == (category == one).sum()
        for attribute in range(3):
            assert found.values[one, attribute] == present[category == one, attribute].sum()


def test_chance_is_seldom_taken_for_a_reason() -> None:
    """Cells that are empty at random, at any rate, with many and with few categories: no false alarm in 400."""
    generator = np.random.default_rng(0)
    alarms = 0
    for share in (0.01, 0.03, 0.1, 0.3):
        for categories in (2, 10, 60):
            present = generator.random((3000, 35)) < share
            alarms += emptiness(present, generator.integers(categories, size=3000), categories).depends.sum()
    assert alarms == 0
