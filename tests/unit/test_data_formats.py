"""Formats and encodings: the same table whatever carries it, or one message that says what to do."""

import gzip
import json
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

from facetwise.data import Table, read_table
from facetwise.errors import TableError, UserError

ROWS = [["image", "größe", "note"], ["a.png", "2", 'one "two"\nthree'], ["b.png", "", "x;y"], ["c.png", "007", "|"]]
OBJECTS = [dict(zip(ROWS[0], row, strict=True)) for row in ROWS[1:]]
LINES = "\n".join(map(json.dumps, OBJECTS)).encode()
PLAIN = 'image,größe,note\na.png,2,"one ""two""\nthree"\nb.png,,x;y\nc.png,007,|\n'


def cells(table: Table) -> list[list[str]]:
    return [list(table.columns), *[list(row) for row in zip(*(table.column(c) for c in table.columns), strict=True)]]


def write(path: Path, data: str | bytes) -> Path:
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("t.csv", PLAIN.encode()),
        ("t.csv", PLAIN.encode("utf-8-sig")),
        ("t.csv", PLAIN.encode("utf-16")),
        ("t.csv", PLAIN.encode("utf-16-le")),
        ("t.csv", PLAIN.encode("utf-16-be")),
        ("t.csv", PLAIN.encode("utf-32")),
        ("t.csv", b"sep=,\r\n" + PLAIN.encode()),
        ("t.csv", PLAIN.replace(",", "\t").encode()),
        ("t.tsv", PLAIN.replace(",", "\t").encode()),
        ("t.csv", PLAIN.replace("x;y", '"x;y"').replace(",", ";").encode()),
        ("t.csv", b"\n\n" + PLAIN.encode() + b"\n\n"),
        ("t.CSV.GZ", gzip.compress(PLAIN.encode(), mtime=0)),
        ("t.tsv.gz", gzip.compress(PLAIN.replace(",", "\t").encode("utf-16"), mtime=0)),
        ("t.jsonl", LINES),
        ("t.ndjson.gz", gzip.compress(LINES, mtime=0)),
        ("t.json", json.dumps(OBJECTS, indent=1).encode()),
        ("t.json", json.dumps({c: [row[n] for row in ROWS[1:]] for n, c in enumerate(ROWS[0])}).encode()),
    ],
)  # fmt: skip
def test_one_table_in_every_dress(tmp_path: Path, name: str, data: bytes) -> None:
    assert cells(read_table(write(tmp_path / name, data))) == ROWS


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_ends_of_lines(tmp_path: Path, end: str) -> None:
    text = f"image,c{end}a.png,x{end}b.png,y"
    assert cells(read_table(write(tmp_path / "t.csv", text))) == [["image", "c"], ["a.png", "x"], ["b.png", "y"]]


def test_frames_and_dictionaries() -> None:
    columns = {name: [row[place] for row in ROWS[1:]] for place, name in enumerate(ROWS[0])}
    for frame in (columns, pd.DataFrame(columns), pl.DataFrame(columns), {k: np.array(v) for k, v in columns.items()}):
        assert cells(read_table(frame)) == ROWS
    with pytest.raises(TableError, match="same length"):
        read_table({"a": ["x"], "b": ["x", "y"]})
    with pytest.raises(TableError, match="column 'a': a column is a list of cells"):
        read_table({"a": "text", "b": ["x"]})
    with pytest.raises(TableError, match="name of its own"):
        read_table(pd.DataFrame([[1, 2]], columns=["a", "a"]))
    assert read_table({"n": [np.float32(0.1), np.int64(3), np.nan]}).column("n").tolist() == ["0.1", "3", ""]
    assert read_table(pl.DataFrame({"n": pl.Series([0.1], dtype=pl.Float32)})).column("n").tolist() == ["0.1"]
    with pytest.raises(TableError, match=r"row 2, column 'x'.*a object"):
        read_table({"x": ["a", object()]})


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("t.csv", "image,c\na.png,caf\u00e9\n".encode("cp1252"), r"line 2: .*0xe9, in 'café' if .*Windows-1252.*iconv"),
        ("t.csv", b"\xef\xbb\xbfimage,c\n\xe9,x\n", "line 2: "),
        ("t.csv", "image,c\na.png,x\n".encode("utf-16")[:-1], "UTF-16 that breaks off"),
        ("t.csv", b"PK\x03\x04...", "Excel workbook"),
        ("t.csv", b"\x1f\x8b...", "end in .gz"),
        ("t.csv", b"\x89PNG\r\n", "a PNG picture"),
        ("t.csv", b"PAR1", "Parquet"),
        ("t.csv", b" <!DOCTYPE HTML>", "web page"),
        ("t.csv.gz", b"image\na\n", "whole gzip"),
        ("t.csv.gz", gzip.compress(PLAIN.encode(), mtime=0)[:-9], "whole gzip"),
        ("t.parquet", b"PAR1 no", "the file is Parquet"),
        ("t.json", b"3", "a list of objects"),
        ("t.json", b'{"a": [1], "b": [1, 2]}', "a list of objects"),
        ("t.jsonl", b"[" * 100_000, "row 1: a row is one JSON object"),
    ],
)
def test_what_is_no_table_is_named(tmp_path: Path, name: str, data: bytes, says: str) -> None:
    with pytest.raises(TableError, match=says):
        read_table(write(tmp_path / name, data))


def test_workbooks_say_how_to_save(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"save the sheet as 'CSV UTF-8'.*read_excel\('t.xlsx', dtype=str\)"):
        read_table(write(tmp_path / "t.xlsx", b"PK\x03\x04"))


def test_json_lines_all_at_once(tmp_path: Path) -> None:
    lines = [
        '{"image": "a.png", "tags": ["x", "y"], "n": 1.50}',
        '{"x": {"y": 1}}',
        '{"a": 1',
        "[1]",
        '{"image": 1, "image ": 2}',
        '{"tags": ["x|y"]}',
        '{"tags": [["x"]]}',
        '{"n": NaN, "line\u2028": "a\u2028b"}',
    ]
    with pytest.raises(TableError) as caught:
        read_table(write(tmp_path / "t.jsonl", "\n".join(lines)))
    assert [complaint.row for complaint in caught.value.complaints] == [2, 3, 4, 5, 6, 7]
    good = read_table(write(tmp_path / "t.jsonl", "\n".join([lines[0], "", lines[-1]])))
    assert cells(good) == [
        ["image", "tags", "n", "line"],
        ["a.png", "x|y", "1.50", ""],
        ["", "", "", "a\u2028b"],
    ]


def test_text_that_cannot_be_written_is_named_by_row(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"row 2, column 'c'.*NUL"):
        read_table(write(tmp_path / "t.csv", "image,c\na,b\na,\0\n"))
    with pytest.raises(TableError, match=r"row 1, column 'c'.*half characters"):
        read_table(write(tmp_path / "t.jsonl", '{"c": "\\ud800"}'))
    with pytest.raises(TableError, match="a name is text"):
        read_table(write(tmp_path / "t.jsonl", '{"\\ud800": "x"}'))


@pytest.mark.parametrize("name", ["no\0where.csv", "x" * 5000 + ".csv", "", "~"])
def test_names_that_no_file_has(name: str) -> None:
    with pytest.raises(UserError):
        read_table(name)
