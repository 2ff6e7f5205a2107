"""Tables to the letter: blanks, quotes, separators, marks and line ends are read, and written as they were."""

import gzip
from pathlib import Path

import polars as pl
import pytest

from facetwise.data import Spelling, read_spelled, read_table
from facetwise.errors import UserError

COLUMNS = {
    " image": ["a.png", " b.png ", "c.png"],
    "note;n": ['say "hi"', "two\nlines, one", "a\rb"],
    "größe ": ["  ", "", "\tL"],
}


def _written(path: Path, spelling: Spelling, columns: dict[str, list[str]]) -> Path:
    path.write_bytes(spelling.encode([list(columns), *zip(*columns.values(), strict=True)]))
    return path


@pytest.mark.parametrize(
    "spelling",
    [
        Spelling(),
        Spelling(separator=";", marked=True, line_end="\r\n"),
        Spelling(separator="|", codec="utf-16-le", marked=True),
        Spelling(separator="\t", codec="utf-16-be", marked=True, line_end="\r"),
        Spelling(codec="utf-16-le"),
        Spelling(separator=",", codec="utf-32-be", marked=True),
        Spelling(separator=";", says="sep=;\r\n", line_end="\r\n"),
        Spelling(separator=";", says="sep=;\n", marked=True),
    ],
)
def test_a_file_is_read_and_written_to_the_letter(tmp_path: Path, spelling: Spelling) -> None:
    path = _written(tmp_path / "table.csv", spelling, COLUMNS)
    table, found = read_spelled(path)
    assert table.digest == read_table(path).digest
    assert table.columns == ("image", "note;n", "größe")
    for name in ("separator", "line_end", "says", "codec", "marked"):
        assert getattr(found, name) == getattr(spelling, name), name
    assert list(found.names.values()) == list(COLUMNS)
    assert found.cells is not None
    assert list(found.cells.values()) == list(COLUMNS.values())
    again = found.encode([list(found.names.values()), *zip(*found.cells.values(), strict=True)])
    assert again == path.read_bytes()


def test_a_tab_that_the_name_announces_is_not_taken_to_a_csv(tmp_path: Path) -> None:
    path = tmp_path / "table.TSV"
    path.write_bytes(b"image\tsize\na.png\t M\n")
    _, found = read_spelled(path)
    assert found.separator == ","
    assert found.cells == {"image": ["a.png"], "size": [" M"]}
    assert found.encode([["a", "b,c"]], separator="\t") == b"a\tb,c\n"


def test_packed_files_blank_lines_and_columns_without_a_name(tmp_path: Path) -> None:
    path = tmp_path / "table.csv.gz"
    path.write_bytes(gzip.compress(b"image;;size; \n\na.png; x;;\nb.png;;; \n"))
    table, found = read_spelled(path)
    assert table.columns == ("image", "", "size")
    assert [notice.code for notice in table.notices] == ["empty-column"]
    assert found.cells == {"image": ["a.png", "b.png"], "": [" x", ""], "size": ["", ""]}


def test_what_is_no_file_of_separated_values_has_its_texts_alone(tmp_path: Path) -> None:
    frame = pl.DataFrame({"image": [" a.png"], "size": ["M "]})
    frame.write_parquet(tmp_path / "table.parquet")
    for source in (frame, tmp_path / "table.parquet", str(tmp_path / "table.parquet")):
        table, found = read_spelled(source)
        assert table.column("size").tolist() == ["M"]
        assert found == Spelling()


@pytest.mark.parametrize("name", ["gone.csv", "folder.csv", "x" * 300 + ".csv", "a\0b.csv"])
def test_what_cannot_be_read_is_said_as_ever(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(UserError) as expected:
        read_table(tmp_path / name)
    with pytest.raises(UserError) as found:
        read_spelled(tmp_path / name)
    assert str(found.value) == str(expected.value)


def test_a_line_of_nothing_is_a_row_all_the_same() -> None:
    assert Spelling().encode([["a"], [""]]) == b'a\n""\n'
