"""Rows of a labelled table whose pictures cannot be read are not scored, and not passed over in silence."""

import json
from pathlib import Path

import polars as pl
import pytest

import facetwise as fw
from facetwise.cli import run as command
from facetwise.errors import TableError
from facetwise.events import Event
from facetwise.metrics import Evaluation
from made_shop import SHOP, draw_shop
from tiny_backbone import stand_in


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> fw.Run:
    folder = tmp_path_factory.mktemp("left")
    with pytest.MonkeyPatch.context() as patch:
        stand_in(patch, folder / "cache")
        return fw.train(draw_shop(folder / "shop"), out=folder / "run", attributes=["sort", "colour"], **SHOP)


@pytest.fixture
def broken(run: fw.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A table of 8 new pictures, of which 3 are whole."""
    stand_in(monkeypatch, run.path.parent / "cache")
    table = draw_shop(tmp_path / "new", items=8, seed=9)
    first = (table.parent / "000.png").read_bytes()
    (table.parent / "001.png").write_bytes(first[: len(first) // 2])
    (table.parent / "002.png").write_bytes(first[: len(first) // 2])
    (table.parent / "003.png").write_text("<html>not found</html>")
    (table.parent / "004.png").write_bytes(b"")
    (table.parent / "005.png").unlink()
    return table


UNREADABLE = {"truncated": 2, "empty": 1, "missing": 1, "not_an_image": 1}


def test_they_are_counted_by_reason_and_named(run: fw.Run, broken: Path) -> None:
    told = list[Event]()
    found = run.evaluate(broken, report=told.append)
    assert (found.items, found.unreadable) == (3, UNREADABLE)
    assert Evaluation.from_dict(found.to_dict()) == found
    (notice,) = [event for event in told if event.data and event.data.get("code") == "unreadable"]
    assert "5 of 8 rows" in notice.message
    assert "2 truncated ('001.png', '002.png')" in notice.message
    assert "1 not_an_image ('003.png')" in notice.message
    assert notice.data == {"code": "unreadable", "rows": 5, "reasons": UNREADABLE}
    rows = {row["metric"]: row["value"] for row in found.to_records() if row["scope"] == "unreadable"}
    assert rows == UNREADABLE


def test_how_long_the_runs_own_table_takes_is_told_before_it_is_read(run: fw.Run, broken: Path) -> None:
    """Its training rows say what guessing would reach; its pictures tell of themselves."""
    told = list[Event]()
    fresh = fw.load(run.path)
    fresh.evaluate(broken, report=told.append)
    kinds = [(event.kind, event.message) for event in told if event.kind in ("estimate", "progress")]
    rows = len(fresh.prepared.rows)
    reading = kinds.index(("estimate", f"the run's own table of {rows:,} rows is read again"))
    after = kinds[reading + 1 :]
    assert {kind for kind, _ in after[:-1]} == {"progress"}
    assert after[-1] == ("estimate", "3 items are measured on 2 attributes")
    told.clear()
    fresh.evaluate(broken, report=told.append)
    assert [event.message for event in told if event.kind == "estimate"] == ["3 items are measured on 2 attributes"]


def test_a_damaged_list_of_issues_costs_no_more_than_the_estimate(run: fw.Run, broken: Path) -> None:
    issues = run.path / "issues.parquet"
    content = issues.read_bytes()
    try:
        issues.write_bytes(content[: len(content) // 2])
        told = list[Event]()
        assert fw.load(run.path).evaluate(broken, report=told.append).items == 3
        assert sum(event.kind == "estimate" for event in told) == 1
    finally:
        issues.write_bytes(content)


def test_they_are_counted_by_value_too(run: fw.Run, broken: Path) -> None:
    frame = pl.read_csv(broken, infer_schema=False)
    frame.with_columns(pl.Series("shop", ["a", "a", "b", "b", "b", "b", "b", "b"])).write_csv(broken)
    slices = run.evaluate(broken, by="shop")
    assert {value: (one.items, one.unreadable) for value, one in slices.items()} == {
        "b": (2, {"truncated": 1, "empty": 1, "missing": 1, "not_an_image": 1}),
        "a": (1, {"truncated": 1}),
    }


def test_whole_tables_say_nothing(run: fw.Run, broken: Path) -> None:
    whole, told = draw_shop(broken.parent / "whole", items=6, seed=9), list[Event]()
    found = run.evaluate(whole, report=told.append)
    assert found.items == 6
    assert "unreadable" not in found.to_dict()
    assert not [event for event in told if event.data and event.data.get("code") == "unreadable"]


def test_a_table_without_any_readable_picture_is_refused(run: fw.Run, broken: Path) -> None:
    pl.read_csv(broken, infer_schema=False)[1:6].write_csv(broken)
    with pytest.raises(TableError, match="at least one picture can be read"):
        run.evaluate(broken)


def test_the_command_says_it(run: fw.Run, broken: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["evaluate", str(run.path), str(broken)]
    assert command([*words, "--json"]) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out)["splits"]["table.csv"]["unreadable"] == UNREADABLE
    assert "5 of 8 rows" in " ".join(shown.err.split())
