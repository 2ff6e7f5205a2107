"""A table with its gaps filled: the user's own cells untouched, and beside them what came from the model."""

import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import numpy as np

from facetwise.data import Spelling, Table
from facetwise.decisions import ABSTAINED, Decisions
from facetwise.errors import UserError
from facetwise.inference._answer_frame import class_sets
from facetwise.inference._atomic import write_bytes, write_text
from facetwise.schema import NOT_APPLICABLE, VALUE, Kind, Labels, Schema

__all__ = ["PROVENANCE", "Filled", "Sureness", "fill_table"]

# Name of the column that says where each new cell came from; a table that has one already gets another.
PROVENANCE = "filled_by_facetwise"
# Of the JSON texts about a row: fifty columns of a million would be gigabytes.
_ROWS_AT_ONCE = 1 << 16
_OPEN = {ABSTAINED: "abstained", NOT_APPLICABLE: "not applicable"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sureness:
    """How sure the new cells are: of one column, or of several together.

    Args:
        cells: New cells that have a confidence; numbers have none.
        expected: How many of them are right if their confidences are: the sum of these.
        doubtful: Those below one half: more likely wrong than right.
    """

    cells: int = 0
    expected: float = 0.0
    doubtful: int = 0

    @classmethod
    def of(cls, confidence: np.ndarray) -> "Sureness":
        """Of the confidences of new cells, NaN where one has none."""
        known = confidence[~np.isnan(confidence)]
        return cls(cells=len(known), expected=float(known.sum()), doubtful=int((known < 0.5).sum()))

    def __add__(self, other: "Sureness") -> "Sureness":
        return Sureness(
            cells=self.cells + other.cells, expected=self.expected + other.expected,
            doubtful=self.doubtful + other.doubtful,
        )  # fmt: skip

    @property
    def share(self) -> float | None:
        """Of the cells how many are right if their confidences are; None where no cell has one."""
        return self.expected / self.cells if self.cells else None


@dataclass(frozen=True, kw_only=True)
class Filled:
    """A table whose empty cells were filled where the model gives a value.

    Args:
        columns: The table's own columns in their order, then attributes that the table did not have, then the
            provenance.
        cells: Column → one text per row.
        provenance: Name of the provenance column: JSON, per cell that was empty the confidence of the new value
            (null for numbers), or "unsure: CONFIDENCE", "no class: CONFIDENCE" (of several classes not one is there,
            and the cell stays empty), "abstained", "not applicable", "unreadable: REASON".
        counts: Cells by what became of them: filled, unsure, no_class, abstained, not_applicable,
            unreadable, kept.
        sureness: Column → how sure its new cells are; without columns whose new cells have no confidence.
        spelling: How the table's own file is spelled, where it is one of separated values.
    """

    columns: tuple[str, ...]
    cells: dict[str, list[str]]
    provenance: str
    counts: Counter[str]
    sureness: Mapping[str, Sureness] = field(default_factory=dict)
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


class _Origins:
    """Where the cells of one column came from: different texts, and by row of the table the place of its own.

    Args:
        column: Its name.
        num_rows: Of the table.
    """

    def __init__(self, column: str, num_rows: int) -> None:
        self.name = json.dumps(column, ensure_ascii=False)
        self.texts: list[str] = []
        self.codes = np.full(num_rows, -1, dtype=np.int32)

    def add(self, rows: np.ndarray, origins: Sequence[str | float | None], codes: np.ndarray | int = 0) -> int:
        """Rows whose origin is among some; how many."""
        self.codes[rows] = len(self.texts) + codes
        self.texts += [f"{self.name}: {json.dumps(origin, ensure_ascii=False)}" for origin in origins]
        return len(rows)


def _joined(told: Sequence[_Origins], num_rows: int) -> list[str]:
    """(row,) a JSON object of what is told of a row's cells, "" where nothing is."""
    import polars as pl

    said: list[str] = []
    tables = [pl.Series(each.name, [*each.texts, None], dtype=pl.String) for each in told]
    for start in range(0, num_rows, _ROWS_AT_ONCE):
        codes = [each.codes[start : start + _ROWS_AT_ONCE] for each in told]
        own = [
            table.gather(np.where(code < 0, len(table) - 1, code)) for table, code in zip(tables, codes, strict=True)
        ]
        inside = pl.concat_str(own, separator=", ", ignore_nulls=True)
        text = pl.concat_str(pl.lit("{"), inside, pl.lit("}"))
        said += pl.select(pl.when(inside == "").then(pl.lit("")).otherwise(text)).to_series().to_list()
    return said


def _objects(texts: Sequence[str]) -> np.ndarray:
    found = np.empty(len(texts), dtype=object)
    found[:] = texts
    return found


def _values(schema: Schema, decisions: Decisions, place: int, items: np.ndarray) -> np.ndarray:
    """(item,) object array of the values as text."""
    attribute = schema.attributes[place]
    if attribute.kind is Kind.NUMERIC:
        # Six digits tell more than any photo does, and 1299.5000000000002 helps nobody.
        return _objects([f"{number:.6g}" for number in decisions.number[items, place].tolist()])
    if attribute.kind is Kind.MULTILABEL:
        own = decisions.members[items, schema.layout().blocks[place].scores] != 0
        table, codes = class_sets(own, attribute.classes, attribute.separator)
        return _objects(table)[codes]
    return _objects(attribute.classes)[decisions.index[items, place]]


def _four_digits(sure: np.ndarray) -> tuple[list[float], np.ndarray]:
    """Different confidences with four digits, and the place of each among them: at most ten thousand.

    A float32 times 10,000 is exact in float64, so that this rounds as Python's `round` does.
    """
    rounded = np.round(np.asarray(sure, dtype=np.float32).astype(np.float64), 4)
    numbers, codes = np.unique(rounded, return_inverse=True)
    return numbers.tolist(), codes


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
    items = np.full(len(table), -1, dtype=np.int64)
    items[good] = np.arange(len(good))
    reasons, codes = np.unique([issues[row][0] for row in np.flatnonzero(items < 0).tolist()], return_inverse=True)
    why = np.zeros(len(table), dtype=np.int64)
    why[items < 0] = codes
    counts, told, sureness = Counter[str](), [], dict[str, Sureness]()
    for place, attribute in enumerate(schema.attributes):
        column, origins = attribute.column, _Origins(attribute.column, len(table))
        silent = ("", *schema.unknown)
        empty = np.ones(len(table), dtype=bool) if column in added else table.coded(column).among(silent)
        counts["kept"] += int((~empty).sum())
        shut, rows = np.flatnonzero(empty & (items < 0)), np.flatnonzero(empty & (items >= 0))
        counts["unreadable"] += origins.add(shut, [f"unreadable: {reason}" for reason in reasons.tolist()], why[shut])
        own = items[rows]
        # The row's own category says so; there is nothing to ask the picture.
        apart = known.state[own, place] == NOT_APPLICABLE
        state = np.where(apart, NOT_APPLICABLE, decisions.state[own, place])
        for code, name in _OPEN.items():
            counts[name.replace(" ", "_")] += origins.add(rows[state == code], [name])
        sure = decisions.confidence[own, place].astype(np.float64)
        unsure, certain = (state == VALUE) & (sure < min_confidence), (state == VALUE) & ~(sure < min_confidence)
        numbers, codes = _four_digits(sure[unsure])
        counts["unsure"] += origins.add(rows[unsure], [f"unsure: {number:.4f}" for number in numbers], codes)
        if attribute.kind is Kind.MULTILABEL:
            there = (decisions.members[own][:, schema.layout().blocks[place].scores] != 0).any(axis=1)
            bare, certain = certain & ~there, certain & there
            numbers, codes = _four_digits(sure[bare])
            counts["no_class"] += origins.add(rows[bare], [f"no class: {number:.4f}" for number in numbers], codes)
        if (new := Sureness.of(sure[certain])).cells:
            sureness[column] = new
        numbers, codes = _four_digits(sure[certain])
        counts["filled"] += origins.add(
            rows[certain], [None if number != number else number for number in numbers], codes
        )
        texts = _objects(cells[column])
        texts[rows[certain]] = _values(schema, decisions, place, own[certain])
        cells[column] = texts.tolist()
        told.append(origins)
    said = _joined(told, len(table))
    cells[provenance] = said
    return Filled(
        columns=(*table.columns, *added, provenance), cells=cells, provenance=provenance, counts=counts,
        sureness=sureness, spelling=spelling,
    )  # fmt: skip
