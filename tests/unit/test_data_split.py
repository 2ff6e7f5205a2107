"""Splits: grouped, stratified, honoured, repeatable."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facetwise.data import Table, infer, read_previous, read_split, split_rows, write_split
from facetwise.data._strata import strata
from facetwise.errors import ConfigError, TableError
from facetwise.schema import Attribute, Kind, Schema

COLOUR = Attribute(column="colour", id="a00", kind=Kind.CATEGORICAL, classes=("b", "g", "r"))
TAGS = Attribute(column="tags", id="a01", kind=Kind.MULTILABEL, classes=("x", "y", "z"))
SIZE = Attribute(column="size", id="a02", kind=Kind.NUMERIC)
SCHEMA = Schema(images=("image",), attributes=(COLOUR, TAGS, SIZE), group="product")


def table(rows: int = 400, seed: int = 0) -> Table:
    generator = np.random.default_rng(seed)
    return Table.of(
        {
            "image": [f"{n}.jpg" for n in range(rows)],
            "product": [f"p{n}" if n else "" for n in generator.integers(rows // 3, size=rows)],
            "colour": generator.choice(["r", "g", "b", ""], size=rows, p=[0.6, 0.25, 0.05, 0.1]).tolist(),
            "tags": generator.choice(["x|y", "z", "y", ""], size=rows).tolist(),
            "size": [f"{number:.2f}" for number in generator.normal(size=rows)],
        }
    )


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.integers(0, 1000))
def test_permuting_rows_permutes_the_split(seed: int, order: int) -> None:
    data = table(90, seed)
    digests = [f"d{n // 2}" if n % 3 else None for n in range(90)]
    rows = np.random.default_rng(order).permutation(90)
    split = split_rows(data, SCHEMA, digests=digests, seed=seed)
    permuted = split_rows(data.take(rows), SCHEMA, digests=[digests[row] for row in rows], seed=seed)
    assert (permuted.side == split.side[rows]).all()
    assert [permuted.groups[place] for place in range(90)] == [split.groups[row] for row in rows]


def test_permuting_columns_changes_nothing() -> None:
    data = table()
    turned = Schema(images=("image",), attributes=(SIZE, COLOUR, TAGS), group="product")
    assert (split_rows(data, SCHEMA).side == split_rows(data, turned).side).all()


def test_groups_and_identical_pictures_stay_together() -> None:
    data = table()
    digests = [f"d{n // 2}" for n in range(400)]
    split = split_rows(data, SCHEMA, digests=digests)
    for keys in (data.column("product"), digests, split.groups):
        for key in set(keys) - {""}:
            assert len({side for side, own in zip(split.side, keys, strict=True) if own == key}) == 1


def test_rows_without_a_group_are_alone() -> None:
    data = Table.of({"image": [f"{n}.jpg" for n in range(40)], "product": [""] * 40, "colour": ["r", "g"] * 20})
    assert len(set(split_rows(data, SCHEMA).groups)) == 40


@pytest.mark.parametrize("nobody", ["NaN", "N/A", "null"])
def test_what_is_written_for_nothing_is_no_group(nobody: str) -> None:
    rows = 200
    products = [nobody if n % 2 else f"p{n // 8}" for n in range(rows)]
    columns = {"image": [f"{n}.jpg" for n in range(rows)], "product_id": products, "colour": ["r", "g"] * (rows // 2)}
    data = Table.of(columns)
    structure = infer(data)
    assert structure.group == "product_id"
    split = split_rows(data, structure)
    assert len(set(split.groups)) == rows // 2 + rows // 8
    assert split.keys == tuple("" if key == nobody else key for key in products)


def test_every_value_is_shared_out_in_proportion() -> None:
    data = table(2000)
    split = split_rows(data, SCHEMA, val_ratio=0.2, test_ratio=0.2)
    for value in ("r", "g", "b"):
        own = data.column("colour") == value
        for side, ratio in (("train", 0.6), ("val", 0.2), ("test", 0.2)):
            assert abs((split.side[own] == side).mean() - ratio) < 0.03
    assert abs((split.side == "test").mean() - 0.2) < 0.02


def test_seeds_differ_and_ratios_hold() -> None:
    data = table()
    assert (split_rows(data, SCHEMA, seed=1).side != split_rows(data, SCHEMA, seed=2).side).any()
    assert not len(split_rows(data, SCHEMA, test_ratio=0).rows("test"))
    with pytest.raises(ConfigError) as caught:
        split_rows(data, SCHEMA, val_ratio=-1, test_ratio=1)
    assert len(caught.value.complaints) == 2
    with pytest.raises(ConfigError, match="leave rows"):
        split_rows(data, SCHEMA, val_ratio=0.5, test_ratio=0.5)


def with_split(words: list[str]) -> Table:
    data = table()
    return Table.of({**data.cells, "split": [words[n % len(words)] for n in range(400)]})


def test_a_whole_split_is_honoured_and_crossing_groups_are_said() -> None:
    data = with_split(["train", "train", "val", "test"])
    split = split_rows(data, infer(data))
    assert (split.side == data.column("split")).all()
    assert [notice.code for notice in split.notices] == ["split-crossing"]


def test_val_is_cut_from_train_and_test_is_untouched() -> None:
    data = with_split(["Training", "Training", "Training", "test"])
    split = split_rows(data, SCHEMA, split_column="split", val_ratio=0.2)
    assert ((split.side == "test") == (data.column("split") == "test")).all()
    assert abs(len(split.rows("val")) - 60) <= 3
    assert "val cut from" in split.how
    products = data.column("product")
    assert not (set(products[split.rows("val")]) & set(products[split.rows("train")]) - {""})


def test_a_cell_that_names_no_side_is_an_error() -> None:
    with pytest.raises(TableError, match=r"row 2, column 'split'"):
        split_rows(with_split(["train", "tset", "test"]), SCHEMA, split_column="split")


def test_an_earlier_run_is_continued(tmp_path: Path) -> None:
    data = table(400)
    digests = [f"d{n}" for n in range(400)]
    old = np.arange(300)
    first = split_rows(data.take(old), SCHEMA, digests=digests[:300], seed=3)
    write_split(first, tmp_path / "split.csv")
    assert not list(tmp_path.glob("*.part"))
    again = read_split(tmp_path / "split.csv")
    assert (again.side == first.side).all()
    assert (again.groups, again.digests, again.images) == (first.groups, first.digests, first.images)
    order = np.random.default_rng(0).permutation(400)
    second = split_rows(
        data.take(order),
        SCHEMA,
        digests=[digests[row] for row in order],
        previous=read_previous(tmp_path / "split.csv"),
        seed=9,
    )
    side = np.empty(400, dtype=object)
    side[order] = second.side
    assert (side[:300] == first.side).all()
    known = dict(zip(data.column("product")[:300], first.side, strict=True))
    new = [
        (known[product], side[row])
        for row in range(300, 400)
        if (product := data.column("product")[row]) in known and product
    ]
    assert new
    assert all(before == after for before, after in new)


def test_a_renamed_picture_is_known_by_its_content(tmp_path: Path) -> None:
    data, digests = table(60), [f"d{n}" for n in range(60)]
    first = split_rows(data, SCHEMA, digests=digests)
    write_split(first, tmp_path / "split.csv")
    renamed = Table.of({**data.cells, "image": [f"new/{n}.jpg" for n in range(60)], "product": [""] * 60})
    second = split_rows(renamed, SCHEMA, digests=digests, previous=read_previous(tmp_path / "split.csv"), seed=5)
    assert (second.side == first.side).all()


def test_a_broken_split_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "split.csv").write_text("item,image,side,group,digest\n0,a.png,tain,g,\n")
    with pytest.raises(TableError, match="'tain'"):
        read_split(tmp_path / "split.csv")


def test_tiny_tables_keep_training_rows() -> None:
    for rows in range(1, 6):
        assert len(split_rows(table(rows + 3).take(np.arange(rows)), SCHEMA).rows("train"))


def test_strata_count_the_rows_of_every_group_and_value() -> None:
    generator = np.random.default_rng(0)
    rows = 400
    cells = {
        "colour": generator.choice(["red", "blue", "", "odd"], size=rows, p=[0.5, 0.3, 0.195, 0.005]).tolist(),
        "tags": ["|".join(sorted(generator.choice(["a", "b", "c"], size=2, replace=False))) for _ in range(rows)],
    }
    structure = Schema(
        images=("image",),
        attributes=(
            Attribute(column="tags", id="a00", kind=Kind.MULTILABEL, classes=("a", "b", "c")),
            Attribute(column="colour", id="a01", kind=Kind.CATEGORICAL, classes=("blue", "red")),
        ),
    )
    member = generator.integers(30, size=rows)
    (groups, values, counts), num_values = strata(Table.of(cells), structure, member)
    names = [("colour", name) for name in ("blue", "odd", "red")] + [("tags", name) for name in ("a", "b", "c")]
    seen = Counter((group, ("colour", text)) for group, text in zip(member, cells["colour"], strict=True) if text)
    seen += Counter(
        (group, ("tags", tag)) for group, text in zip(member, cells["tags"], strict=True) for tag in text.split("|")
    )
    often = [name for name in names if sum(n for (_, own), n in seen.items() if own == name) >= 5]
    assert num_values == len(often) == 5, "a class of two rows is no stratum"
    found = {(g, often[v]): n for g, v, n in zip(groups, values, counts, strict=True)}
    assert found == {key: n for key, n in seen.items() if key[1] in often}
