"""The rest of an audit: contradictions, slips of the pen, pictures, the file and the page."""

import csv
import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from facetwise.data import Table, encode
from facetwise.events import silent
from facetwise.schema import Attribute, Kind, Schema
from facetwise.studies import Audit, audit_page, queue_csv
from facetwise.studies._contradictions import contradiction_findings, groups_of_keys
from facetwise.studies._findings import Finding
from facetwise.studies._picture_faults import alike_pictures, fault_findings, measure_pictures
from facetwise.studies._suggest import diverse
from facetwise.studies._texts import text_findings

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
    found = {one.old: (one.kind, one.new) for one in text_findings(SCHEMA, table, images, labels)}
    assert found == {"crimsom": ("spelling", "crimson"), "Blue": ("spelling", "blue"), "zinc": ("vocabulary", "")}


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
