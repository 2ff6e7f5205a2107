"""Columns that Arrow codes: the same as one cell after the other by Python, and never where that would differ."""

import csv
import io

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from facetwise.data import Table, _arrow_lines, _frames, _separated
from facetwise.data._frames import read_frame
from facetwise.data._separated import read_separated
from facetwise.errors import TableError

PIECES = st.sampled_from([*"ab ,;|é😀'#\\\t\x0b\x85\u2028\0", '"', '"', "\n", "\r", ',"', '",', '""'])
CELLS = st.lists(PIECES, max_size=4).map("".join)


@pytest.fixture(autouse=True)
def _from_the_first_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_arrow_lines, "LEAST_TEXT", 0)
    monkeypatch.setattr(_frames, "LEAST_ROWS", 1)


def _told(text: str, separator: str | None, *, arrow: bool) -> object:
    """A table's columns, or every complaint about it."""
    with pytest.MonkeyPatch.context() as patch:
        if not arrow:
            patch.setattr(_separated, "split_lines", lambda *_: None)
        try:
            return _columns(read_separated(text, "t.csv", separator))
        except TableError as error:
            return [str(complaint) for complaint in error.complaints]


def _columns(table: Table) -> dict[str, tuple[tuple[str, ...], list[int], list[int]]]:
    coded = {name: table.coded(name) for name in table.columns}
    return {name: (one.values, one.codes.tolist(), one.counts.tolist()) for name, one in coded.items()}


@given(
    rows=st.lists(st.lists(CELLS, min_size=2, max_size=3), max_size=6),
    ends=st.sampled_from(["\n", "\r\n", "\r", "\n\n"]),
    separator=st.sampled_from([",", ";", "\t", "|", "'"]),
    closed=st.booleans(),
)
@example(rows=[], ends="\n", separator=",", closed=True)
@example(rows=[["a", "b"], ["c"]], ends="\n", separator=",", closed=True)
@example(rows=[['"a"b', "c"], ["d", "e"]], ends="\n", separator=",", closed=True)
@example(rows=[["a", '"b'], ["d", "e"]], ends="\n", separator=",", closed=True)
@example(rows=[["\ufeff", "b"]], ends="\n", separator=",", closed=True)
@example(rows=[["", ""], ["NULL", "nan"]], ends="\r\n", separator=",", closed=False)
def test_separated_texts_are_split_alike(rows: list[list[str]], ends: str, separator: str, closed: bool) -> None:
    text = ends.join(separator.join(row) for row in [["x", "y"], *rows]) + (ends if closed else "")
    assert _told(text, separator, arrow=True) == _told(text, separator, arrow=False)


@given(
    rows=st.lists(st.lists(st.text(max_size=3), min_size=2, max_size=2), max_size=5),
    ends=st.sampled_from(["\n", "\r\n"]),
)
def test_quoted_cells_are_split_alike(rows: list[list[str]], ends: str) -> None:
    sink = io.StringIO(newline="")
    csv.writer(sink, lineterminator=ends).writerows([["x", "y"], *rows])
    assert _told(sink.getvalue(), ",", arrow=True) == _told(sink.getvalue(), ",", arrow=False)


def test_arrow_has_split_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the tests above would compare Python with itself."""
    monkeypatch.setattr(_separated, "Numbering", None)
    table = read_separated('sep=;\r\n\r\n photo ;n\r\n a.jpg;1 \r\n\r\n"b;""\n.jpg";1\r\n', "t.csv")
    assert _columns(table) == {"photo": (("a.jpg", 'b;"\n.jpg'), [0, 1], [1, 1]), "n": (("1",), [0, 0], [2])}


def test_a_line_longer_than_a_block_is_left_to_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_arrow_lines, "_BLOCK", 64)
    text = "x,y\n" + "1,2\n" * 40 + f"{'z' * 200},3\n"
    assert _told(text, ",", arrow=True) == _told(text, ",", arrow=False)


COLUMNS = {
    "text": [" red", None, "red", ""],
    "whole": [1, None, -3, 2**62],
    "real": [0.1, None, 1.0, 1e22],
    "yes": [True, None, False, True],
}
DAYS = ["2026-01-01", None, "2026-01-02", "2026-01-01"]
FRAMES = {
    "polars": pl.DataFrame(COLUMNS).with_columns(
        single=pl.Series([0.1, None, 1.0, 3.4e38], dtype=pl.Float32),
        small=pl.Series([1, 2, None, 1], dtype=pl.UInt8),
        nan=pl.Series([float("nan"), 1.5, None, float("inf")]),
        kind=pl.Series(["a", "b", None, "a"], dtype=pl.Categorical),
        day=pl.Series(DAYS).str.to_date(),
        tags=pl.Series([["a", "b"], [], None, ["a"]]),
        nothing=pl.Series([None] * 4),
    ),
    "pandas": pd.DataFrame(COLUMNS),
    "objects": pd.DataFrame({name: pd.Series(cells, dtype=object) for name, cells in COLUMNS.items()}),
    "mixed": pd.DataFrame({"mixed": ["a", 1, None, 2.5], "single": np.float32([0.1, 2, 3, 4])}),
    "half a character": pd.DataFrame({"half": pd.Series(["\ud800", "b", "c", "d"], dtype=object)}),
    "categories": pd.DataFrame({"kind": pd.Categorical(["a", "b", "a", None], categories=["a", "b", "never"])}),
}


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_frames_are_read_alike(frame: object, monkeypatch: pytest.MonkeyPatch) -> None:
    def told() -> object:
        try:
            return _columns(read_frame(frame, "frame"))
        except TableError as error:
            return [str(complaint) for complaint in error.complaints]

    quick = told()
    monkeypatch.setattr(_frames, "LEAST_ROWS", 10**9)
    assert quick == told()
