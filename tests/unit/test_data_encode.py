"""Cells to labels: three states that stay apart."""

import os
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facetwise.data import Table, encode, fit_scales, refuse_far_numbers
from facetwise.errors import SchemaError, TableError
from facetwise.schema import NOT_APPLICABLE, UNKNOWN, VALUE, Attribute, Kind, Labels, Parent, Schema, Transform

KIND = Attribute(column="kind", id="a00", kind=Kind.CATEGORICAL, classes=("bag", "hat", "shoe"))
HEEL = Attribute(
    column="heel", id="a01", kind=Kind.CATEGORICAL, classes=("flat", "high"), applies_to=("shoe",), undecided=("hat",)
)
TAGS = Attribute(column="tags", id="a02", kind=Kind.MULTILABEL, classes=("new", "old", "red"), separator=";")
PRICE = Attribute(column="price", id="a03", kind=Kind.NUMERIC, transform=Transform.LOG)
STEP = Attribute(column="step", id="a04", kind=Kind.ORDINAL, classes=("0", "1", "2"))
FLAG = Attribute(column="flag", id="a05", kind=Kind.BINARY, classes=("no", "Yes"))


def schema(*attributes: Attribute, category: str | None = None, **more: object) -> Schema:
    return Schema(images=("image",), attributes=attributes, category=category, **more)


def codes(notices) -> list[str]:
    return [notice.code for notice in notices]


def test_three_states() -> None:
    table = Table.of({"kind": ["shoe", "bag", "hat", "", "shoe", "belt"], "heel": ["flat", "", "", "", "", ""]})
    labels, notices = encode(schema(KIND, HEEL, category="kind"), table)
    assert labels.state[:, 1].tolist() == [VALUE, NOT_APPLICABLE, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN]
    assert labels.index[:, 0].tolist() == [2, 0, 1, -1, 2, -1]
    assert codes(notices) == ["unknown-class"]
    assert notices[0].rows == (6,)


def test_a_value_is_kept_against_the_schema() -> None:
    labels, notices = encode(
        schema(KIND, HEEL, category="kind"), Table.of({"kind": ["bag", "bag"], "heel": ["high", "odd"]})
    )
    assert labels.state[:, 1].tolist() == [VALUE, UNKNOWN]
    assert codes(notices) == ["unknown-class", "value-not-applicable"]


def test_declared_texts() -> None:
    given_schema = schema(KIND, HEEL, category="kind", unknown=("", "?"), not_applicable=("NA",))
    labels, notices = encode(given_schema, Table.of({"kind": ["shoe", "shoe", "?"], "heel": ["NA", "?", "NA"]}))
    assert labels.state[:, 1].tolist() == [NOT_APPLICABLE, UNKNOWN, NOT_APPLICABLE]
    assert not notices


def test_several_classes() -> None:
    labels, notices = encode(
        schema(KIND, TAGS), Table.of({"tags": ["old; red", "", "new;mystery", "mystery", "red;red"]})
    )
    assert labels.state[:, 1].tolist() == [VALUE, UNKNOWN, VALUE, UNKNOWN, VALUE]
    assert labels.members[:, 3:].tolist() == [[0, 1, 1], [0, 0, 0], [1, 0, 0], [0, 0, 0], [0, 0, 1]]
    assert not labels.members[:, :3].any()
    assert codes(notices) == ["no-column", "unknown-class"]


