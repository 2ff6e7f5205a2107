"""Reading tables: text as it is spelled, and every fault at once."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

from facetwise.data import Table, read_table
from facetwise.errors import TableError, UserError


def write(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_cells_stay_text_and_lose_their_blanks(tmp_path: Path) -> None:
    table = read_table(write(tmp_path / "t.csv", "image, n \na.png, 007 \nb.png,1.0\n"))
    assert table.columns == ("image", "n")
    assert table.column("n").tolist() == ["007", "1.0"]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_separators_are_told_apart(tmp_path: Path, separator: str) -> None:
    rows = [["image", "types"], ["a.png", "x"], ["b.png", "y"]]
    table = read_table(write(tmp_path / "t.csv", "\n".join(separator.join(row) for row in rows)))
    assert table.column("types").tolist() == ["x", "y"]


def test_bars_in_cells_do_not_separate(tmp_path: Path) -> None:
    table = read_table(write(tmp_path / "t.csv", "image,types\na.png,x|y\nb.png,y|z\n"))
    assert table.column("types").tolist() == ["x|y", "y|z"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_byte_order_marks_are_no_part_of_the_first_name(tmp_path: Path, encoding: str) -> None:
    table = read_table(write(tmp_path / "t.csv", "image,größe\na.png,2\n".encode(encoding)))
    assert table.columns == ("image", "größe")


def test_another_encoding_is_named(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"line 2: a table is text in UTF-8. Found the byte 0xe9"):
        read_table(write(tmp_path / "t.csv", "image,c\na.png,caf\xe9\n".encode("latin-1")))


def test_ragged_lines_and_double_names_come_all_at_once(tmp_path: Path) -> None:
    with pytest.raises(TableError) as caught:
        read_table(write(tmp_path / "t.csv", "a,b,a\n1,2,3\n1,2\n1,2,3,4\n"))
    assert [complaint.row for complaint in caught.value.complaints] == [None, 2, 3]
    assert "'a' 2 times" in str(caught.value)


def test_quoted_line_breaks_are_one_cell(tmp_path: Path) -> None:
    table = read_table(write(tmp_path / "t.csv", 'image,d\na.png,"one\ntwo"\n'))
    assert table.column("d").tolist() == ["one\ntwo"]


@pytest.mark.parametrize("text", ["", "image,colour\n"])
def test_empty_tables_are_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(TableError):
        read_table(write(tmp_path / "t.csv", text))


def test_a_wrong_path_names_the_nearest_file(tmp_path: Path) -> None:
    write(tmp_path / "products.csv", "a\n1\n")
    with pytest.raises(UserError, match=r"did you mean products\.csv"):
        read_table(tmp_path / "product.csv")
    with pytest.raises(UserError, match="does not exist"):
        read_table(tmp_path / "nowhere" / "product.csv")
    with pytest.raises(UserError, match="folder"):
        read_table(tmp_path)
    with pytest.raises(UserError, match=r"\.xlsx"):
        read_table(write(tmp_path / "t.xlsx", "x"))


FRAME = {"i": [1, 2], "f": [1.0, None], "b": [True, False], "t": ["x ", None], "l": [["a", "b"], []]}
EXPECTED = {"i": ["1", "2"], "f": ["1.0", ""], "b": ["true", "false"], "t": ["x", ""], "l": ["a|b", ""]}


def cells(table: Table) -> dict[str, list[str]]:
    return {column: table.column(column).tolist() for column in table.columns}


def test_frames_and_parquet_read_alike(tmp_path: Path) -> None:
    pl.DataFrame(FRAME).write_parquet(tmp_path / "t.parquet")
    assert cells(read_table(pl.DataFrame(FRAME))) == EXPECTED
    assert cells(read_table(pd.DataFrame(FRAME))) == EXPECTED
    assert cells(read_table(tmp_path / "t.parquet")) == EXPECTED


def test_json_lines_keep_numbers_as_they_are_spelled(tmp_path: Path) -> None:
    lines = [{"image": "a.png", "n": 1.50}, {"image": "b.png", "tags": ["x", "y"], "ok": True}]
    table = read_table(write(tmp_path / "t.jsonl", "\n".join(map(json.dumps, lines))))
    assert cells(table) == {"image": ["a.png", "b.png"], "n": ["1.5", ""], "tags": ["", "x|y"], "ok": ["", "true"]}
    with pytest.raises(TableError) as caught:
        read_table(write(tmp_path / "bad.jsonl", '{"a": {"b": 1}}\n[1]\n{"a"\n'))
    assert [complaint.row for complaint in caught.value.complaints] == [1, 2, 3]


def test_structs_and_other_objects_are_refused() -> None:
    with pytest.raises(TableError, match="column 's'"):
        read_table(pl.DataFrame({"s": [{"a": 1}]}))
    with pytest.raises(UserError, match="pandas or polars"):
        read_table(42)


def test_digest_depends_on_every_cell() -> None:
    one, two = Table.of({"a": ["x", "y"], "b": ["", "z"]}), Table.of({"a": ["x", "y"], "b": ["z", ""]})
    assert one.digest == Table.of({"a": ["x", "y"], "b": ["", "z"]}).digest != two.digest


def test_taken_rows_remember_where_they_were() -> None:
    table = Table.of({"a": ["x", "y", "z"]}).take(np.array([2, 0]))
    assert table.column("a").tolist() == ["z", "x"]
    assert table.row_numbers(np.array([0])) == (3,)


def test_an_unknown_column_names_the_nearest() -> None:
    with pytest.raises(TableError, match="did you mean colour"):
        Table.of({"colour": ["x"]}).column("color")


def test_taken_columns_have_no_texts_without_rows() -> None:
    table = Table.of({"a": ["x", "y", "z", "x"]})
    coded = table.take(np.array([3, 2])).coded("a")
    assert (coded.values, coded.codes.tolist(), coded.counts.tolist()) == (("x", "z"), [0, 1], [1, 1])
    assert table.take(np.array([True, False, False, True])).column("a").tolist() == ["x", "x"]
    assert table.take(np.array([], dtype=int)).coded("a").values == ()
