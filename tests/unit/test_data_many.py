"""A hundred thousand classes: no step may grow with the square of the classes."""

import time

import numpy as np
import pytest

from facetwise.data import Table, complete_schema, encode, infer, split_rows
from facetwise.data._stratify import _Rarest
from facetwise.schema import Kind

CLASSES = 100_000


@pytest.mark.slow
def test_a_hundred_thousand_classes() -> None:
    rows = 6 * CLASSES
    generator = np.random.default_rng(0)
    codes = generator.permutation(np.arange(rows) % CLASSES)
    table = Table.of(
        {
            "image": [f"{row}.jpg" for row in range(rows)],
            "species": [f"species {code:06d}" for code in codes],
            "genus": [f"genus {code // 4:05d}" for code in codes],
            "sex": generator.choice(["f", "m", ""], size=rows).tolist(),
        }
    )
    began = time.process_time()
    structure = infer(table)
    assert [reading.kind for reading in structure.attributes] == [Kind.CATEGORICAL] * 3
    split = split_rows(table, structure)
    schema, _ = complete_schema(structure, table, split.rows("train"), min_count=1)
    assert schema.attribute("species").parent is not None
    labels, _ = encode(schema, table)
    assert labels.members.strides == (0, 0)
    assert labels.take(np.arange(10)).members.shape == (10, schema.layout().num_scores)
    assert time.process_time() - began < 120


@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 5000])
def test_the_rarest_value_is_the_first_of_the_smallest(size: int) -> None:
    generator = np.random.default_rng(size)
    left = generator.integers(0, 6, size=size).astype(float)
    rare = _Rarest(left)
    for _ in range(min(size, 300)):
        where = np.where(left > 0, left, np.inf)
        expected = int(where.argmin()) if len(left) and np.isfinite(where.min()) else None
        assert rare.place() == expected
        changed = generator.integers(0, size, size=5)
        left[changed] = np.maximum(left[changed] - 1, 0)
        if expected is not None:
            left[expected] = 0
            changed = np.append(changed, expected)
        rare.change(changed)
    left[:] = 0
    rare.change(np.arange(size))
    assert rare.place() is None
