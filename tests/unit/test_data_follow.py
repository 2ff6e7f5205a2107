"""--split-from: an appended, shuffled, shortened, renamed, regrouped table keeps what the earlier run decided."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facetwise.data import PreviousSplit, Split, Table, read_previous, read_split, split_rows, write_split
from facetwise.errors import TableError
from facetwise.schema import Attribute, Kind, Schema

COLOUR = Attribute(column="colour", id="a00", kind=Kind.CATEGORICAL, classes=("b", "g", "r"))
SCHEMA = Schema(images=("image",), attributes=(COLOUR,), group="product")


def table(rows: int, *, start: int = 0, products: int = 40) -> Table:
    generator = np.random.default_rng(start)
    return Table.of(
        {
            "image": [f"{row}.jpg" for row in range(start, start + rows)],
            "product": [f"p{n}" if n else "" for n in generator.integers(products, size=rows)],
            "colour": generator.choice(["r", "g", "b", ""], size=rows).tolist(),
        }
    )


def join(*tables: Table) -> Table:
    return Table.of({c: [text for part in tables for text in part.column(c)] for c in tables[0].columns})


def digests_of(data: Table) -> list[str]:
    return [f"d{image}" for image in data.column("image")]


def run(data: Table, path: Path, **options: object) -> Split:
    split = split_rows(data, SCHEMA, digests=digests_of(data), **options)  # ty: ignore[invalid-argument-type]
    write_split(split, path / "split.csv")
    return split


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 50), st.integers(1, 120), st.integers(0, 60), st.integers(0, 1000))
def test_old_rows_stay_and_groups_stay_together(tmp_path_factory, seed: int, new: int, gone: int, order: int) -> None:
    path = tmp_path_factory.mktemp("run")
    old = table(120, start=seed * 1000)
    first = run(old, path, seed=seed)
    side_of = dict(zip(old.column("image"), first.side, strict=True))
    group_of = {p: s for p, s in zip(old.column("product"), first.side, strict=True) if p}
    rows = np.random.default_rng(order).permutation(120)[gone:]
    appended = join(old.take(rows), table(new, start=500_000))
    appended = appended.take(np.random.default_rng(order + 1).permutation(len(appended)))
    previous = read_previous(path / "split.csv")
    second = split_rows(appended, SCHEMA, digests=digests_of(appended), seed=seed + 1, previous=previous)
    for image, product, side in zip(appended.column("image"), appended.column("product"), second.side, strict=True):
        if image in side_of:
            assert side == side_of[image]
        elif product in group_of:
            # Its group may be gone from this table altogether; the earlier run's side is kept all the same.
            assert side == group_of[product]
    products = appended.column("product")
    assert all(len(set(second.side[products == p])) == 1 for p in set(products) - {""})


def test_new_rows_bring_the_whole_to_the_ratios(tmp_path: Path) -> None:
    old = table(300, products=300)
    run(old, tmp_path, val_ratio=0.2, test_ratio=0.2)
    whole = join(old, table(300, start=1000, products=300))
    previous = read_previous(tmp_path / "split.csv")
    split = split_rows(whole, SCHEMA, digests=digests_of(whole), previous=previous, val_ratio=0.2, test_ratio=0.2)
    assert abs(len(split.rows("test")) - 120) <= 6
    assert abs((split.side[300:] == "test").mean() - 0.2) < 0.05


def test_a_group_is_known_by_its_cell_though_its_set_had_another_key(tmp_path: Path) -> None:
    """p1 and p2 shared a picture, so their set is called p1; a new row of p2 alone must still follow."""
    old = table(60, products=60)
    cells = {c: old.column(c).copy() for c in old.columns}
    cells["product"][:2] = ["p1000", "p2000"]
    digests = digests_of(old)
    digests[1] = digests[0]
    for seed in range(8):
        first = split_rows(Table.of(cells), SCHEMA, digests=digests, seed=seed)
        write_split(first, tmp_path / "split.csv")
        fresh = Table.of({"image": ["x.jpg", "y.jpg"], "product": ["p2000", ""], "colour": ["r", "g"]})
        later = join(Table.of(cells).take(np.arange(2, 60)), fresh)
        previous = read_previous(tmp_path / "split.csv")
        second = split_rows(later, SCHEMA, digests=[*digests[2:], "dx", "dy"], previous=previous, seed=seed + 100)
        assert second.side[58] == first.side[1]


def test_a_group_is_known_by_any_of_its_cells(tmp_path: Path) -> None:
    """A new picture joins the old product p2 to a new one, whose name comes first in the alphabet."""
    old = table(60, products=60)
    cells = {c: old.column(c).copy() for c in old.columns}
    cells["product"][0] = "p2000"
    new = Table.of({"image": ["x.jpg", "y.jpg"], "product": ["a new one", "p2000"], "colour": ["r", "g"]})
    for seed in range(8):
        first = split_rows(Table.of(cells), SCHEMA, digests=digests_of(old), seed=seed)
        write_split(first, tmp_path / "split.csv")
        later = join(Table.of(cells).take(np.arange(1, 60)), new)
        digests = [*digests_of(old)[1:], "same", "same"]
        second = split_rows(later, SCHEMA, digests=digests, previous=read_previous(tmp_path / "split.csv"), seed=99)
        assert set(second.side[-2:]) == {first.side[0]}


def test_replaced_and_renamed_pictures(tmp_path: Path) -> None:
    old = table(60, products=1)
    first = run(old, tmp_path)
    renamed = Table.of({**old.cells, "image": [f"new/{n}.jpg" for n in range(60)]})
    previous = read_previous(tmp_path / "split.csv")
    assert (split_rows(renamed, SCHEMA, digests=digests_of(old), previous=previous).side == first.side).all()
    moved = Table.of({**old.cells, "product": [f"new {n}" for n in range(60)]})
    replaced = split_rows(moved, SCHEMA, digests=[f"other{n}" for n in range(60)], previous=previous, seed=8)
    assert (replaced.side == first.side).all()
    assert [notice.code for notice in replaced.notices] == ["picture-replaced"]
    assert (split_rows(old, SCHEMA, digests=None, previous=previous).side == first.side).all()


def test_a_picture_that_joins_two_sides_is_said(tmp_path: Path) -> None:
    old = table(200, products=1)
    first = run(old, tmp_path)
    train, test = first.rows("train")[0], first.rows("test")[0]
    digests = digests_of(old)
    cells = {c: old.column(c).copy() for c in old.columns}
    cells["product"][[train, test]] = "joined"
    later = join(Table.of(cells), Table.of({"image": ["new.jpg"], "product": ["joined"], "colour": ["r"]}))
    previous = read_previous(tmp_path / "split.csv")
    second = split_rows(later, SCHEMA, digests=[*digests, "dnew"], previous=previous)
    assert (second.side[:200] == first.side).all()
    [notice] = [notice for notice in second.notices if notice.code == "split-joins"]
    assert set(notice.rows) == {train + 1, test + 1, 201}


def test_the_tables_own_split_yields_to_the_earlier_run_and_says_so(tmp_path: Path) -> None:
    old = table(90, products=1)
    first = run(old, tmp_path)
    declared = Table.of({**old.cells, "split": ["train"] * 60 + ["test"] * 30})
    previous = read_previous(tmp_path / "split.csv")
    second = split_rows(declared, SCHEMA, digests=digests_of(old), previous=previous, split_column="split")
    assert (second.side == first.side).all()
    assert "split-against-table" in [notice.code for notice in second.notices]


def test_new_training_rows_are_divided_among_themselves(tmp_path: Path) -> None:
    """The declared test rows say nothing about how much of the training rows validation gets."""
    old = Table.of({**table(100, products=1).cells, "split": ["train"] * 50 + ["test"] * 50})
    first = split_rows(old, SCHEMA, digests=digests_of(old), split_column="split", val_ratio=0.2)
    write_split(first, tmp_path / "split.csv")
    new = Table.of({**table(100, start=900, products=1).cells, "split": ["train"] * 100})
    whole = join(old, new)
    previous = read_previous(tmp_path / "split.csv")
    second = split_rows(
        whole, SCHEMA, digests=digests_of(whole), split_column="split", previous=previous, val_ratio=0.2
    )
    assert abs(len(second.rows("val")) - 30) <= 3


def test_tables_without_pictures_are_known_by_number(tmp_path: Path) -> None:
    plain = Schema(images=("image",), attributes=(COLOUR,))
    data = Table.of({"colour": ["r", "g", "b"] * 30})
    first = split_rows(data, plain)
    write_split(first, tmp_path / "split.csv")
    more = Table.of({"colour": ["r", "g", "b"] * 40})
    second = split_rows(more, plain, previous=read_previous(tmp_path / "split.csv"), seed=3)
    assert (second.side[:90] == first.side).all()
    assert "split-by-number" in [notice.code for notice in second.notices]


def test_items_are_rows_of_the_table_as_it_was_read(tmp_path: Path) -> None:
    data = table(40).take(np.arange(1, 40, 2))
    run(data, tmp_path)
    again = read_split(tmp_path / "split.csv")
    assert again.items == tuple(range(1, 40, 2))
    assert again.keys == tuple(data.column("product"))


def test_a_file_of_an_older_version_is_still_read(tmp_path: Path) -> None:
    (tmp_path / "split.csv").write_text(
        "item,image,side,group,digest\n0,a.jpg,test,g,d\n1,b.jpg,train,g,e\n2,c.jpg,train,g,\n"
    )
    previous = read_previous(tmp_path / "split.csv")
    assert previous.side("a.jpg", "d") == "test"
    assert previous.by_group == {"g": "train"}
    assert PreviousSplit().side("", None) is None
    (tmp_path / "split.csv").write_text("item,image,side,group,digest\nx,a.jpg,test,g,d\n")
    with pytest.raises(TableError, match="an item is the number"):
        read_split(tmp_path / "split.csv")
