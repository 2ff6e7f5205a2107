"""The report of a run: inert whatever the names are, whole, every attribute reachable, and its commands."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image
from test_metrics_evaluation import decisions, labels

import facetwise as fw
from facetwise import api
from facetwise.errors import UserError
from facetwise.inference import Answers, Cell
from facetwise.metrics import evaluate
from facetwise.reports import (
    Reported,
    Thumbnail,
    Unreadable,
    Unsure,
    choose_shown,
    gallery_page,
    gallery_png,
    report_page,
)
from facetwise.schema import VALUE, Attribute, Kind, Schema
from made_table import TINY, write_table

HOSTILE = (
    "<script>alert(1)</script>",
    '"onerror="alert(1)',
    "=cmd|' /C calc'!A0",
    "</style></svg><img src=x>",
    "a\u202eb",
)


class _Reader(HTMLParser):
    """Every tag with its attributes, and the text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.said: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.said.append(data)


def _read(html: str) -> _Reader:
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader


def _told(attributes: int, names: tuple[str, ...] = HOSTILE, **more: object) -> Reported:
    schema = Schema(
        images=("image",),
        category=names[0],
        attributes=tuple(
            Attribute(
                column=names[place] if place < len(names) else f"column {place}", id=f"a{place:02d}",
                kind=Kind.CATEGORICAL, classes=names,
            )
            for place in range(attributes)
        ),
    )  # fmt: skip
    rng = np.random.default_rng(0)
    truth = labels(schema, [[names[n] for n in rng.integers(len(names), size=attributes)] for _ in range(40)])
    given = decisions(schema, [[names[n] for n in rng.integers(len(names), size=attributes)] for _ in range(40)])
    given.scores[:] = rng.random(given.scores.shape)
    metrics = {"split": "test", **evaluate(schema, truth, given, train=truth).to_dict()}
    return Reported(
        name=names[0], table=names[1], schema=schema, metrics=metrics, truth=truth, decisions=given,
        places=np.arange(40), names=[f"{names[n % len(names)]} {n}" for n in range(40)],
        log=[{"epoch": n, "train_loss": 1.0 / n, "val_loss": 2.0 / n, "score": 0.1 * n, "learning_rate": 0.1}
             for n in range(1, 5)],
        depth={attribute.column: {names[2]: {"added_loss": 0.5, "gate": 0.5}, "last": {"added_loss": 0.1, "gate": 0.5}}
               for attribute in schema.attributes},
        diagnostics={names[3]: [[0.1, 0.9], [0.5, 0.5]]}, issues={"ok": 40, names[4]: 2}, config=names[0],
        environment={"packages": {names[0]: names[1]}}, unknown={names[0]: 3},
        unsure=[Unsure(0, ((names[0], names[1], 0.5),))], notes=[names[2]],
        draw=lambda places: [Thumbnail(place=n, data="data:image/jpeg;base64,AAAA", views=1) for n in places],
    )  # fmt: skip


def test_hostile_names_are_inert() -> None:
    html = report_page(_told(5))
    reader = _read(html)
    tags = {tag for tag, _ in reader.tags}
    assert not tags & {"script", "iframe", "object", "embed", "link", "form", "base"}
    assert "img" not in tags  # pictures are styles here: an image can only be somebody else's
    for tag, attributes in reader.tags:
        assert not [name for name in attributes if name.startswith("on")], (tag, attributes)
        assert (attributes.get("href") or "#").startswith("#")
        assert "src" not in attributes
    said = "".join(reader.said)
    assert "<script>alert(1)</script>" in said
    assert '"onerror="alert(1)' in said
    assert "\u202e" not in html
    assert "<script" not in html
    styles = re.findall(r"<style>(.*?)</style>", html, flags=re.DOTALL)
    assert len(styles) == 1
    assert html.count("</style>") == 1
    assert not [found for found in re.findall(r"url\(([^)]*)\)", html) if not found.startswith('"data:image/jpeg')]
    assert "default-src 'none'" in html


@pytest.mark.parametrize("attributes", [1, 3, 60])
def test_every_attribute_is_reachable(attributes: int) -> None:
    html = report_page(_told(attributes, tuple("abcde")))
    reader = _read(html)
    ids = [found["id"] for _, found in reader.tags if found.get("id")]
    assert len(ids) == len(set(ids))
    links = {found["href"] for tag, found in reader.tags if tag == "a"}
    assert {f"#a{place:02d}" for place in range(attributes)} <= links
    assert {link[1:] for link in links if link} <= set(ids)
    # Each picture is in the file once, however often it is shown.
    assert html.count("base64,AAAA") <= 40
    assert ("Where it errs, in pictures" in html) == (attributes > 12)


def test_a_run_without_details_still_has_a_report() -> None:
    told = _told(3, tuple("abcde"))
    metrics = json.loads(json.dumps(told.metrics))
    for name in ("intervals", "tiers", "by_labelled"):
        metrics.pop(name)
    for one in metrics["attributes"].values():
        for name in ("intervals", "reliability", "risk_coverage", "frequency", "confusions", "calibration"):
            one.pop(name, None)
    assert "attributes</h2>" in report_page(replace(told, metrics=metrics, unsure=None, draw=None, log=(), depth={}))


