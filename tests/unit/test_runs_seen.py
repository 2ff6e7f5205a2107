"""Rows that a run was trained on score too well: they are counted, said, and left out when asked."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import polars as pl
import pytest

import facetwise as fw
from facetwise.cli import run as command
from facetwise.data import Table, split_rows, write_split
from facetwise.errors import RunError, UserError
from facetwise.events import Event
from facetwise.runs._seen import seen_rows
from facetwise.schema import Attribute, Kind, Schema
from facetwise.training import FinishedRun, groups_of
from made_shop import SHOP, draw_shop
from tiny_backbone import stand_in


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> fw.Run:
    """A run on a shop whose products have two pictures each, in the column `product`."""
    folder = tmp_path_factory.mktemp("seen")
    with pytest.MonkeyPatch.context() as patch:
        stand_in(patch, folder / "cache")
        table = draw_shop(folder / "shop")
        frame = pl.read_csv(table, infer_schema=False)
        frame.with_columns(("p" + (pl.int_range(pl.len()) // 2).cast(pl.String)).alias("product")).write_csv(table)
        return fw.train(table, out=folder / "run", attributes=["sort", "colour"], group="product", **SHOP)


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch, run: fw.Run) -> None:
    stand_in(monkeypatch, run.path.parent / "cache")


def _side(run: fw.Run, side: str) -> int:
    return len(run.prepared.split.rows(side))


def _told(told: list[Event], code: str) -> list[Event]:
    return [event for event in told if event.data and event.data.get("code") == code]


def test_the_runs_own_table_is_recognised_by_its_pictures(run: fw.Run, tmp_path: Path) -> None:
    """Under other names, in another order: what counts is what is shown."""
    table, told = Path(run.source()["table"]), list[Event]()
    frame = pl.read_csv(table, infer_schema=False).drop("product").reverse()
    for name in frame["image"]:
        shutil.copy(table.parent / name, tmp_path / f"new{name}")
    other = tmp_path / "other.csv"
    frame.with_columns(("new" + pl.col("image")).alias("image")).write_csv(other)
    found = run.evaluate(other, report=told.append)
    assert found.seen == {"train": _side(run, "train"), "val": _side(run, "val"), "left_out": 0}
    assert found.items == len(frame)
    assert found.to_dict()["seen"] == found.seen
    (notice,) = _told(told, "seen_rows")
    assert f"{found.seen['train']} of 150 rows" in notice.message
    assert "--unseen" in notice.message


def test_unseen_is_the_test_side(run: fw.Run) -> None:
    table = run.source()["table"]
    found, own = run.evaluate(table, unseen=True), run.evaluate()
    assert found.items == own.items == _side(run, "test")
    assert found.seen["left_out"] == _side(run, "train") + _side(run, "val")
    assert found.overall == pytest.approx(own.overall)
    slices = run.evaluate(table, unseen=True, by="striped")
    assert sum(one.items for one in slices.values()) == own.items
    assert sum(one.seen["left_out"] for one in slices.values()) == found.seen["left_out"]


def test_new_pictures_of_a_product_that_was_trained_on_are_seen(run: fw.Run, tmp_path: Path) -> None:
    """Two photos of one product are no two pieces of evidence; photos of new products are."""
    table = draw_shop(tmp_path / "new", items=20, seed=9)
    frame, keys = pl.read_csv(table, infer_schema=False), run.prepared.split.keys
    trained = keys[int(run.prepared.split.rows("train")[0])]
    named = [trained] * 3 + [f"new{place}" for place in range(17)]
    frame.with_columns(pl.Series("product", named)).write_csv(table)
    told = list[Event]()
    assert run.evaluate(table, report=told.append).seen == {"train": 3, "val": 0, "left_out": 0}
    assert run.evaluate(table, unseen=True).items == 17
    frame.write_csv(table)
    told.clear()
    assert run.evaluate(table, report=told.append).seen == {"train": 0, "val": 0, "left_out": 0}
    assert not _told(told, "seen_rows")


def test_rows_without_a_group_are_alone_however_that_is_written(tmp_path: Path) -> None:
    """Two rows of "NaN" are no two pictures of one product: neither seen for it, nor drawn together."""
    colour = Attribute(column="colour", id="a00", kind=Kind.CATEGORICAL, classes=("b", "r"))
    schema = Schema(images=("image",), attributes=(colour,), group="product", unknown=("", "NaN"))
    cells = {"image": [f"{n}.png" for n in range(40)], "product": ["p1", "NaN"] * 20, "colour": ["r", "b"] * 20}
    old = split_rows(Table.of(cells), schema)
    write_split(replace(old, keys=tuple(cells["product"])), tmp_path / "split.csv")  # as runs before had it
    (tmp_path / "run.json").write_text("{}")
    run = cast("FinishedRun", SimpleNamespace(path=tmp_path, schema=schema))
    products = ["NaN", "N/A", "", "p1", "p1", "p2"]
    new = Table.of({"image": [f"new{n}.png" for n in range(6)], "product": products, "colour": ["r", "b"] * 3})
    seen = seen_rows(run, new, np.arange(6), [None] * 6)
    assert seen is not None
    assert (seen.train | seen.val).tolist() == [False, False, False, True, True, False]
    groups = groups_of(schema, new, np.arange(6))
    assert groups is not None
    assert len(set(groups)) == 5


def test_what_cannot_be_known_is_said(run: fw.Run, tmp_path: Path) -> None:
    table, told = Path(run.source()["table"]), list[Event]()
    with pytest.raises(UserError, match="Found no table"):
        run.evaluate(unseen=True)
    rows = run.prepared.rows[run.prepared.split.rows("train")]
    only = pl.read_csv(table, infer_schema=False)[rows.tolist()]
    only.write_csv(tmp_path / "trained.csv")
    with pytest.raises(UserError, match="has not seen"):
        run.evaluate(tmp_path / "trained.csv", images=table.parent, unseen=True)
    fetched = fw.load(run.save_pretrained(tmp_path / "fetched"))
    found = fetched.evaluate(table, report=told.append)
    assert "seen" not in found.to_dict()
    assert found.overall["mean_accuracy"] == run.evaluate(table).overall["mean_accuracy"]
    assert found.floors["majority"]["overall"]["mean_accuracy"] is None  # not measured, not 0
    assert len(_told(told, "seen_unknown")) == len(_told(told, "no_floors")) == 1
    with pytest.raises(RunError, match=r"split\.csv"):
        fetched.evaluate(table, unseen=True)


def test_pictures_of_a_learnt_class_were_seen(run: fw.Run, tmp_path: Path) -> None:
    shop = draw_shop(tmp_path / "new", items=20, seed=9)
    learnt = run.learn("colour", "mauve", [shop.parent / f"{n:03d}.png" for n in range(4)], out=tmp_path / "learnt")
    assert json.loads((learnt.path / "run.json").read_text())["learnt"][0]["class"] == "mauve"
    assert learnt.evaluate(shop).seen == {"train": 4, "val": 0, "left_out": 0}


def test_the_command_counts_and_leaves_out(run: fw.Run, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["evaluate", str(run.path), str(run.source()["table"]), "--json"]
    assert command(words) == 0
    told = json.loads(capsys.readouterr().out)["splits"]["table.csv"]
    assert (told["items"], told["seen"]["train"]) == (150, _side(run, "train"))
    assert command([*words, "--unseen"]) == 0
    told = json.loads(capsys.readouterr().out)["splits"]["table.csv"]
    assert told["items"] == _side(run, "test") == 150 - told["seen"]["left_out"]
