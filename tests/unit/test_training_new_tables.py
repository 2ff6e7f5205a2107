"""Tables that come to a run later, and what a run says about its own: filled to the letter, refused, joined, alike."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image

import facetwise as fw
from facetwise import api, studies
from facetwise.cli import run as run_command
from facetwise.data import SIDES
from facetwise.events import Event
from facetwise.inference import PROVENANCE, Sureness
from facetwise.training import _prepare
from tiny_backbone import TinyBackbone, stand_in

ITEMS = 60
OPTIONS: dict[str, Any] = {"epochs": 1, "batch_size": 16, "trunk": {"width": 16}, "learning_rate": 0.01}


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    stand_in(monkeypatch, tmp_path_factory.getbasetemp() / "new-tables-cache")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Red and blue pictures below `photos`, one more beside it, and the table."""
    folder, rng = tmp_path_factory.mktemp("shop"), np.random.default_rng(0)
    (folder / "photos").mkdir()
    rows = []
    for item in range(ITEMS):
        red = item % 2
        picture = np.full((24, 24, 3), (200, 40, 40) if red else (40, 40, 200)) + rng.normal(0, 30, (24, 24, 3))
        name = f"photos/{item:02d}.png" if item else "outside.png"
        Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8)).save(folder / name)
        rows.append((f"{item:02d}.png" if item else "../outside.png", "red" if red else "blue", f"{10 + red}"))
    pl.DataFrame(rows, schema=["image", "colour", "price"], orient="row").write_csv(folder / "table.csv")
    return folder


@pytest.fixture
def run(shop: Path, tmp_path: Path) -> fw.Run:
    return fw.train(shop / "table.csv", images=shop / "photos", out=tmp_path / "run", **OPTIONS)


def test_a_filled_file_differs_in_its_empty_cells_alone(shop: Path, run: fw.Run, tmp_path: Path) -> None:
    header = ["image", " Note ", "colour", "price"]
    rows = [
        ["01.png", ' "quoted"; with blanks ', "", "  "],
        [" 02.png", "two\r\nlines", " blue ", ""],
        ["03.png", "", "mauve", " 12.50"],
        ["04.png", "=1+1", "", "11"],
    ]
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=";", lineterminator="\r\n").writerows([header, *rows])
    (tmp_path / "gaps.csv").write_bytes(text.getvalue().encode("utf-8-sig"))
    filled = run.fill(tmp_path / "gaps.csv", images=shop / "photos")
    written = filled.write(tmp_path / "out.csv").read_bytes()
    assert written.startswith(b"\xef\xbb\xbfimage; Note ;")
    assert written.count(b"\r\n") == text.getvalue().count("\r\n")
    found = list(csv.reader(io.StringIO(written.decode("utf-8-sig"), newline=""), delimiter=";", strict=True))
    assert found[0] == [*header, PROVENANCE]
    changed = {
        (number, header[place])
        for number, (before, after) in enumerate(zip(rows, found[1:], strict=True))
        for place, cell in enumerate(before)
        if after[place] != cell
    }
    assert changed == {(0, "colour"), (0, "price"), (1, "price"), (3, "colour")}
    assert set(json.loads(found[1][-1])) == {"colour", "price"}
    tabs = filled.write(tmp_path / "out.tsv").read_bytes()
    assert tabs.startswith(b"\xef\xbb\xbfimage\t Note \tcolour\t")
    again = run.fill(tmp_path / "out.tsv", images=shop / "photos")
    assert again.cells["colour"] == [row[2] for row in found[1:]]


