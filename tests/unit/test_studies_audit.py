"""The rest of an audit: contradictions, slips of the pen, pictures, the file and the page."""

import csv
import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from facetwise.data import Table, correct, encode
from facetwise.errors import TableError
from facetwise.events import silent
from facetwise.schema import UNKNOWN, VALUE, Attribute, Kind, Schema, Transform
from facetwise.studies import Audit, audit_page, queue_csv
from facetwise.studies._audit import _ranked
from facetwise.studies._contradictions import contradiction_findings, groups_of_keys
from facetwise.studies._findings import Finding
from facetwise.studies._picture_faults import alike_pictures, fault_findings, measure_pictures
from facetwise.studies._suggest import diverse
from facetwise.studies._suspicion import Suspicion
from facetwise.studies._texts import spellings_of, text_findings
from facetwise.studies._wrong_labels import Audited, label_findings

COLOUR = Attribute(column="colour", id="a00", kind=Kind.CATEGORICAL, classes=("crimson", "blue"))
TAGS = Attribute(column="tags", id="a01", kind=Kind.MULTILABEL, classes=("warm", "light"))
SCHEMA = Schema(images=("image",), attributes=(COLOUR, TAGS))


def _audited(colours: list[str], tags: list[str] | None = None) -> tuple[Table, list[str]]:
    images = [f"{n}.png" for n in range(len(colours))]
    return Table.of({"image": images, "colour": colours, "tags": tags or ["warm"] * len(colours)}), images


def test_rows_of_one_picture_that_differ() -> None:
    table, images = _audited(
        ["crimson", "blue", "crimson", "crimson", "", "pink", "blue"], ["warm"] * 3 + ["light"] + ["warm"] * 3
    )
    labels, _ = encode(SCHEMA, table)
    groups = groups_of_keys(["k", "k", "k", "", "m", "m", "n"])
    found = contradiction_findings(SCHEMA, table, images, labels, groups, kind="contradiction", double="double")
    told = {(one.kind, one.row, one.attribute): (one.new, one.chance) for one in found}
    assert told == {
        ("contradiction", 0, "colour"): ("", 1 - 2 / 3), ("contradiction", 1, "colour"): ("crimson", 1 - 1 / 3),
        ("contradiction", 2, "colour"): ("", 1 - 2 / 3), ("double", 4, ""): ("", None),
    }  # fmt: skip


def test_a_text_that_is_no_class_contradicts_too() -> None:
    table, images = _audited(["crimson", "pink"])
    labels, _ = encode(SCHEMA, table)
    found = contradiction_findings(
        SCHEMA, table, images, labels, [np.array([0, 1])], kind="contradiction", double="double"
    )
    assert [(one.old, one.chance) for one in found] == [("crimson", 0.5), ("pink", 0.5)]


def test_slips_of_the_pen() -> None:
    table, images = _audited(["crimson"] * 20 + ["blue"] * 20 + ["crimsom", "Blue ", "zinc"])
    labels, _ = encode(SCHEMA, table)
    found = {
        one.old: (one.kind, one.new)
        for one in text_findings(SCHEMA, table, images, labels, spellings_of(SCHEMA, table))
    }
    assert found == {"crimsom": ("spelling", "crimson"), "Blue": ("spelling", "blue"), "zinc": ("vocabulary", "")}


def test_what_is_merely_rare_has_no_chance_and_comes_after_all_that_has_one() -> None:
    table, images = _audited(["crimson"] * 20 + ["blue"] * 20 + ["zinc", "crimsom", "teal", "zinc"])
    labels, _ = encode(SCHEMA, table)
    told = text_findings(SCHEMA, table, images, labels, spellings_of(SCHEMA, table))
    doubtful = Finding(kind="label", row=3, image="3.png", attribute="colour", old="crimson", new="blue", chance=0.1)
    ranked = _ranked([Finding(kind="dark", row=0, image="0.png"), *told, doubtful])
    assert [(one.kind, one.old, one.row, one.chance) for one in ranked] == [
        ("spelling", "crimsom", 41, 0.9), ("label", "crimson", 3, 0.1), ("vocabulary", "teal", 42, None),
        ("vocabulary", "zinc", 40, None), ("vocabulary", "zinc", 43, None), ("dark", "", 0, None),
    ]  # fmt: skip
    found = Audit(
        table=table, schema=SCHEMA, queue=ranked, attributes=[], skipped={}, rows=np.zeros(0, int), folder=Path()
    )
    assert re.findall(r'class="old">([^<]*)<', audit_page(found)) == ["crimsom", "crimson"], "teal and zinc stay"