def _resident() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for the memory of this process")
def test_classes_of_other_kinds_take_no_memory() -> None:
    """A table of a thousand classes has a few columns of several classes a cell; only these are to be written to."""
    many = Attribute(column="many", id="a06", kind=Kind.CATEGORICAL, classes=tuple(f"c{n}" for n in range(2_000)))
    rows = 100_000
    table = Table.of({"tags": ["old; red", "", "new", "red"] * (rows // 4), "many": ["c1"] * rows})
    before = _resident()
    labels, _ = encode(schema(many, TAGS), table)
    taken = labels.take(np.arange(0, rows, 2))
    assert labels.members.shape == (rows, 2_003)
    assert _resident() - before < 100 << 20, "200 MB of zeros, and half of them again"
    assert taken.members[:3, 2_000:].tolist() == [[0, 1, 1], [1, 0, 0], [0, 1, 1]]


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("rows", [np.array([4, 0, 4]), np.array([True, False, True, True, False]), np.array([], int)])
def test_labels_of_some_items(order: str, rows: np.ndarray) -> None:
    members = np.zeros((5, 6), np.uint8, order=order)
    members[[0, 4, 3], [1, 1, 5]] = 1
    state = np.arange(5, dtype=np.int8)[:, None]
    labels = Labels(state=state, index=state.astype(np.int32), members=members, number=state.astype(np.float64))
    assert labels.take(rows).members.tolist() == members[rows].tolist()
    assert labels.take(rows).members.flags.f_contiguous or order == "C"


def test_numbers_and_their_faults_all_at_once() -> None:
    table = Table.of({"price": ["10", "", "1e2", "ten", "0", "-3"]})
    with pytest.raises(TableError) as caught:
        encode(schema(PRICE), table)
    assert sorted(complaint.row for complaint in caught.value.complaints) == [4, 5, 6]
    labels, _ = encode(schema(PRICE), table, np.array([2, 0, 1]))
    assert labels.number[:, 0].tolist()[:2] == [100.0, 10.0]
    assert labels.state[:, 0].tolist() == [VALUE, VALUE, UNKNOWN]


def test_rows_of_faults_are_those_of_the_whole_table() -> None:
    table = Table.of({"price": ["1", "2", "x"]}).take(np.array([2, 1]))
    with pytest.raises(TableError, match="row 3"):
        encode(schema(PRICE), table)


def test_what_means_the_same_is_the_same_class() -> None:
    labels, notices = encode(schema(STEP, FLAG), Table.of({"step": ["1.0", "2"], "flag": ["YES", "No"]}))
    assert labels.index.tolist() == [[1, 1], [2, 0]]
    assert not notices


def test_capitals_tell_classes_apart() -> None:
    labels, _ = encode(schema(KIND), Table.of({"kind": ["Bag"]}))
    assert labels.state.tolist() == [[UNKNOWN]]


TOP = Attribute(column="top", id="a10", kind=Kind.CATEGORICAL, classes=("fruit", "veg"))
MIDDLE = Attribute(
    column="middle",
    id="a11",
    kind=Kind.CATEGORICAL,
    classes=("apple", "root"),
    parent=Parent(column="top", of={"apple": "fruit", "root": "veg"}),
)
FINE = Attribute(
    column="fine",
    id="a12",
    kind=Kind.CATEGORICAL,
    classes=("beet", "gala", "granny"),
    parent=Parent(column="middle", of={"beet": "root", "gala": "apple", "granny": "apple"}),
)


def test_parents_follow_from_children() -> None:
    table = Table.of(
        {
            "top": ["", "veg", "", "fruit", "nut"],
            "middle": ["", "", "apple", "", ""],
            "fine": ["gala", "gala", "", "", "beet"],
        }
    )
    labels, notices = encode(schema(TOP, MIDDLE, FINE), table)
    assert labels.index.tolist() == [[0, 0, 1], [1, 0, 1], [0, 0, -1], [0, -1, -1], [-1, 1, 0]]
    assert codes(notices) == ["unknown-class", "implied-by-child", "implied-by-child", "parent-contradiction"]


def test_a_table_without_any_column_is_refused() -> None:
    with pytest.raises(TableError, match="none of the others"):
        encode(schema(KIND, TAGS), Table.of({"image": ["a.png"]}))


def test_a_number_too_large_to_be_scaled_is_refused_by_its_row() -> None:
    plain = Attribute(column="size", id="a06", kind=Kind.NUMERIC)
    table = Table.of({"price": ["1e200", "100"], "size": ["3", "-1e200"]})
    with pytest.raises(TableError, match=r"row 2, column 'size'.*'-1e200'") as caught:
        encode(schema(PRICE, plain), table)
    assert len(caught.value.complaints) == 1, "a logarithm of 1e200 is as good as any"
    labels, notices = encode(schema(PRICE, plain), table, forgiving=True)
    assert labels.state.tolist() == [[VALUE, VALUE], [VALUE, UNKNOWN]]
    assert codes(notices) == ["unreadable-number"]


def test_a_number_far_from_the_training_rows_is_refused_by_its_row() -> None:
    """Of a validation row its square would be the infinite loss by which a checkpoint is chosen."""
    plain, prices = Attribute(column="size", id="a06", kind=Kind.NUMERIC), ["1", "2", "3", "1e90", ""]
    table = Table.of({"price": prices, "size": ["1", "2", "3", "2", "1e60"]})
    both, rows = schema(PRICE, plain), np.array([2, 0, 1, 4, 3])
    labels, _ = encode(both, table, rows)
    scales = fit_scales(both, labels.take(np.arange(3)))
    with pytest.raises(TableError, match=r"row 5, column 'size': .*training rows. Found '1e60'") as caught:
        refuse_far_numbers(both, table, rows, labels, scales)
    assert len(caught.value.complaints) == 1
    near = np.array([0, 1, 2, 4])
    refuse_far_numbers(both, table, rows[near], labels.take(near), scales)


def test_scales_are_of_the_given_rows() -> None:
    plain = Attribute(column="size", id="a06", kind=Kind.NUMERIC)
    table = Table.of({"price": ["1", "100", ""], "size": ["-1", "3", "50"]})
    labels, _ = encode(schema(PRICE, plain), table)
    scales = fit_scales(schema(PRICE, plain), labels.take(np.array([0, 1])))
    assert scales["a03"].mean == pytest.approx(np.log(10))
    assert (scales["a06"].mean, scales["a06"].deviation) == (1.0, 2.0)
    with pytest.raises(SchemaError, match="training rows"):
        fit_scales(schema(PRICE, plain), labels.take(np.array([2])))


KINDS = st.sampled_from(["bag", "shoe", "hat", "", "x"])
HEELS = st.sampled_from(["flat", "high", ""])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(KINDS, HEELS), min_size=1), st.randoms())
def test_rows_are_coded_one_by_one(pairs: list[tuple[str, str]], random) -> None:
    """The label of a row depends on that row alone, and an empty cell never becomes a value."""
    table = Table.of({"kind": [pair[0] for pair in pairs], "heel": [pair[1] for pair in pairs]})
    whole, _ = encode(schema(KIND, HEEL, category="kind"), table)
    order = list(range(len(pairs)))
    random.shuffle(order)
    some, _ = encode(schema(KIND, HEEL, category="kind"), table, np.array(order))
    assert (some.state == whole.state[order]).all()
    assert (some.index == whole.index[order]).all()
    for row, (kind, heel) in enumerate(pairs):
        assert (whole.state[row, 1] == VALUE) == (heel != "")
        assert (whole.state[row, 1] == NOT_APPLICABLE) == (kind == "bag" and heel == "")
