"""The drawn catalogue: the same everywhere, all kinds, gaps, a long tail, and groups that look alike."""

import csv
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from PIL import Image

from facetwise.data.catalogue import CLOSURES, COLOURS, COLUMNS, DETAILS, HEELS, LINES, draw_catalogue

ITEMS = 150


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory) -> Path:
    return draw_catalogue(tmp_path_factory.mktemp("catalogue"), items=ITEMS)


def test_the_same_seed_draws_the_same(catalogue: Path, tmp_path: Path) -> None:
    again = draw_catalogue(tmp_path, items=12)
    whole, part = catalogue.read_text("utf-8").splitlines(), again.read_text("utf-8").splitlines()
    assert part[0] == whole[0]
    for number in range(12):
        name = f"images/{number:04d}.jpg"
        assert (tmp_path / name).read_bytes() == (catalogue.parent / name).read_bytes()


def test_another_seed_draws_another(catalogue: Path, tmp_path: Path) -> None:
    draw_catalogue(tmp_path, items=2, seed=1)
    name = "images/0000.jpg"
    assert (tmp_path / name).read_bytes() != (catalogue.parent / name).read_bytes()


def test_every_picture_opens(catalogue: Path) -> None:
    rows = _read(catalogue)
    assert len(rows) == ITEMS
    for row in rows:
        with Image.open(catalogue.parent / row["image"]) as image:
            assert image.mode == "RGB"
            assert 160 <= min(image.size) <= max(image.size) <= 224


def test_gaps_never_contradict_the_answers(catalogue: Path) -> None:
    gaps, answers = _read(catalogue), _read(catalogue.parent / "answers.csv")
    assert tuple(gaps[0]) == COLUMNS == tuple(answers[0])
    for gap, full in zip(gaps, answers, strict=True):
        assert all(full.values()), "the answers have no gap"
        assert all(gap[column] in ("", full[column]) for column in COLUMNS)


def test_a_quarter_of_the_values_is_unknown(catalogue: Path) -> None:
    pairs = [
        (gap[column], full[column])
        for gap, full in zip(_read(catalogue), _read(catalogue.parent / "answers.csv"), strict=True)
        for column in COLUMNS[4:]
    ]
    valued = [gap for gap, full in pairs if full != "N/A"]
    assert sum(not gap for gap in valued) / len(valued) == pytest.approx(0.25, abs=0.05)
    senseless = [gap for gap, full in pairs if full == "N/A"]
    assert 0.1 < sum(gap == "N/A" for gap in senseless) / len(senseless) < 0.5


def test_attributes_apply_by_category(catalogue: Path) -> None:
    for row in _read(catalogue.parent / "answers.csv"):
        line = LINES[row["category"]]
        assert row["department"] == line.department
        assert (row["sleeve_length"] != "N/A") is line.sleeves
        assert (row["heel_height"] in HEELS) is (line.department == "shoe")
        assert (row["closure"] in CLOSURES) is (line.department == "bag")
        assert set(row["details"].split("|")) <= set(DETAILS)
        assert float(row["price_eur"]) > 0


def test_colours_have_a_long_tail(catalogue: Path) -> None:
    counts = Counter(row["colour"] for row in _read(catalogue.parent / "answers.csv"))
    assert set(counts) <= set(COLOURS)
    assert counts["black"] + counts["blue"] > 6 * (counts["orange"] + counts["purple"])


def test_some_products_have_two_photos(catalogue: Path) -> None:
    rows = _read(catalogue.parent / "answers.csv")
    photos = Counter(row["product"] for row in rows)
    assert set(photos.values()) == {1, 2}
    for row, other in pairwise(rows):
        if row["product"] == other["product"]:
            assert {k: v for k, v in row.items() if k != "image"} == {k: v for k, v in other.items() if k != "image"}