def test_slips_within_cells_of_several_classes() -> None:
    tags = ["warm"] * 20 + ["light|warm"] * 20 + ["warm|lihgt", "zinc", "warm|zinc", "Warm|light"]
    table, images = _audited(["crimson"] * len(tags), tags)
    labels, _ = encode(SCHEMA, table)
    told = text_findings(SCHEMA, table, images, labels, spellings_of(SCHEMA, table))
    assert {one.old: (one.row, one.attribute, one.kind, one.new) for one in told} == {
        "warm|lihgt": (40, "tags", "spelling", "warm|light"), "zinc": (41, "tags", "vocabulary", ""),
        "warm|zinc": (42, "tags", "vocabulary", ""), "Warm|light": (43, "tags", "spelling", "warm|light"),
    }  # fmt: skip
    wish = Table.of({
        "row": [str(one.row + 1) for one in told], "attribute": [one.attribute for one in told],
        "old": [one.old for one in told], "new": [one.new for one in told],
    })  # fmt: skip
    mended, _ = correct(table, wish, images="image")
    labels, notices = encode(SCHEMA, mended)
    assert labels.members[40:, -2:].tolist() == [[1, 1], [0, 0], [0, 0], [1, 1]]
    assert not notices


def _suspects(column: str, label: str, classes: tuple[str, ...], rows: list[int], index: int, other: int) -> Audited:
    """Labels of some rows, all of one class, that the pictures would rather see as another one."""
    count = len(rows)
    chances = np.full((count, len(classes)), 0.01)
    chances[:, other] = 0.9
    found = Suspicion(
        score=np.ones(count), chance=np.full(count, 0.95), other=np.full(count, other), wrong=0.1, found=1.0,
        by_frequency=0.0, share=0.0, confident=0.0,
    )  # fmt: skip
    return Audited(
        column=column, label=label, rows=np.array(rows), classes=classes, index=np.full(count, index), chances=chances,
        found=found,
    )  # fmt: skip


def test_no_misspelt_class_is_proposed() -> None:
    spellings = {"colour": {"bleu": "blue"}, "tags": {"lihgt": "light"}}
    table, images = _audited(["crimson", "blue", "bleu"], ["warm|lihgt"] * 3)
    yes_no, colours = ("no", "yes"), ("crimson", "blue", "bleu")
    tags = Attribute(column="tags", id="a01", kind=Kind.MULTILABEL, classes=("warm", "light", "lihgt"))
    schema = Schema(images=("image",), attributes=(COLOUR, tags))

    def proposed(*audited: Audited) -> list[tuple[int, str]]:
        return [(one.row, one.new) for one in label_findings(schema, table, images, list(audited), spellings)]

    assert proposed(_suspects("colour", "", colours, [0], 0, 2)) == [(0, "blue")]
    assert proposed(_suspects("colour", "", colours, [1], 1, 2), _suspects("colour", "", colours, [2], 2, 1)) == []
    # Without its other class the cell keeps what its odd piece means; what that says already needs no finding.
    assert proposed(_suspects("tags", "warm", yes_no, [0], 1, 0)) == [(0, "light")]
    assert proposed(_suspects("tags", "light", yes_no, [0], 0, 1)) == []
    assert proposed(_suspects("tags", "lihgt", yes_no, [0], 0, 1)) == []


