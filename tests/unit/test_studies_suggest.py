"""What to label next: only cells that say nothing, and the file goes back into a training as it is."""

import csv
import io
from pathlib import Path

import polars as pl

from facetwise import api, studies
from made_table import ITEMS, TINY, write_table

# Rare, misspelt, no class at all: words that an audit tells of.
ODD = {1: "purple", 4: "Bleu", 7: "spaceship"}


def test_cells_with_a_text_are_left_out_and_the_rest_trains(tmp_path: Path) -> None:
    table, features = write_table(tmp_path)
    cells = pl.read_csv(table).fill_null("")
    colour = [ODD.get(row, text) for row, text in enumerate(cells["colour"].to_list())]
    empty = {row for row, text in enumerate(colour) if not text}
    unknown = set(sorted(empty)[:5])
    colour = ["?" if row in unknown else text for row, text in enumerate(colour)]
    cells.with_columns(pl.Series("colour", colour)).write_csv(table)
    run = api.train(table, features=features, out=tmp_path / "run", settings=TINY)
    found = studies.suggest(run, count=ITEMS)
    asked = {one.row: old for one in found for column, _, _, old in one.cells if column == "colour"}
    assert set(asked) == empty
    assert {row for row, old in asked.items() if old == "?"} == unknown
    assert {old for row, old in asked.items() if row not in unknown} == {""}

    lines = list(csv.DictReader(io.StringIO(studies.suggestions_csv(found))))
    assert {int(line["row"]) - 1: line["old"] for line in lines if line["attribute"] == "colour"} == asked
    with (tmp_path / "filled.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, lines[0])
        writer.writeheader()
        writer.writerows({**line, "accept": "yes", "new": line["model"]} for line in lines)
    again = api.train(
        table, features=features, out=tmp_path / "again", settings=TINY, corrections=tmp_path / "filled.csv"
    )
    assert not {column for one in studies.suggest(again, count=ITEMS) for column, *_ in one.cells} & {"colour"}
