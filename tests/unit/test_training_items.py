"""More of a table's truth: several pictures of one item, the part of a picture, rows that count more than others."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image

import facetwise as fw
from facetwise.errors import TableError
from facetwise.schema import read_schema, schema_to_yaml
from tiny_backbone import stand_in

ITEMS = 140
OPTIONS: dict[str, Any] = {"epochs": 12, "batch_size": 32, "trunk": {"width": 32}, "learning_rate": 0.01}


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    stand_in(monkeypatch, tmp_path_factory.getbasetemp() / "items-cache")


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The colour shows on the front only, the stripes on the back only."""
    folder, rng = tmp_path_factory.mktemp("views"), np.random.default_rng(0)
    red, striped = rng.random(ITEMS) < 0.5, rng.random(ITEMS) < 0.5
    for item in range(ITEMS):
        front = np.full((24, 24, 3), (200, 40, 40) if red[item] else (40, 40, 200), dtype=np.uint8)
        back = np.full((24, 24, 3), 120, dtype=np.uint8)
        if striped[item]:
            back[::4] = 255
        for name, picture in (("front", front), ("back", back)):
            noisy = np.clip(picture + rng.normal(0, 6, picture.shape), 0, 255).astype(np.uint8)
            Image.fromarray(noisy).save(folder / f"{item:03d}-{name}.png")
    pl.DataFrame(
        {
            "image_front": [f"{item:03d}-front.png" for item in range(ITEMS)],
            "image_back": [f"{item:03d}-back.png" for item in range(ITEMS)],
            "colour": ["red" if each else "blue" for each in red],
            "pattern": ["striped" if each else "plain" for each in striped],
        }
    ).write_csv(folder / "both.csv")
    pl.read_csv(folder / "both.csv").drop("image_back").write_csv(folder / "front.csv")
    return folder


def _accuracy(run: fw.Run) -> dict[str, float]:
    return {column: metrics.accuracy or 0.0 for column, metrics in run.evaluate().attributes.items()}


def test_several_pictures_beat_one_where_only_one_view_shows_the_attribute(catalogue: Path, tmp_path: Path) -> None:
    both = fw.train(catalogue / "both.csv", images=catalogue, out=tmp_path / "both", **OPTIONS)
    front = fw.train(catalogue / "front.csv", images=catalogue, out=tmp_path / "front", **OPTIONS)
    assert both.schema.images == ("image_front", "image_back")
    seen, half = _accuracy(both), _accuracy(front)
    assert min(seen.values()) > 0.9
    assert half["colour"] > 0.9
    assert half["pattern"] < 0.75, "the front does not show it"
    # Each attribute has learnt where to look: the colour at the front, the pattern at the back.
    shares = json.loads((both.path / "diagnostics.json").read_text(encoding="utf-8"))["views.share"]
    assert [np.argmax(share) for share in shares] == [0, 1]
    # A new table is read by the same columns, and an item whose back is missing is still answered.
    rows = (
        pl.read_csv(catalogue / "both.csv")
        .head(4)
        .with_columns(image_back=pl.Series(["000-back.png", "", "missing.png", "003-back.png"]))
    )
    rows.write_csv(tmp_path / "new.csv")
    answers = both.predict(tmp_path / "new.csv", images=catalogue)
    assert [row["issue"] for row in answers.rows] == [None] * 4


def test_views_are_weighed_or_averaged_and_both_are_kept_by_the_bundle(catalogue: Path, tmp_path: Path) -> None:
    scores = {}
    for views in ("attention", "mean"):
        run = fw.train(catalogue / "both.csv", images=catalogue, out=tmp_path / views, views=views, **OPTIONS)
        loaded = fw.load(tmp_path / views)
        assert loaded.bundle.model["views"] == views
        again = loaded.predict(catalogue / "both.csv", images=catalogue)
        assert again.rows == run.predict(catalogue / "both.csv", images=catalogue).rows
        scores[views] = min(_accuracy(run).values())
    assert min(scores.values()) > 0.9


def test_a_picture_that_cannot_be_read_is_named_and_its_item_stays(catalogue: Path, tmp_path: Path) -> None:
    (catalogue / "broken.png").write_bytes(b"no picture")
    (catalogue / "empty.png").write_bytes(b"")
    table = pl.read_csv(catalogue / "both.csv")
    backs, fronts = table["image_back"].to_list(), table["image_front"].to_list()
    backs[0], fronts[1], backs[1] = "broken.png", "broken.png", "empty.png"
    table.with_columns(image_back=pl.Series(backs), image_front=pl.Series(fronts)).write_csv(tmp_path / "table.csv")
    run = fw.train(tmp_path / "table.csv", images=catalogue, out=tmp_path / "run", **{**OPTIONS, "epochs": 1})
    issues = pl.read_parquet(run.path / "issues.parquet")
    assert len(issues) == ITEMS
    assert issues["reason"].to_list()[:3] == ["ok", "not_an_image", "ok"]
    assert [view["view"] for view in issues["bad_views"].to_list()[0]] == [1]
    assert len(issues["bad_views"].to_list()[1]) == 2
    assert issues["image"].to_list()[1] == "broken.png"
    assert len(pl.read_csv(run.path / "split.csv")) == ITEMS - 1