def test_numbers_that_cannot_be_read_are_findings() -> None:
    size = Attribute(column="size", id="a00", kind=Kind.NUMERIC)
    price = Attribute(column="price", id="a01", kind=Kind.NUMERIC, transform=Transform.LOG)
    schema = Schema(images=("image",), attributes=(size, price))
    images = [f"{row}.png" for row in range(4)]
    table = Table.of({"image": images, "size": ["12,9O", "-3", "", "4"], "price": ["7", "0", "9", "1e"]})
    with pytest.raises(TableError, match="12,9O"):
        encode(schema, table)
    labels, notices = encode(schema, table, forgiving=True)
    assert labels.state.tolist() == [[UNKNOWN, VALUE], [VALUE, UNKNOWN], [UNKNOWN, VALUE], [VALUE, UNKNOWN]]
    assert np.isnan(labels.number[labels.state == UNKNOWN]).all()
    assert [(one.code, one.column, one.rows) for one in notices] == [
        ("unreadable-number", "size", (1,)), ("unreadable-number", "price", (2, 4)),
    ]  # fmt: skip
    told = text_findings(schema, table, images, labels, spellings_of(schema, table))
    assert [(one.kind, one.row, one.attribute, one.old, one.new) for one in told] == [
        ("number", 0, "size", "12,9O", ""), ("number", 1, "price", "0", ""), ("number", 3, "price", "1e", ""),
    ]  # fmt: skip
    assert told[1].why == "'0' is no number above 0"


def test_pictures_that_show_little(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    made = {
        f"{n}.png": Image.fromarray(draw.integers(0, 256, (96, 96, 3), dtype=np.uint8)).resize((192, 192))
        for n in range(8)
    }
    made["again.png"] = made["0.png"].copy()
    made["dark.png"] = made["1.png"].point(lambda value: value // 20)
    made["flat.png"] = Image.new("RGB", (192, 192), (120, 130, 140))
    made["white.png"] = Image.new("RGB", (192, 192), (255, 255, 255))
    made["tiny.png"] = made["2.png"].resize((40, 40))
    made["soft.png"] = made["3.png"].filter(ImageFilter.GaussianBlur(6))
    for name, picture in made.items():
        picture.save(tmp_path / name)
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    names = [*made, "broken.png"]
    measured = measure_pictures([tmp_path / name for name in names], silent)
    found = {(one.image, one.kind) for one in fault_findings(range(len(names)), names, measured)}
    assert found == {
        ("dark.png", "dark"), ("flat.png", "flat"), ("white.png", "bright"), ("tiny.png", "tiny"),
        ("soft.png", "blurred"),
    }  # fmt: skip
    assert {names[place] for place in alike_pictures(measured)[0]} >= {"0.png", "again.png"}


def test_file_and_page_are_inert() -> None:
    evil = ["=cmd|'/c calc'!A1", "<script>alert(1)</script>", '"onerror=alert(1) x="']
    queue = [
        Finding(kind="label", row=n, image=text, attribute=text, old=text, new=text, chance=0.5, why=text)
        for n, text in enumerate(evil)
    ]
    table, _ = _audited(["crimson"])
    found = Audit(
        table=table, schema=SCHEMA, queue=queue, attributes=[], skipped=dict.fromkeys(evil, evil[1]),
        rows=np.zeros(0, int), folder=Path(),
    )  # fmt: skip
    rows = list(csv.DictReader(io.StringIO(queue_csv(queue))))
    assert [row["old"] for row in rows] == ["'=cmd|'/c calc'!A1", *evil[1:]]
    assert [row["row"] for row in rows] == ["1", "2", "3"]
    html = audit_page(found)
    assert "<script" not in html
    assert '"onerror' not in html


def test_suggestions_differ_from_each_other() -> None:
    vectors = np.array([[0.0, 0], [0.01, 0], [3, 0], [0, 3]])
    assert diverse(vectors, np.array([1.0, 0.99, 0.6, 0.5]), 3).tolist() == [0, 2, 3]
    assert diverse(vectors, np.array([0.0, 0.0, 1.0, 0.0]), 3).tolist() == [2]
