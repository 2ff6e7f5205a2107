"""A run on given features needs no column of pictures, neither when it is trained nor afterwards."""

from pathlib import Path

import polars as pl
import pytest

import facetwise as fw
from facetwise import studies
from facetwise.cli import run as command
from facetwise.data import Table, complete_schema
from facetwise.errors import TableError
from facetwise.events import Event
from made_table import TINY, write_table

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def run(tmp_path: Path) -> fw.Run:
    table, features = write_table(tmp_path)
    pl.read_csv(table, infer_schema=False).drop("image").write_csv(table)
    return fw.train(table, features=features, out=tmp_path / "run", settings=TINY)


def test_it_is_measured_exported_and_asked_what_to_label(run: fw.Run, tmp_path: Path) -> None:
    run = fw.load(run.path)
    assert run.evaluate(split="train").items == len(run.prepared.split.rows("train"))
    slices = run.evaluate(by="size")
    assert sum(one.items for one in slices.values()) == len(run.prepared.split.rows("test"))
    assert list(run.prepared.images()[:3]) == ["0", "1", "2"]
    assert len(studies.suggest(run, count=5)) == 5
    assert command(["suggest", str(run.path), "--out", str(tmp_path / "suggested"), "--quiet"]) == 0
    assert command(["export", str(run.path), "--features-only", "--out", str(tmp_path / "run.onnx"), "--quiet"]) == 0


def test_how_long_it_takes_is_told_by_rows(run: fw.Run, tmp_path: Path) -> None:
    """Once before the run's table is read again, and before each side is measured; a saved score takes no time."""
    said: list[Event] = []
    run = fw.load(run.path)
    run.evaluate(report=said.append)
    assert said == []
    run.evaluate(split=("train", "val"), report=said.append)
    run.report(tmp_path / "report.html", report=said.append)
    assert [event.kind for event in said] == ["estimate"] * 3
    rows, sides = len(run.prepared.rows), [len(run.prepared.split.rows(side)) for side in ("train", "val")]
    assert f"table of {rows:,} rows" in said[0].message
    assert [event.message.split()[0] for event in said[1:]] == [str(count) for count in sides]
    seconds = [event.data["left"] for event in said[1:] if event.data is not None]
    assert seconds[0] / seconds[1] == pytest.approx(sides[0] / sides[1])
    said.clear()
    fw.inspect(run.source()["table"], report=said.append)
    assert [event.message for event in said] == [f"{rows:,} rows of {len(run.prepared.table.columns)} columns"]


def test_a_report_without_its_table_says_so(run: fw.Run, tmp_path: Path) -> None:
    Path(run.source()["table"]).rename(tmp_path / "moved.csv")
    page = fw.load(run.path).report(tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Without pictures, neighbours and what to label next: There is no table" in page


def test_a_declared_column_of_pictures_is_demanded_where_pictures_are_read(run: fw.Run) -> None:
    cells = pl.read_csv(Path(run.source()["table"]), infer_schema=False).to_dict(as_series=False)
    table = Table.of(cells)
    rows = run.prepared.rows
    assert complete_schema(run.schema, table, rows, pictures=False)[0] == run.schema
    with pytest.raises(TableError, match="no 'image'"):
        complete_schema(run.schema, table, rows)