def test_fill_says_how_sure_it_was(
    shop: Path, run: fw.Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gaps.csv").write_text("image,colour,price\n01.png,,\n02.png,,\n03.png,red,11\n", encoding="utf-8")
    trained = run.fill(tmp_path / "gaps.csv", images=shop / "photos")
    doubtful = replace(trained, sureness={"colour": Sureness(cells=2, expected=1.26, doubtful=1),
                                          "brand": Sureness(cells=8, expected=0.8, doubtful=7)})  # fmt: skip
    words = [
        "fill",
        str(tmp_path / "gaps.csv"),
        "--images",
        str(shop / "photos"),
        "--run",
        str(run.path),
        "--overwrite",
    ]
    assert run_command([*words, "--out", str(tmp_path / "whole.csv"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["sureness"]["colour"]
    assert told["cells"] == 2
    assert told["expected_right"] == pytest.approx(trained.sureness["colour"].share)
    monkeypatch.setattr(type(run), "fill", lambda *_, **__: doubtful)
    assert run_command([*words, "--out", str(tmp_path / "whole.csv")]) == 0
    said = capsys.readouterr().out
    assert "right by their own confidence: 21 %; 8 are below 0.5, --min-confidence 0.5 leaves them empty" in said
    assert "least sure: brand 10 % of 8, colour 63 % of 2" in said


def test_a_frame_is_filled_as_before(shop: Path, run: fw.Run, tmp_path: Path) -> None:
    filled = run.fill(pl.DataFrame({"image": ["01.png"], "colour": [None], "price": [12]}), images=shop / "photos")
    assert (
        filled.write(tmp_path / "out.csv").read_bytes().startswith(b"image,colour,price,filled_by_facetwise\n01.png,")
    )


def test_a_path_that_leaves_the_folder_is_refused_and_not_missing(shop: Path, run: fw.Run, tmp_path: Path) -> None:
    issues = pl.read_parquet(run.path / "issues.parquet").filter(pl.col("reason") != "ok")
    assert issues["reason"].to_list() == ["refused"]
    (tmp_path / "new.csv").write_text("image\n../outside.png\ngone.png\n01.png\n")
    answers = run.predict(tmp_path / "new.csv", images=shop / "photos")
    assert [row["issue"] for row in answers.rows] == ["refused", "missing", None]


def test_training_names_what_it_cannot_read(shop: Path, tmp_path: Path) -> None:
    told: list[Event] = []
    text = (shop / "table.csv").read_text(encoding="utf-8").replace(",red,", ",blue,", 1)
    lines = [line for line in text.splitlines() if not line.startswith("../outside.png")]
    for place, name in ((5, "gone.png"), (9, ""), (12, "also.png"), (20, "lost.png")):
        lines[place] = name + lines[place][lines[place].index(",") :]
    (tmp_path / "table.csv").write_text("\n".join(lines), encoding="utf-8")
    fw.train(tmp_path / "table.csv", images=shop / "photos", out=tmp_path / "run", report=told.append, **OPTIONS)
    (said,) = [event.message for event in told if event.message.startswith("items ")]
    assert said.endswith("; 4 unreadable (gone.png, row 9, also.png, ...)")
    html = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "row 20: lost.png" in html


def test_a_run_that_may_leave_the_folder_may_do_so_later(shop: Path, tmp_path: Path) -> None:
    run = fw.train(shop / "table.csv", images=shop / "photos", out=tmp_path / "run", allow_outside_root=True, **OPTIONS)
    assert not pl.read_parquet(run.path / "issues.parquet").filter(pl.col("reason") != "ok").height
    (tmp_path / "new.csv").write_text("image,colour,price\n../outside.png,blue,10\n01.png,red,\n")
    where = {"images": shop / "photos"}
    assert [row["issue"] for row in run.predict(tmp_path / "new.csv", **where).rows] == [None, None]
    assert run.evaluate(tmp_path / "new.csv", **where).items == 2
    assert run.fill(tmp_path / "new.csv", **where).counts["unreadable"] == 0
    assert studies.drift(run, tmp_path / "new.csv", **where).unreadable == 0


def test_extraction_leaves_the_folder_where_its_settings_say_so(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "create_backbone", lambda *_, **__: TinyBackbone())
    (tmp_path / "new.csv").write_text("image\n../outside.png\n01.png\n")
    found = fw.extract(tmp_path / "new.csv", images=shop / "photos")
    assert [(name, reason) for name, reason, _ in found.problems] == [("../outside.png", "refused")]
    allowed = fw.extract(tmp_path / "new.csv", images=shop / "photos", settings=["allow_outside_root=true"])
    assert allowed.problems == []


def test_what_is_odd_about_a_separate_test_table_is_said(shop: Path, tmp_path: Path) -> None:
    (tmp_path / "test.csv").write_text("image,colour,price,\n01.png,red,10,\n02.png,blue,11,\n")
    told: list[Event] = []
    fw.train(
        shop / "table.csv", images=shop / "photos", test=tmp_path / "test.csv", out=tmp_path / "run",
        report=told.append, **OPTIONS,
    )  # fmt: skip
    [said] = [event.message for event in told if (event.data or {}).get("code") == "empty-column"]
    assert said.startswith(str(tmp_path / "test.csv"))


def test_grouping_asks_for_the_search_and_a_reload_does_not_repeat_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng, rows = np.random.default_rng(2), []
    for number in range(40):
        clouds = Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)).resize(
            (96, 96), Image.Resampling.BICUBIC
        )
        for kind, options in (("png", {}), ("jpg", {"quality": 90})):
            clouds.save(tmp_path / f"{number}.{kind}", **options)
            rows.append((f"{number}.{kind}", "even" if number % 2 else "odd"))
    pl.DataFrame(rows, schema=["image", "parity"], orient="row").write_csv(tmp_path / "table.csv")
    run = fw.train(
        tmp_path / "table.csv", images=tmp_path, out=tmp_path / "run", near_duplicates=False,
        group_near_duplicates=True, **OPTIONS,
    )  # fmt: skip
    split = pl.read_csv(tmp_path / "run" / "split.csv").with_columns(pl.col("image").str.split(".").list.first())
    assert (split.group_by("image").agg(pl.col("side").n_unique())["side"] == 1).mean() > 0.9
    assert split["side"].n_unique() == len(SIDES)

    def never(*_: object) -> None:
        raise AssertionError("the search was made again")

    monkeypatch.setattr(_prepare, "kept_groups", never)
    assert fw.load(run.path).prepared.split.side.tolist() == split["side"].to_list()


def test_inspect_looks_at_all_columns_of_pictures(tmp_path: Path) -> None:
    for number in range(20):
        Image.new("RGB", (8, 8), (number, 0, 0)).save(tmp_path / f"{number}.png")
    columns = {
        "front": [f"{number}.png" for number in range(20)],
        "back": [f"{(number + 1) % 20}.png" if number != 7 else "gone.png" for number in range(20)],
        "colour": ["red", "blue"] * 10,
    }
    pl.DataFrame(columns).write_csv(tmp_path / "table.csv")
    found = fw.inspect(tmp_path / "table.csv", images=tmp_path)
    assert found.schema.images == ("front", "back")
    [notice] = [notice for notice in found.notices if notice.code == "image-some-missing"]
    assert notice.rows == (8,)
    assert "gone.png" in notice.message
