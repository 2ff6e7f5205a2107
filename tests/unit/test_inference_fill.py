"""Fill: only empty cells, what is known stays and is believed, and every new cell says where it came from."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from facetwise.data import Spelling, Table
from facetwise.decisions import Cell, decide, scores_from_logits
from facetwise.errors import UserError
from facetwise.inference import PROVENANCE, Filled, _fill, answers_from, fill_table, known_cells
from facetwise.schema import NOT_APPLICABLE, VALUE, Kind
from made_facets import made_labels, made_logits, made_scales, made_schema

SCHEMA = made_schema()
SCALES = made_scales(SCHEMA, made_labels(SCHEMA, 60))
COLUMNS = {
    "image": ["a.png", "b.png", "c.png", "d.png"],
    "note": ["=cmd|' /C calc'!A1", "  kept as it is  ", "", "007"],
    "department": ["shoes", "", "clothes", ""],
    "colour": ["", "red", "mauve", ""],
    "heel height": ["", "", "", ""],
    "price": ["", "12", "", ""],
}


def filled(**options: object) -> Filled:
    table = Table.of(COLUMNS)
    good = np.array([0, 1, 2])
    known, _ = known_cells(SCHEMA, table.take(good))
    logits = made_logits(SCHEMA, 3).numpy()
    decisions = decide(SCHEMA, *scores_from_logits(SCHEMA, SCALES, logits, given=known))
    return fill_table(SCHEMA, table, known, decisions, good, {3: ("truncated", "")}, **options)  # ty: ignore[invalid-argument-type]


def test_only_empty_cells_of_attributes_change() -> None:
    result = filled(spelling=Spelling(cells=COLUMNS))
    for column, cells in COLUMNS.items():
        for before, after in zip(cells, result.cells[column], strict=True):
            assert after == before or (before == "" and column in SCHEMA.index)
    assert result.cells["note"] == COLUMNS["note"], "columns that are no attribute are untouched, blanks included"
    assert result.cells["colour"][2] == "mauve", "a text that the schema does not know is the user's"
    assert result.columns[: len(COLUMNS)] == tuple(COLUMNS)
    assert result.columns[-1] == PROVENANCE


def test_a_known_category_decides_what_applies() -> None:
    result = filled()
    origins = [json.loads(text) for text in result.cells[PROVENANCE]]
    assert result.cells["heel height"][0] in SCHEMA.attribute("heel height").classes
    assert result.cells["heel height"][2] == ""
    assert origins[2]["heel height"] == "not applicable"
    assert "department" not in origins[0], "a cell that was there is not claimed by the model"
    assert 0 <= origins[1]["department"] <= 1
    assert origins[0]["price"] is None, "a number has no confidence"


def test_unreadable_pictures_stay_empty_and_say_why() -> None:
    result = filled()
    assert all(result.cells[column][3] == "" for column in ("department", "colour", "price"))
    assert set(json.loads(result.cells[PROVENANCE][3]).values()) == {"unreadable: truncated"}


def test_counts_add_up_to_all_cells() -> None:
    result = filled()
    assert sum(result.counts.values()) == len(result) * len(SCHEMA.attributes)


def test_how_sure_the_new_cells_are_is_told_by_column() -> None:
    result = filled()
    origins = [json.loads(text) for text in result.cells[PROVENANCE]]
    for attribute in SCHEMA.attributes:
        own = [one[attribute.column] for one in origins if isinstance(one.get(attribute.column), float)]
        if not own:
            assert attribute.column not in result.sureness, "numbers have no confidence"
            continue
        sure = result.sureness[attribute.column]
        assert sure.cells == len(own)
        assert sure.expected == pytest.approx(sum(own), abs=1e-3)
        assert sure.doubtful == sum(one < 0.5 for one in own)
    assert sum(one.doubtful for one in result.sureness.values()) > 0
    assert all(one.doubtful == 0 for one in filled(min_confidence=0.5).sureness.values())


def test_what_is_less_sure_than_asked_stays_empty() -> None:
    sure = filled(min_confidence=1.0)
    classes = [a.column for a in SCHEMA.attributes if a.kind is not Kind.NUMERIC and a.column in COLUMNS]
    for column in classes:
        assert sure.cells[column] == COLUMNS[column]
    assert sure.counts["unsure"] > 0
    assert "unsure: 0." in sure.cells[PROVENANCE][0]


def test_a_table_that_only_names_pictures_is_filled_too() -> None:
    known, notices = known_cells(SCHEMA, Table.of({"image": ["a.png", "b.png"]}))
    assert notices == []
    assert not (known.state == VALUE).any()


def test_a_column_with_the_name_of_the_provenance_is_left_alone() -> None:
    table = Table.of({**COLUMNS, PROVENANCE: ["mine"] * 4})
    known, _ = known_cells(SCHEMA, table)
    decisions = decide(SCHEMA, *scores_from_logits(SCHEMA, SCALES, made_logits(SCHEMA, 4).numpy(), given=known))
    result = fill_table(SCHEMA, table, known, decisions, np.arange(4), {})
    assert result.cells[PROVENANCE] == ["mine"] * 4
    assert result.provenance == f"{PROVENANCE}_"


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_written_and_read_back(tmp_path: Path, suffix: str) -> None:
    import polars as pl

    result = filled()
    path = result.write(tmp_path / f"out{suffix}")
    if suffix == ".parquet":
        found = pl.read_parquet(path).to_dict(as_series=False)
    elif suffix == ".jsonl":
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        found = {column: [row[column] for row in rows] for column in result.columns}
    else:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file, delimiter="\t" if suffix == ".tsv" else ","))
        found = {column: [row[column] for row in rows] for column in result.columns}
    assert found == {column: result.cells[column] for column in result.columns}


def test_another_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="csv"):
        filled().write(tmp_path / "out.xls")


def _one_by_one(row: int, cells: dict[str, Cell], known: np.ndarray, limit: float) -> tuple[dict[str, str], str]:
    """What a row's empty cells become, cell by cell, and what is said about them."""
    texts, origin = {}, {}
    for place, attribute in enumerate(SCHEMA.attributes):
        cell, column = cells[attribute.column], attribute.column
        if known[row, place] == NOT_APPLICABLE:
            origin[column] = "not applicable"
        elif cell.state != "value":
            origin[column] = cell.state.replace("_", " ")
        elif cell.confidence is not None and cell.confidence < limit:
            origin[column] = f"unsure: {cell.confidence:.4f}"
        elif cell.value == []:
            origin[column] = f"no class: {cell.confidence:.4f}"
        else:
            several, number = isinstance(cell.value, list), isinstance(cell.value, float)
            texts[column] = attribute.separator.join(cell.value) if several else str(cell.value)
            texts[column] = f"{cell.value:.6g}" if number else texts[column]
            origin[column] = None if cell.confidence is None else round(cell.confidence, 4)
    return texts, json.dumps(origin, ensure_ascii=False)