def test_a_box_cuts_out_what_a_row_describes(tmp_path: Path) -> None:
    """Two rows share each picture; each describes one half of it."""
    rng, rows = np.random.default_rng(1), []
    for number in range(70):
        colours = rng.random(2) < 0.5
        picture = np.zeros((24, 48, 3), dtype=np.uint8)
        for half, red in enumerate(colours):
            picture[:, 24 * half : 24 * half + 24] = (200, 40, 40) if red else (40, 40, 200)
            rows.append((f"{number}.png", f"{24 * half} 0 {24 * half + 24} 24", "red" if red else "blue"))
        noisy = np.clip(picture + rng.normal(0, 6, picture.shape), 0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(tmp_path / f"{number}.png")
    pl.DataFrame(rows, schema=["image", "bbox", "colour"], orient="row").write_csv(tmp_path / "table.csv")
    run = fw.train(tmp_path / "table.csv", images=tmp_path, out=tmp_path / "run", **OPTIONS)
    assert run.schema.box == "bbox"
    assert _accuracy(run)["colour"] > 0.9
    told = [row["colour"].value for row in run.predict(tmp_path / "table.csv", images=tmp_path).rows]
    assert np.mean([value == row[2] for value, row in zip(told, rows, strict=True)]) > 0.9


def test_rows_of_weight_zero_teach_nothing(catalogue: Path, tmp_path: Path) -> None:
    """Half of the rows are labelled the wrong way round and weigh nothing."""
    table = pl.read_csv(catalogue / "front.csv").drop("pattern")
    wrong = np.arange(ITEMS) % 5 < 3
    flipped = ["blue" if colour == "red" else "red" for colour in table["colour"]]
    colour = [new if bad else old for old, new, bad in zip(table["colour"], flipped, wrong, strict=True)]
    table = table.with_columns(colour=pl.Series(colour), sample_weight=pl.Series(np.where(wrong, 0, 2)))
    table.write_csv(tmp_path / "table.csv")
    run = fw.train(tmp_path / "table.csv", images=catalogue, out=tmp_path / "run", **OPTIONS)
    assert run.schema.weight == "sample_weight"
    truth = pl.read_csv(catalogue / "front.csv")["colour"].to_list()
    told = [row["colour"].value for row in run.predict(catalogue / "front.csv", images=catalogue).rows]
    assert np.mean([value == row for value, row in zip(told, truth, strict=True)]) > 0.9


def test_weights_that_leave_nothing_to_learn_from_are_refused(catalogue: Path, tmp_path: Path) -> None:
    table = pl.read_csv(catalogue / "front.csv").with_columns(split=pl.Series(["train", "val"] * (ITEMS // 2)))
    weights = [0 if side == "train" else 1 for side in table["split"]]
    table.with_columns(sample_weight=pl.Series(weights)).write_csv(tmp_path / "table.csv")
    with pytest.raises(TableError, match="some training row counts"):
        fw.train(tmp_path / "table.csv", images=catalogue, out=tmp_path / "run", **OPTIONS)


def test_roles_survive_the_schema_file(catalogue: Path, tmp_path: Path) -> None:
    run = fw.train(catalogue / "both.csv", images=catalogue, out=tmp_path / "run", **{**OPTIONS, "epochs": 1})
    (tmp_path / "schema.yaml").write_text(schema_to_yaml(run.schema), encoding="utf-8")
    assert read_schema(tmp_path / "schema.yaml") == run.schema


def test_pictures_that_look_the_same_are_reported_and_kept_together_when_asked(tmp_path: Path) -> None:
    """Every picture is there twice, once saved again as a JPEG: other bytes, the same look."""
    rng, rows = np.random.default_rng(2), []
    for number in range(50):
        clouds = Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)).resize(
            (48, 48), Image.Resampling.BICUBIC
        )
        clouds.save(tmp_path / f"{number}.png")
        clouds.save(tmp_path / f"{number}.jpg", quality=85)
        rows += [(f"{number}.{kind}", "even" if number % 2 else "odd") for kind in ("png", "jpg")]
    pl.DataFrame(rows, schema=["image", "parity"], orient="row").write_csv(tmp_path / "table.csv")
    said: dict[bool, list[str]] = {False: [], True: []}
    for together, lines in said.items():
        fw.train(
            tmp_path / "table.csv", images=tmp_path, out=tmp_path / f"run-{together}", epochs=1,
            group_near_duplicates=together, report=lambda event, lines=lines: lines.append(event.message),
        )  # fmt: skip
    told = {together: " ".join(line for line in lines if "look the same" in line) for together, lines in said.items()}
    assert int(told[False].split(" groups")[0]) >= 40, "a few of so small pictures change too much in a JPEG"
    assert "on several sides of the split" in told[False]
    assert "several sides" not in told[True]
    split = pl.read_csv(tmp_path / "run-True" / "split.csv").with_columns(pl.col("image").str.split(".").list.first())
    assert (split.group_by("image").agg(pl.col("side").n_unique())["side"] == 1).mean() > 0.9
