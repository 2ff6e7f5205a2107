"""Regions: what alone decides the answer is found, the map is the formula's, and a page shows it."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import facetwise as fw
from facetwise.decisions import CELLS, Decisions, Explained, Region, decide, hidden, regions_from, windows
from facetwise.errors import ComplaintsError, UserError
from facetwise.inference import Answers, Cell
from facetwise.reports import Shown, draw_region, gallery_page
from facetwise.schema import Attribute, Kind, Schema

SIDE = 32
SCHEMA = Schema(
    images=("image",),
    attributes=(
        Attribute(column="mark", id="a00", kind=Kind.CATEGORICAL, classes=("no", "yes")),
        Attribute(column="tags", id="a01", kind=Kind.MULTILABEL, classes=("x", "y")),
        Attribute(column="price", id="a02", kind=Kind.NUMERIC),
    ),
)


def _decide_by(rows: slice, columns: slice):
    """A model of which everything depends on the brightness of one patch: log-odds 6 b - 3, and 100 b as a number."""

    def decided(pixels: np.ndarray) -> Decisions:
        bright = pixels[:, rows, columns].mean(axis=(1, 2, 3)) / 255
        chance = 1 / (1 + np.exp(3 - 6 * bright))
        scores = np.stack([1 - chance, chance, chance, np.full(len(pixels), 0.1), 100 * bright], axis=1)
        return decide(SCHEMA, scores.astype(np.float32), np.ones((len(pixels), 3), np.float32))

    return decided


def test_every_cell_is_hidden_by_four_windows() -> None:
    count = np.zeros((SIDE, SIDE), int)
    for rows, columns in windows(SIDE):
        count[rows, columns] += 1
    assert (count == 4).all()
    pixels = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    shown = hidden(pixels)
    assert shown.shape == (1 + (CELLS + 1) ** 2, SIDE, SIDE, 3)
    assert (shown[0] == pixels).all()
    for one, (rows, columns) in zip(shown[1:], windows(SIDE), strict=True):
        inside = np.zeros((SIDE, SIDE), bool)
        inside[rows, columns] = True
        assert (one[~inside] == pixels[~inside]).all()
        assert (one[inside] == np.round(pixels.mean(axis=(0, 1)))).all()


@pytest.mark.parametrize(("row", "column"), [(0, 0), (3, 6), (7, 7)])
def test_a_patch_that_alone_decides_is_found(row: int, column: int) -> None:
    """For every kind; nothing beyond the reach of a window is hot; the heat is the formula, window by window."""
    wide = SIDE // CELLS
    patch = slice(row * wide, (row + 1) * wide), slice(column * wide, (column + 1) * wide)
    pixels = np.full((SIDE, SIDE, 3), 40, np.uint8)
    pixels[patch] = 250
    found = regions_from(SCHEMA, pixels, [0, 1, 2], _decide_by(*patch))
    assert [found[name].value for name in ("mark", "tags")] == ["yes", ["x"]]
    assert found["price"].value == pytest.approx(100 * 250 / 255)
    for region in found.values():
        assert np.unravel_index(region.heat.argmax(), region.heat.shape) == (row, column)
        far = [
            (r, c) for r, c in itertools.product(range(CELLS), range(CELLS)) if max(abs(r - row), abs(c - column)) > 1
        ]
        assert max(abs(float(region.heat[r, c])) for r, c in far) < 1e-6
    mean = float(np.round(pixels.mean(axis=(0, 1)))[0])
    # All four windows that hide the patch's cell hide all of it.
    assert found["mark"].heat[row, column] == pytest.approx(6 * (250 - mean) / 255, rel=1e-3)
    assert found["price"].heat[row, column] == pytest.approx(100 * (250 - mean) / 255, rel=1e-3)
    assert found["mark"].chance == pytest.approx(1 / (1 + np.exp(3 - 6 * 250 / 255)), abs=1e-4)
    assert found["mark"].lowest == pytest.approx(1 / (1 + np.exp(3 - 6 * mean / 255)), abs=1e-4)
    assert (found["price"].chance, found["price"].lowest) == (None, None)


def test_what_speaks_against_the_answer_is_negative() -> None:
    """Hiding a dark spot that lowers the chance raises it."""
    patch = slice(0, 4), slice(0, 4)
    pixels = np.full((SIDE, SIDE, 3), 200, np.uint8)
    pixels[patch] = 150
    heat = regions_from(SCHEMA, pixels, [0], _decide_by(*patch))["mark"].heat
    assert heat[0, 0] < 0
    assert heat.max() < 1e-6


def test_an_answer_that_does_not_apply_is_explained_too() -> None:
    def decided(pixels: np.ndarray) -> Decisions:
        applies = 0.1 + 0.3 * (pixels[:, :4, :4].mean(axis=(1, 2, 3)) < 200)
        scores = np.tile(np.array([[0.4, 0.6, 0.2, 0.3, 5.0]], np.float32), (len(pixels), 1))
        return decide(SCHEMA, scores, np.tile(applies[:, None], (1, 3)).astype(np.float32))

    pixels = np.zeros((SIDE, SIDE, 3), np.uint8)
    pixels[:4, :4] = 255
    found = regions_from(SCHEMA, pixels, [0], decided)["mark"]
    assert found.value is None
    assert (found.chance, found.lowest) == (pytest.approx(0.9), pytest.approx(0.6))
    assert np.unravel_index(found.heat.argmax(), found.heat.shape) == (0, 0)


def _region(heat: np.ndarray, **more: object) -> Region:
    return Region(**{"column": "mark", "value": "yes", "chance": 0.9, "lowest": 0.2, "heat": heat, **more})


def test_the_drawing_leaves_what_is_hot_as_it_is(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    heat = np.full((8, 8), -1.0, np.float32)
    heat[2:4, 2:4] = 3.0
    drawn = np.asarray(draw_region(pixels, _region(heat)))
    assert np.abs(drawn[20:28, 20:28].astype(int) - pixels[20:28, 20:28]).max() <= 12
    assert drawn[48:, 48:].std() < 0.3 * pixels[48:, 48:].std()
    faint = np.asarray(draw_region(pixels, _region(heat / 100)))
    assert faint.std() < 0.3 * pixels.std()
    Image.fromarray(pixels).save(tmp_path / "one.png")
    shown = Shown(
        image="one.png", source=tmp_path / "one.png", under="yes", cells={"mark": Cell("yes", "value", 0.9)},
        explained=Explained(image="one.png", pixels=pixels, regions={
            "<b>": _region(heat, column="<b>"), "sure": _region(heat / 100, column="sure"),
            "price": _region(heat, column="price", value=3.0, chance=None, lowest=None),
        }),
    )  # fmt: skip
    html = gallery_page("run", "mark", [shown])
    assert html.count("data:image/jpeg") == 4
    assert "&lt;b&gt;" in html
    for words in ("90\u00a0%, hidden 20\u00a0%", "no single part decides it", "3 less when hidden"):
        assert words in html
    assert "None of the pictures can be shown" in gallery_page("run", "mark", [])


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[fw.Run, list[tuple[Path, int, int]]]:
    """Noise, and in one of sixteen places a square that is red or blue: it alone tells the colour."""
    folder, rng = tmp_path_factory.mktemp("planted"), np.random.default_rng(0)
    rows, planted = ["image,colour,lot"], []
    for item in range(160):
        pixels = rng.integers(90, 160, (64, 64, 3))
        row, column = rng.integers(0, 4, 2)
        red = bool(rng.integers(2))
        pixels[16 * row : 16 * row + 16, 16 * column : 16 * column + 16] = (220, 20, 20) if red else (20, 20, 220)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{item}.png")
        rows.append(f"{item}.png,{'red' if red else 'blue'},{'ab'[item % 2]}")
        planted.append((folder / f"{item}.png", int(row), int(column)))
    (folder / "table.csv").write_text("\n".join(rows) + "\n")
    run = fw.train(folder / "table.csv", images=folder, out=folder / "run", settings=("epochs=8", "learning_rate=0.01"))
    return run, planted


@pytest.mark.slow
def test_a_planted_patch_is_found_by_a_trained_run(shop: tuple[fw.Run, list[tuple[Path, int, int]]]) -> None:
    run, planted = shop
    assert run.evaluate().attributes["colour"].accuracy > 0.9
    hits = 0
    for path, row, column in planted[:4]:
        explained = run.explain(path, ["colour"])
        assert explained.pixels.shape == (224, 224, 3)
        # The square is two by two cells.
        heat = explained.regions["colour"].heat.reshape(4, 2, 4, 2).mean(axis=(1, 3))
        hits += np.unravel_index(heat.argmax(), heat.shape) == (row, column)
    # By chance one in sixteen each: three of four in one try of 1,000.
    assert hits >= 3


@pytest.mark.slow
def test_the_gallery_draws_regions_and_wrong_names_are_told_at_once(
    shop: tuple[fw.Run, list[tuple[Path, int, int]]], tmp_path: Path
) -> None:
    run, planted = shop
    with pytest.raises(ComplaintsError) as wrong:
        run.explain(planted[0][0], ["color", "lots", "colour"])
    assert all(word in str(wrong.value) for word in ("'color'", "'lots'", "did you mean colour?"))
    pictures = [path for path, _, _ in planted[:3]]
    answers: Answers = run.predict(pictures)
    with pytest.raises(UserError, match=r"\.html"):
        run.write_gallery(tmp_path / "a.png", answers, pictures, explain=["colour"])
    told: list[str] = []
    run.write_gallery(
        tmp_path / "a.html", answers, pictures, explain=["colour"], report=lambda event: told.append(event.kind)
    )
    html = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert html.count("where colour comes from") == 3
    assert told.count("progress") == 3