def test_columns_are_the_cells_to_the_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_fill, "_ROWS_AT_ONCE", 64)
    rows, generator = 500, np.random.default_rng(0)
    table = Table.of({"image": [f"{n}.png" for n in range(rows)]})
    good = np.flatnonzero(generator.random(rows) < 0.9)
    known, _ = known_cells(SCHEMA, table.take(good))
    known.state[generator.random(known.state.shape) < 0.1] = NOT_APPLICABLE
    decisions = decide(SCHEMA, *scores_from_logits(SCHEMA, SCALES, made_logits(SCHEMA, len(good)).numpy()))
    state = generator.integers(3, size=decisions.state.shape).astype(np.int8)
    # Ties of the fifth digit, which a float32 holds: they go to the even one.
    sure = np.where(generator.random(state.shape) < 0.2, np.float32(0.03125), decisions.confidence)
    decisions = replace(decisions, state=state, confidence=sure)
    issues = {row: (f"reason {row % 3}", "") for row in range(rows) if row not in set(good.tolist())}
    result = fill_table(SCHEMA, table, known, decisions, good, issues, min_confidence=0.4)
    answers = answers_from(SCHEMA, [""] * len(good), [None] * len(good), decisions)
    items = {row: item for item, row in enumerate(good.tolist())}
    for row in range(rows):
        if row in issues:
            told = dict.fromkeys((a.column for a in SCHEMA.attributes), f"unreadable: {issues[row][0]}")
            texts, said = {}, json.dumps(told)
        else:
            texts, said = _one_by_one(items[row], answers.rows[items[row]], known.state, 0.4)
        assert result.cells[PROVENANCE][row] == said
        assert {a.column: result.cells[a.column][row] for a in SCHEMA.attributes} == {
            a.column: texts.get(a.column, "") for a in SCHEMA.attributes
        }
    assert sum(result.counts.values()) == rows * len(SCHEMA.attributes)
    assert all(
        result.counts[name] for name in ("filled", "unsure", "no_class", "abstained", "not_applicable", "unreadable")
    )


def test_a_cell_with_none_of_the_classes_is_not_filled() -> None:
    table = Table.of({"image": ["a.png", "b.png"], "season": ["", ""]})
    known, _ = known_cells(SCHEMA, table)
    place = SCHEMA.index["season"]
    block = SCHEMA.layout().blocks[place]
    decisions = decide(SCHEMA, *scores_from_logits(SCHEMA, SCALES, made_logits(SCHEMA, 2).numpy()))
    decisions.members[0, block.scores], decisions.members[1, block.scores] = 0, (1, 0, 0)
    decisions.state[:, place], decisions.confidence[:, place] = VALUE, 0.75
    result = fill_table(SCHEMA, table, known, decisions, np.arange(2), {})
    assert result.cells["season"] == ["", "spring"]
    assert [json.loads(text)["season"] for text in result.cells[PROVENANCE]] == ["no class: 0.7500", 0.75]
    filled_in = sum(bool(cell) for column in SCHEMA.index for cell in result.cells[column])
    assert result.counts["filled"] == filled_in