def test_the_attributes_come_before_what_takes_explaining() -> None:
    told = _told(3, tuple("abcde"))
    tiers = {name: {"cells": 9 - place, "accuracy": 0.5} for place, name in enumerate(
        ("all_cells", "applicable", "value_given_applicable"))}  # fmt: skip
    html = report_page(replace(told, metrics={**told.metrics, "tiers": tiers}))
    words = (
        "macro-F1</div>", "nested in categories", "3 attributes</h2>", "By category</h2>", "Three readings",
        "Attribute by",
    )  # fmt: skip
    places = [html.index(one) for one in words]
    assert places == sorted(places)
    assert html.index("whole item right") < places[1]
    head = re.search(r"<th[^>]*>items</th>.*?</tr>", html, flags=re.DOTALL)
    assert head is not None
    headings = re.findall(r"<th[^>]*>([^<]*)</th>", head[0])
    (row, *_) = re.findall(r'<tr><td class="name">a</td>.*?</tr>', html[places[3] :], flags=re.DOTALL)
    cells = re.findall(r"<td[^>]*>(.*?)</td>", row, flags=re.DOTALL)[1:]
    assert len(cells) == len(headings)
    drawn = next(place for place, cell in enumerate(cells) if "range" in cell)
    assert headings[drawn - 1] == "harmonic mean", "a bar stands beside its number"


def test_what_cannot_be_read_and_what_is_left_out_is_named() -> None:
    bad = [Unreadable(4, HOSTILE[0], "not_an_image", HOSTILE[1]), Unreadable(9, "", "missing", "no name")]
    told = replace(
        _told(3), issues={"ok": 40, "not_an_image": 11, "missing": 1}, unreadable=bad,
        left_out=[(HOSTILE[3], "free text"), ("sku", HOSTILE[0])],
    )  # fmt: skip
    html = report_page(told)
    said = " ".join(" ".join(_read(html).said).split())
    assert "row 4: <script>alert(1)</script> not_an_image" in said
    assert "row 9: no name missing, no name" in said
    assert "10 more, all in issues.parquet" in said
    assert "sku <script>alert(1)</script>" in said
    assert "<script" not in html
    assert "left out" not in report_page(replace(told, left_out=()))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> api.Run:
    folder = tmp_path_factory.mktemp("report")
    table, features = write_table(folder)
    frame = pl.read_csv(table).with_columns(shop=pl.Series(["north", "south", "south", ""] * 40))
    frame.write_csv(table)
    return fw.train(table, features=features, out=folder / "run", settings=TINY, exclude=["shop"])


def test_training_leaves_a_report_and_flat_numbers(run: api.Run) -> None:
    html = (run.path / "report.html").read_text(encoding="utf-8")
    for attribute in run.schema.attributes:
        assert f'id="{attribute.id}"' in html
    said = " ".join(" ".join(_read(html).said).split())
    assert "Columns of the table that are left out shop not in the schema: excluded" in said
    flat = pl.read_parquet(run.path / "evaluation.parquet")
    own = flat.filter(
        (pl.col("scope") == "attribute") & (pl.col("name") == "colour") & (pl.col("metric") == "macro_f1")
    )
    assert own["value"].to_list() == [run.metrics["attributes"]["colour"]["macro_f1"]]
    assert run.report(run.path.parent / "again.html").read_text(encoding="utf-8") == html


def test_slices_add_up_and_are_those_of_their_rows(run: api.Run) -> None:
    whole, found = run.evaluate(), run.evaluate(by="shop")
    assert sorted(found) == ["(empty)", "north", "south"]
    assert sum(one.items for one in found.values()) == whole.items
    assert next(iter(found)) == max(found, key=lambda name: found[name].items)
    labelled = [one.attributes["colour"].labelled for one in found.values()]
    right = [one.attributes["colour"].labelled * (one.attributes["colour"].accuracy or 0) for one in found.values()]
    assert sum(labelled) == whole.attributes["colour"].labelled
    assert sum(right) == pytest.approx(whole.attributes["colour"].labelled * (whole.attributes["colour"].accuracy or 0))
    with pytest.raises(UserError, match=r"names a column.*shop"):
        run.evaluate(by="shopp")


def _picture(folder: Path, name: str) -> Path:
    Image.new("RGB", (20, 30), "red").save(folder / name)
    return folder / name


def test_gallery_shows_the_surest_of_the_most_frequent(tmp_path: Path) -> None:
    path = _picture(tmp_path, "one.png")
    rows = [
        {"image": f"{HOSTILE[1]} {n}", "issue": None, "colour": Cell(HOSTILE[0] if n < 5 else "rare", "value", n / 10)}
        for n in range(7)
    ]
    rows.append({"image": "broken", "issue": "missing"})
    answers = Answers(("colour",), rows)
    chosen = choose_shown(answers.rows, [path] * 7 + [None], "colour", classes=1, per_class=2)
    assert [(one.under, one.cells["colour"].confidence) for one in chosen] == [(HOSTILE[0], 0.4), (HOSTILE[0], 0.3)]
    html = gallery_page("run", "colour", chosen)
    reader = _read(html)
    assert "script" not in {tag for tag, _ in reader.tags}
    assert not [name for _, found in reader.tags for name in found if name.startswith("on")]
    (tmp_path / "sheet.png").write_bytes(gallery_png(chosen, per_row=2))
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.getpixel((60, 100)) == (255, 0, 0)


def test_unsure_items_are_those_with_unknown_cells() -> None:
    from facetwise.training._reporting import unsure_items

    told = _told(3, tuple("abcde"))
    state = np.full(told.truth.state.shape, VALUE, np.int8)
    assert unsure_items(told.schema, state, told.decisions) == []
    state[7, 1] = 0
    assert [(one.place, one.cells[0][0]) for one in unsure_items(told.schema, state, told.decisions)] == [(7, "b")]
