"""A table with its gaps filled: the user's own cells untouched, and beside them what came from the model."""

import io
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from facetwise.data import Spelling, Table
from facetwise.decisions import ABSTAINED, Decisions
from facetwise.errors import UserError
from facetwise.inference._answers import answers_from
from facetwise.inference._atomic import write_bytes, write_text
from facetwise.schema import NOT_APPLICABLE, Labels, Schema

__all__ = ["PROVENANCE", "Filled", "fill_table"]

# Name of the column that says where each new cell came from; a table that has one already gets another.
PROVENANCE = "filled_by_facetwise"
_OPEN = {ABSTAINED: "abstained", NOT_APPLICABLE: "not applicable"}


@dataclass(frozen=True, kw_only=True)
class Filled:
    """A table whose empty cells were filled where the model gives a value.

    Args:
        columns: The table's own columns in their order, then attributes that the table did not have, then the
            provenance.
        cells: Column → one text per row.
        provenance: Name of the provenance column: JSON, per cell that was empty the confidence of the new value
            (null for numbers), or "unsure: CONFIDENCE", "abstained", "not applicable", "unreadable: REASON".
        counts: Cells by what became of them: filled, unsure, abstained, not_applicable,
            unreadable, kept.
        spelling: How the table's own file is spelled, where it is one of separated values.
    """

    columns: tuple[str, ...]
    cells: dict[str, list[str]]
    provenance: str
    counts: Counter[str]
    spelling: Spelling = field(default_factory=Spelling, repr=False)

    def __len__(self) -> int:
        return len(self.cells[self.provenance])

    def write(self, path: Path | str, *, separator: str | None = None) -> Path:
        """Write by suffix: .csv, .tsv, .parquet or .jsonl. The user's own cells are written as they are.

        A .csv or .tsv has the encoding and the line ends of the table's own file, if that is one too, otherwise UTF-8
        and "\\n"; other formats are UTF-8.

        Args:
            path: Where to.
            separator: What stands between the cells of a .csv; by default what does in the table's own file, otherwise
                a comma.

        Raises:
            UserError: Another suffix.
        """
        path = Path(path)
        if path.suffix in (".csv", ".tsv"):
            header = [self.spelling.names.get(column, column) for column in self.columns]
            rows = zip(*(self.cells[column] for column in self.columns), strict=True)
            wanted = "\t" if path.suffix == ".tsv" else separator
            write_bytes(path, self.spelling.encode(chain([header], rows), separator=wanted))
        elif path.suffix == ".jsonl":
            rows = zip(*(self.cells[column] for column in self.columns), strict=True)
            lines = (json.dumps(dict(zip(self.columns, row, strict=True)), ensure_ascii=False) for row in rows)
            write_text(path, "".join(f"{line}\n" for line in lines))
        elif path.suffix == ".parquet":
            import polars as pl

            sink = io.BytesIO()
            pl.DataFrame({column: self.cells[column] for column in self.columns}).write_parquet(sink)
            write_bytes(path, sink.getvalue())
        else:
            raise UserError(
                f"a filled table is written as .csv, .tsv, .parquet or .jsonl. Found {path.name!r}. Fix: choose one"
            )
        return path


def _text(value: Any, separator: str) -> str:
    if isinstance(value, list):
        return separator.join(value)
    # Six digits tell more than any photo does, and 1299.5000000000002 helps nobody.
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def fill_table(
    schema: Schema,
    table: Table,
    known: Labels,
    decisions: Decisions,
    good: np.ndarray,
    issues: Mapping[int, tuple[str, str]],
    *,
    min_confidence: float = 0.0,
    spelling: Spelling | None = None,
) -> Filled:
    """Fill the empty cells of a table.

    Args:
        schema: The vocabulary.
        table: The table.
        known: Its coded cells, one row per row of `good`.
        decisions: What the model says about the rows of `good`, given the known cells.
        good: Rows whose picture could be read.
        issues: Row → (reason, message) of the others.
        min_confidence: Values that the model is less sure of are not written. Numbers have no confidence and are.
        spelling: The table's cells as the user spelled them, blanks included; those of `table` if it has none.

    Only a cell that says nothing (it is empty, or one of the schema's texts for "unknown") is filled. A text that
    the schema does not know stays as it is: it is the user's, whatever it means.
    """
    spelling = spelling or Spelling()
    own = table.cells if spelling.cells is None else spelling.cells
    cells = {column: list(own[column]) for column in table.columns}
    added = [a.column for a in schema.attributes if a.column not in cells]
    cells |= {column: [""] * len(table) for column in added}
    provenance = PROVENANCE
    while provenance in cells:
        provenance += "_"
    where, counts = {int(row): place for place, row in enumerate(good)}, Counter[str]()
    empty = {
        a.column: table.coded(a.column).among(("", *schema.unknown)) if a.column not in added
        else np.ones(len(table), dtype=bool)
        for a in schema.attributes
    }  # fmt: skip
    names = [str(row) for row in range(len(good))]
    answers = answers_from(schema, names, [None] * len(good), decisions).rows
    said: list[str] = []
    for row in range(len(table)):
        origin: dict[str, Any] = {}
        for place, attribute in enumerate(schema.attributes):
            column = attribute.column
            if not empty[column][row]:
                counts["kept"] += 1
            elif row not in where:
                origin[column] = f"unreadable: {issues[row][0]}"
                counts["unreadable"] += 1
            elif known.state[where[row], place] == NOT_APPLICABLE:
                # The row's own category says so; there is nothing to ask the picture.
                origin[column], counts["not_applicable"] = _OPEN[NOT_APPLICABLE], counts["not_applicable"] + 1
            else:
                cell = answers[where[row]][column]
                if cell.state == "value" and cell.confidence is not None and cell.confidence < min_confidence:
                    origin[column] = f"unsure: {cell.confidence:.4f}"
                    counts["unsure"] += 1
                elif cell.state == "value":
                    cells[column][row] = _text(cell.value, attribute.separator)
                    origin[column] = None if cell.confidence is None else round(cell.confidence, 4)
                    counts["filled"] += 1
                else:
                    origin[column] = cell.state.replace("_", " ")
                    counts[cell.state] += 1
        said.append(json.dumps(origin, ensure_ascii=False) if origin else "")
    cells[provenance] = said
    return Filled(
        columns=(*table.columns, *added, provenance), cells=cells, provenance=provenance, counts=counts,
        spelling=spelling,
    )  # fmt: skip
