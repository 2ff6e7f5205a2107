"""A run that learnt a class is measured as it answers now: every number of its folder is its own."""

import json
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import facetwise as fw
from facetwise.errors import RunError, UserError
from facetwise.events import Event
from facetwise.inference import read_predictions
from facetwise.metrics import evaluate
from made_shop import SHOP, draw_shop
from tiny_backbone import stand_in


@pytest.fixture(scope="module")
def learnt(tmp_path_factory: pytest.TempPathFactory) -> tuple[fw.Run, fw.Run, list[Event]]:
    """A run, one that learnt "crimson" from five red things of the run's test side, and what that told."""
    folder, told = tmp_path_factory.mktemp("learnt"), list[Event]()
    with pytest.MonkeyPatch.context() as patch:
        stand_in(patch, folder / "cache")
        table = draw_shop(folder / "shop")
        run = fw.train(table, out=folder / "run", attributes=["sort", "colour"], **SHOP)
        test, colour = run.prepared.split.rows("test"), run.schema.index["colour"]
        red = run.schema.attribute("colour").classes.index("red")
        names = [run.prepared.images()[row] for row in test if run.prepared.labels.index[row, colour] == red][:5]
        pictures = [table.parent / name for name in names]
        new = run.learn("colour", "crimson", pictures, out=folder / "new", report=told.append)
    return fw.load(run.path), fw.load(new.path), told


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch, learnt: tuple[fw.Run, fw.Run, list[Event]]) -> None:
    stand_in(monkeypatch, learnt[0].path.parent / "cache")


def test_what_is_told_is_what_the_learnt_run_says(learnt: tuple[fw.Run, fw.Run, list[Event]]) -> None:
    run, new, _ = learnt
    prepared, rows = new.prepared, new.prepared.split.rows("test")
    assert prepared.schema == new.schema
    decisions, truth = new.predictor()(prepared.features[rows]), prepared.labels.take(rows)
    own = evaluate(new.schema, truth, decisions, train=new.train_labels)
    told = new.evaluate()
    assert told.to_dict() == own.to_dict()
    # Learning crimson from red things costs red: the old run's numbers would hide it.
    assert told.attributes["colour"].accuracy < run.evaluate().attributes["colour"].accuracy
    assert "crimson" in told.attributes["colour"].per_class
    assert new.bundle.metrics["overall"] == told.to_dict()["overall"]
    saved = read_predictions(
        new.path / "predictions" / "test.parquet", new.schema, new.bundle.thresholds, new.bundle.policy
    )
    np.testing.assert_array_equal(saved[2].index, decisions.index)
    told_of = pl.read_parquet(new.path / "evaluation.parquet")
    assert "crimson" in told_of.filter(scope="class", name="colour")["class"].to_list()


def test_the_page_of_a_learnt_run_is_written(learnt: tuple[fw.Run, fw.Run, list[Event]], tmp_path: Path) -> None:
    assert "crimson" in learnt[1].report(tmp_path / "page.html").read_text()


def test_it_is_another_run_and_says_what_it_was_shown(learnt: tuple[fw.Run, fw.Run, list[Event]]) -> None:
    run, new, told = learnt
    old, about = (json.loads((one.path / "run.json").read_text()) for one in (run, new))
    assert about["digest"] != old["digest"]  # or `train --out` would take it for the finished training
    assert about["from"] == str(run.path.resolve())
    assert [len(one["pictures"]) for one in about["learnt"]] == [5]
    found = [event.data for event in told if event.data and event.data.get("code") == "learnt_from_measured"]
    assert [(one["test"], one["val"]) for one in found] == [(5, 0)]


def test_without_its_table_nothing_is_told_that_was_not_measured(
    learnt: tuple[fw.Run, fw.Run, list[Event]], tmp_path: Path
) -> None:
    """Learning needs no table; numbers do, and those of the old run are not the new one's."""
    run, told = learnt[0], list[Event]()
    shutil.copytree(run.path, tmp_path / "run")
    about = json.loads((run.path / "run.json").read_text())
    (tmp_path / "run" / "run.json").write_text(json.dumps({**about, "table": str(tmp_path / "gone.csv")}))
    pictures = [Path(about["images"]) / run.prepared.images()[row] for row in range(5)]
    fw.load(tmp_path / "run").learn("colour", "mauve", pictures, out=tmp_path / "new", report=told.append)
    assert "not_measured" in {event.data["code"] for event in told if event.data and "code" in event.data}
    new = fw.load(tmp_path / "new")
    assert new.bundle.metrics == {}
    assert not (new.path / "metrics.json").exists()
    with pytest.raises(UserError, match=r"gone\.csv"):
        new.evaluate()
    with pytest.raises(RunError, match="not at hand when it learnt a class"):
        new.report()


def test_of_a_learnt_category_the_picture_says_what_applies(tmp_path: Path) -> None:
    """A heel that nobody looked for is no "not applicable": neither where the cell is filled nor where it is given."""
    table = draw_shop(tmp_path / "shop")
    run = fw.train(table, out=tmp_path / "run", attributes=["sort", "heel"], **SHOP)
    assert run.schema.attribute("heel").applies_to == ("shoe",)
    sorts = pl.read_csv(table)["sort"].to_list()
    shoes = [f"{row:03d}.png" for row, sort in enumerate(sorts) if sort == "shoe"]
    new = run.learn("sort", "boot", [table.parent / name for name in shoes[:5]], out=tmp_path / "new")
    assert fw.load(new.path).schema.attribute("heel").undecided == ("boot",)
    asked = shoes[5:10]
    plain = [row["heel"].state for row in new.predict([table.parent / name for name in asked]).rows]
    assert "value" in plain
    gaps = table.parent / "gaps.csv"
    pl.DataFrame({"image": asked, "sort": ["boot"] * 5, "heel": [None] * 5}).write_csv(gaps)
    given = [row["heel"].state for row in new.predict(gaps, given=["sort"]).rows]
    assert given == plain
    filled = new.fill(gaps)
    assert [bool(cell) for cell in filled.cells["heel"]] == [state == "value" for state in plain]
    shirt = table.parent / "shirt.csv"
    pl.DataFrame({"image": asked[:1], "sort": ["shirt"], "heel": [None]}).write_csv(shirt)
    assert new.fill(shirt).counts["not_applicable"] == 1, "what the training rows say of the others stays"
    # An attribute that joins later depends on the category as the training rows know it.
    pl.read_csv(table).with_columns(
        pl.when(pl.col("sort") == "shoe").then(pl.col("size")).alias("size")
    ).write_csv(table.parent / "sized.csv")  # fmt: skip
    new.add_attribute(table.parent / "sized.csv", "size", out=tmp_path / "sized")
    grown = fw.load(tmp_path / "sized")
    assert grown.schema.attribute("size").applies_to == ("shoe",)
    assert "boot" in grown.schema.attribute("size").undecided
    assert len(grown.predict([table.parent / name for name in asked]).rows) == 5
    # One that only a learnt category has is nothing that the network could say.
    boot = pl.col("sort") == "shoe"
    pl.read_csv(table).with_columns(
        pl.when(boot).then(pl.lit("boot")).otherwise(pl.col("sort")).alias("sort"),
        pl.when(boot).then(pl.col("size")).otherwise(pl.lit("n/a")).alias("shaft"),
    ).write_csv(table.parent / "shafts.csv")  # fmt: skip
    with pytest.raises(UserError, match=r"'shaft' of 'boot' alone, learnt afterwards"):
        new.add_attribute(table.parent / "shafts.csv", "shaft", out=tmp_path / "shafts")
