"""Columns that pictures do not show: none of their labels is called wrong, and the figure beside them is true."""

import numpy as np
import pytest

from facetwise.data import Table, encode
from facetwise.events import silent
from facetwise.schema import Attribute, Kind, Schema, Transform
from facetwise.studies._out_of_fold import folds_of, out_of_fold, project
from facetwise.studies._shown import shown_of_classes, shown_of_numbers
from facetwise.studies._suspicion import suspect
from facetwise.studies._wrong_labels import audit_labels, label_findings

COUNT = 400
NAMES = ("aa", "bb", "cc", "dd")
SCHEMA = Schema(
    images=("image",),
    attributes=(
        Attribute(column="shape", id="a00", kind=Kind.CATEGORICAL, classes=NAMES),
        Attribute(column="luck", id="a01", kind=Kind.CATEGORICAL, classes=NAMES),
        Attribute(column="seldom", id="a02", kind=Kind.BINARY, classes=("no", "yes")),
        Attribute(column="price", id="a03", kind=Kind.NUMERIC, transform=Transform.LOG),
        Attribute(column="size", id="a04", kind=Kind.NUMERIC),
        Attribute(column="tags", id="a05", kind=Kind.MULTILABEL, classes=("first", "loose", "third")),
        Attribute(column="few", id="a06", kind=Kind.CATEGORICAL, classes=NAMES),
    ),
)


def _table() -> tuple[Table, np.ndarray]:
    """Pictures show the shape, the size and the tag `first`; everything else is drawn beside them."""
    draw = np.random.default_rng(0)
    index = draw.integers(0, 4, COUNT)
    features = (np.eye(4, 8)[index] + 0.2 * draw.standard_normal((COUNT, 8))).astype(np.float32)
    tags = [[*["first"] * int(one < 2), *["loose"] * int(draw.integers(2))] for one in index]
    cells = {
        "image": [f"{row}.png" for row in range(COUNT)],
        "shape": [NAMES[one] for one in index],
        "luck": draw.choice(NAMES, COUNT).tolist(),
        "seldom": np.where(draw.random(COUNT) < 0.03, "yes", "no").tolist(),
        "price": [f"{number:.2f}" for number in np.exp(draw.normal(3, 1, COUNT))],
        "size": [f"{number:.2f}" for number in 10.0 * index + draw.normal(0, 1, COUNT)],
        "tags": ["|".join(names or ["third"]) for names in tags],
        "few": ["aa", "bb", *[""] * (COUNT - 2)],
    }  # fmt: skip
    return Table.of(cells), features


def test_columns_that_pictures_do_not_show_are_named_and_not_judged() -> None:
    table, features = _table()
    labels, _ = encode(SCHEMA, table)
    audited, skipped = audit_labels(SCHEMA, labels, project(features), folds_of(np.arange(COUNT)), report=silent)
    unseen = "the pictures do not show it"
    assert skipped == {
        "luck": unseen, "seldom": unseen, "price": unseen, "tags: loose": unseen, "few": "too few labels or classes",
    }  # fmt: skip
    assert [(one.column, one.label) for one in audited] == [
        ("shape", ""), ("size", ""), ("tags", "first"), ("tags", "third"),
    ]  # fmt: skip
    queue = label_findings(SCHEMA, table, list(table.column("image")), audited, {})
    assert not {one.attribute for one in queue} & {"luck", "seldom", "price"}
    assert not [one for one in queue if "loose:" in one.why]


def test_planted_errors_are_found_as_often_as_is_said() -> None:
    """On labels that are drawn at random a planted error is found by luck alone: one of twenty labels is one."""
    table, features = _table()
    labels, _ = encode(SCHEMA, table)
    index = labels.index[:, 1].astype(np.int64)
    chances = out_of_fold(
        project(features), np.eye(4, dtype=np.float32)[index], np.arange(COUNT), folds_of(np.arange(COUNT))
    )
    assert suspect(chances, index).found < 0.2
    shape = labels.index[:, 0].astype(np.int64)
    chances = out_of_fold(
        project(features), np.eye(4, dtype=np.float32)[shape], np.arange(COUNT), folds_of(np.arange(COUNT))
    )
    assert suspect(chances, shape).found > 0.9


def test_frequencies_and_the_mean_explain_nothing() -> None:
    index, numbers = np.array([0, 0, 0, 1]), np.array([1.0, 2.0, 3.0, 9.0])
    frequencies = np.tile([0.75, 0.25], (4, 1))
    assert shown_of_classes(frequencies, index) == pytest.approx(0.0)
    assert shown_of_numbers(frequencies, index, numbers) == pytest.approx(0.0)
    assert shown_of_classes(np.eye(2)[index], index) == pytest.approx(1.0)
    assert shown_of_classes(np.eye(2)[1 - index], index) < 0
    assert shown_of_numbers(np.eye(2)[1 - index], index, numbers) < 0
