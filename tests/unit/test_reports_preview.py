"""The page that a training leaves before it begins: inert, whole, true to the labels, and never in the way."""

import re
from base64 import b64decode
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image

import facetwise as fw
from facetwise import api
from facetwise.data import Split, Table
from facetwise.errors import Interrupted
from facetwise.images import fit
from facetwise.reports import Pictures, count_cells, preview_page, text, thumbnails
from facetwise.schema import NOT_APPLICABLE, UNKNOWN, VALUE, Attribute, Kind, Labels, Schema, Transform
from facetwise.training import Stopping
from made_table import TINY, write_table
from tiny_backbone import stand_in

HOSTILE = [
    "<script>alert(1)</script>",
    '"onerror="alert(1)',
    "=cmd|' /C calc'!A0",
    "</style></svg><img src=x>",
    "a\u202eb\udcff",
]
ITEMS = 60
VOID = {"meta", "img", "rect", "br"}


class _Reader(HTMLParser):
    """Tags in their places, every attribute, and the text that is shown."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID or tag == "rect":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, tag
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def _read(html: str) -> _Reader:
    reader = _Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    return reader


def _schema(classes: int = 40, *, column: str = "colour", names: tuple[str, ...] = ()) -> Schema:
    named = names or tuple(f"class {number}" for number in range(classes))
    return Schema(
        images=("image",),
        attributes=(
            Attribute(column=column, id="a00", kind=Kind.CATEGORICAL, classes=named),
            Attribute(column="tags", id="a01", kind=Kind.MULTILABEL, classes=("warm", "light", "new")),
            Attribute(column="price", id="a02", kind=Kind.NUMERIC, unit="EUR", transform=Transform.LOG),
            Attribute(column="width", id="a03", kind=Kind.NUMERIC),
        ),
    )


def _labels(schema: Schema, items: int = ITEMS) -> Labels:
    rng, layout = np.random.default_rng(1), schema.layout()
    state = rng.choice([UNKNOWN, VALUE, VALUE, NOT_APPLICABLE], (items, len(schema.attributes))).astype(np.int8)
    valued = state == VALUE
    index = np.full(state.shape, -1, dtype=np.int32)
    wide = len(schema.attributes[0].classes)
    index[:, 0] = np.where(valued[:, 0], np.minimum(rng.geometric(0.15, items) - 1, wide - 1), -1)
    members = np.zeros((items, layout.num_scores), dtype=np.uint8)
    members[:, layout.blocks[1].scores] = rng.integers(2, size=(items, 3)) * valued[:, 1:2]
    number = np.where(valued, rng.lognormal(3, 2, state.shape), np.nan)
    number[:, :2] = np.nan
    return Labels(state=state, index=index, members=members, number=number)


def _page(schema: Schema, labels: Labels, *, name: str = "table.csv", **options: Any) -> str:
    items = len(labels)
    table = Table.of({"image": [f"{item}.png" for item in range(items)]}, name=name)
    side = np.array(["train", "train", "val", "test"])[np.arange(items) % 4]
    split = Split(side=side, images=(), groups=(), digests=(), how="made")
    given = {"issues": {}, "view_issues": {}, **options}
    return preview_page(table, schema, split=split, rows=np.arange(items), labels=labels, **given)


def test_a_strangers_text_is_shown_and_never_obeyed(tmp_path: Path) -> None:
    for hostile in HOSTILE:
        schema = _schema(column=hostile, names=(hostile, "plain"))
        issues = {0: ("missing", hostile), 1: (hostile, hostile)}
        html = _page(
            schema, _labels(schema), name=hostile, issues=issues, view_issues={}, notices=[hostile] * 9,
            pictures=Pictures(root=tmp_path, size=16, fit="squash"),
        )  # fmt: skip
        html.encode("utf-8")
        reader = _read(html)
        assert {tag for tag, _ in reader.tags}.isdisjoint({"script", "iframe", "object", "link", "base", "form"})
        for tag, attributes in reader.tags:
            assert not [key for key in attributes if key.startswith("on")], tag
            assert (attributes.get("src") or "data:").startswith("data:image/jpeg;base64,") or tag != "img"
            assert re.fullmatch(r"(#a\d+)?", attributes.get("href") or "")
        assert "://" not in html
        assert "\u202e" not in html
        shown = "".join(reader.texts)
        assert hostile.translate({0x202E: " ", 0xDCFF: "\ufffd"}) in shown
        assert html.count("<style>") == html.count("</style>") == 1


def test_bars_count_what_the_labels_hold() -> None:
    schema = _schema()
    labels = _labels(schema)
    side = np.array(["train", "train", "val", "test"])[np.arange(ITEMS) % 4]
    colour, tags, price, width = count_cells(schema, labels, side)
    for place, name in enumerate(("train", "val", "test")):
        for number in range(40):
            assert colour.classes[number, place] == ((labels.index[:, 0] == number) & (side == name)).sum()
        members = labels.members[side == name][:, schema.layout().blocks[1].scores]
        assert tags.classes[:, place].tolist() == members.sum(axis=0).tolist()
    train = side == "train"
    for place, one in enumerate((colour, tags, price, width)):
        assert (one.filled, one.absent) == tuple(
            (labels.state[train, place] == s).sum() for s in (VALUE, NOT_APPLICABLE)
        )
    assert price.numbers is not None
    assert width.numbers is not None
    known = labels.number[train & (labels.state[:, 2] == VALUE), 2]
    assert list(price.numbers.counts) == np.histogram(np.log(known), bins=20)[0].tolist()
    known = labels.number[train & (labels.state[:, 3] == VALUE), 3]
    assert list(width.numbers.counts) == np.histogram(known, bins=20)[0].tolist()

    html = _page(schema, labels)
    [panel] = re.findall(r'<section class="attribute" id="a00">.*?</section>', html, flags=re.DOTALL)
    shown = [int(count) for count in re.findall(r'<span class="number(?: warn)?">([\d,]+)</span>', panel)]
    total = np.sort(colour.classes[:, 0])[::-1]
    assert shown == total[:15].tolist()
    assert f"25 more classes, {total[15:].sum()} cell" in panel
    [drawn] = re.findall(r'<section class="attribute" id="a03">.*?</section>', html, flags=re.DOTALL)
    assert [int(c) for c in re.findall(r"<title>(\d+) cells", drawn)] == list(width.numbers.counts)


@pytest.mark.parametrize("values", [[], [5.0], [5.0, 5.0], [-1.7e308, 1.7e308], [5e-324, 1e-323], [0.0, 1.0, 1e9]])
def test_no_number_is_too_odd_for_a_histogram(values: list[float]) -> None:
    schema = Schema(images=("image",), attributes=(Attribute(column="width", id="a00", kind=Kind.NUMERIC),))
    number = np.array([*values, np.nan])[:, None]
    state = np.where(np.isnan(number), UNKNOWN, VALUE).astype(np.int8)
    index = np.full(state.shape, -1, dtype=np.int32)
    labels = Labels(state=state, index=index, members=Labels.no_members(len(state), 2), number=number)
    [counted] = count_cells(schema, labels, np.full(len(state), "train"))
    assert sum(counted.numbers.counts if counted.numbers else ()) == len(values)
    _read(_page(schema, labels))


def test_a_thousand_attributes_make_a_page_that_still_opens() -> None:
    attributes = tuple(
        Attribute(column=f"{number} " + "<" * 200, id=f"a{number:03d}", kind=Kind.CATEGORICAL,
                  classes=tuple(f"{one} " + '"' * 200 for one in range(30)))
        for number in range(1000)
    )  # fmt: skip
    schema = Schema(images=("image",), attributes=attributes)
    index = np.random.default_rng(0).integers(30, size=(40, 1000)).astype(np.int32)
    labels = Labels(
        state=np.full(index.shape, VALUE, dtype=np.int8), index=index, number=np.full(index.shape, np.nan),
        members=Labels.no_members(40, schema.layout().num_scores),
    )  # fmt: skip
    html = _page(schema, labels)
    assert len(html) < 3_000_000
    assert "800 more attributes" in html


def _photos(folder: Path, count: int = ITEMS) -> None:
    for item in range(count):
        Image.new("RGB", (40, 20), (item * 4 % 256, 90, 200)).save(folder / f"{item}.png")


def test_the_batch_is_what_the_backbone_reads_and_unknown_cells_are_marked(tmp_path: Path) -> None:
    _photos(tmp_path)
    schema = _schema()
    labels = _labels(schema)
    pictures = Pictures(root=tmp_path, size=16, fit="pad")
    html = _page(schema, labels, pictures=pictures)
    assert html == _page(schema, labels, pictures=pictures)
    assert html != _page(schema, labels, pictures=pictures, seed=1)
    reader = _read(html)
    images = [attributes for tag, attributes in reader.tags if tag == "img"]
    assert len(images) == 24
    for image in images:
        row = int(str(image["alt"]).removeprefix("row ")) - 1
        assert row % 4 in (0, 1), "a training row"
        with (
            Image.open(BytesIO(b64decode(str(image["src"]).partition(",")[2]))) as shown,
            Image.open(tmp_path / f"{row}.png") as source,
        ):
            seen = fit(source, size=16, mode="pad").astype(int)
            assert np.abs(np.asarray(shown).astype(int) - seen).mean() < 12
    items = re.findall(r"<article.*?</article>", html, flags=re.DOTALL)
    rows = [int(str(image["alt"]).removeprefix("row ")) - 1 for image in images]
    for row, item in zip(rows, items, strict=True):
        for sign, state in (("? {} unknown", UNKNOWN), ("– {} not applicable", NOT_APPLICABLE)):
            count = int((labels.state[row] == state).sum())
            assert (sign.format(count) in item) == bool(count)
            assert item.count("<dt>") == (labels.state[row] == VALUE).sum()


def test_pictures_that_have_gone_are_counted(tmp_path: Path) -> None:
    _photos(tmp_path)
    for item in range(0, ITEMS, 4):
        (tmp_path / f"{item}.png").write_bytes(b"no picture")
    schema = _schema()
    html = _page(schema, _labels(schema), pictures=Pictures(root=tmp_path, size=16, fit="squash"))
    shown = html.count("<img ")
    assert 0 < shown < 24
    assert f"{24 - shown} of 24 cannot be shown" in html
    html = _page(schema, _labels(schema), pictures=Pictures(root=tmp_path / "gone", size=16, fit="squash"))
    assert "24 of 24 cannot be shown" in html


def test_a_run_on_given_features_has_the_page_and_no_pictures(tmp_path: Path) -> None:
    table, features = write_table(tmp_path)
    told: list[str] = []
    run = fw.train(
        table, features=features, out=tmp_path / "run", settings=TINY, report=lambda event: told.append(event.message)
    )
    html = (run.path / "preview.html").read_text(encoding="utf-8")
    assert "<img" not in html
    assert "training picture" not in html
    assert 'href="#a00"' in html
    assert told.index(f"preview     {run.path / 'preview.html'}") < told.index("training")
    fw.train(table, features=features, out=tmp_path / "run", settings=[*TINY, "seed=3"], overwrite=True)
    assert (run.path / "preview.html").is_file()


def test_the_page_is_there_when_a_training_is_stopped_at_its_first_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(monkeypatch, tmp_path / "cache", api)
    _photos(tmp_path)
    (tmp_path / "7.png").write_bytes(b"no picture")
    colours = [("red", "green")[item % 2] for item in range(ITEMS)]
    pl.DataFrame({"image": [f"{item}.png" for item in range(ITEMS)], "colour": colours}).write_csv(tmp_path / "t.csv")

    def at_once() -> None:
        raise Interrupted("stopped", code=130)

    with pytest.raises(Interrupted):
        fw.train(tmp_path / "t.csv", out=tmp_path / "run", epochs=1, stop=Stopping(at_once))
    assert not (tmp_path / "run" / "bundle").exists()
    html = (tmp_path / "run" / "preview.html").read_text(encoding="utf-8")
    assert html.count("<img ") == 24
    assert "1 picture that cannot be read" in html
    assert "row 8: 7.png" in html
    assert "not_an_image" in html


def test_text_is_safe_in_both_quotes() -> None:
    assert text("'\"<>&\n\x00") == "&#x27;&quot;&lt;&gt;&amp;  "


def test_a_box_cuts_the_first_picture_and_no_other(tmp_path: Path) -> None:
    halves = Image.new("RGB", (40, 20), (0, 0, 255))
    halves.paste((255, 0, 0), (0, 0, 20, 20))
    halves.save(tmp_path / "a.png")
    colour = Attribute(column="colour", id="a00", kind=Kind.BINARY, classes=("no", "yes"))
    schema = Schema(images=("image",), attributes=(colour,), box="box")
    table = Table.of({"image": ["a.png", "a.png", "gone.png|a.png"], "box": ["0 0 20 20", "", "0 0 20 20"]})
    pictures = Pictures(root=tmp_path, size=16, fit="squash")
    found = thumbnails(table, schema, np.arange(3), np.arange(3), pictures, bad={(2, 0): ("missing", "")})
    assert [one.place for one in found] == [0, 1, 2]
    right = []
    for one in found:
        with Image.open(BytesIO(b64decode(one.data.partition(",")[2]))) as shown:
            right.append(np.asarray(shown)[8, 12].argmax())
    assert right == [0, 2, 2], "red where the box holds the left half only"
