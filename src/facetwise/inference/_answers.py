"""Decisions as a person reads them: one row per image, one cell per attribute, written as CSV, Parquet or JSONL."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from facetwise.decisions import Cell, Decisions, Policy, Rows, RuleCount, rows_from
from facetwise.errors import UserError
from facetwise.inference._answer_frame import answer_frame
from facetwise.inference._atomic import write_bytes, write_pieces
from facetwise.inference._formula import inert
from facetwise.schema import Schema

__all__ = ["Answers", "Cell", "answers_from"]

# Of a CSV file: a million rows of fifty attributes are two gigabytes of columns at once.
_ROWS_AT_ONCE = 1 << 16
# Of the confidences in a CSV file: more than any photo tells.
_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Answers:
    """What `predict` returns.

    Args:
        columns: Attribute columns in the schema's order.
        rows: One dictionary per image, in the order asked: `image`, `issue` (None, or why the picture could not be
            read) and one `Cell` per attribute; an unreadable picture has no cells. Made when they are asked for.
        extras: By column what else is told in columns of their own: set, low, high, given.
        rules: Rules between attributes that changed answers, or that answers break.
    """

    columns: tuple[str, ...]
    rows: Sequence[dict[str, Any]]
    extras: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    rules: tuple[RuleCount, ...] = ()

    def __len__(self) -> int:
        return len(self.rows)

    def counts(self) -> Counter[str]:
        """Cells by state (value, abstained, not_applicable), and `unreadable` pictures."""
        if isinstance(self.rows, Rows):
            return self.rows.counts()
        readable = [row for row in self.rows if row["issue"] is None]
        states = Counter(row[column].state for row in readable for column in self.columns)
        return states + Counter(unreadable=len(self.rows) - len(readable))

    def flat(self) -> list[dict[str, Any]]:
        """Rows with three plain columns per attribute: value, state, confidence; then its extras."""
        return list(self._lines())

    def _lines(self) -> Iterator[dict[str, Any]]:
        for row in self.rows:
            line: dict[str, Any] = {"image": row["image"], "issue": row["issue"]}
            for column in self.columns:
                cell = row.get(column)
                line[column] = None if cell is None else cell.value
                line[f"{column}:state"] = None if cell is None else cell.state
                line[f"{column}:confidence"] = None if cell is None else cell.confidence
                for tail in self.extras.get(column, ()):
                    line[f"{column}:{tail}"] = None if cell is None else cell.told(tail)
            yield line

    def to_polars(self) -> Any:
        """A polars frame of `flat`, multilabel values joined by `|`."""
        return answer_frame(self.rows, self.extras) if isinstance(self.rows, Rows) else self._frame_of_cells()

    def _frame_of_cells(self) -> Any:
        """The same of rows that somebody else put together."""
        import polars as pl

        tails = {c: ("", ":state", ":confidence", *(f":{t}" for t in self.extras.get(c, ()))) for c in self.columns}
        names = ["image", "issue", *(f"{column}{tail}" for column in self.columns for tail in tails[column])]
        lines = [{key: _plain(value) for key, value in line.items()} for line in self._lines()]
        data = {name: [line[name] for line in lines] for name in names}
        numbers = (":confidence", *(f":{tail}" for tail in ("low", "high") if self.extras))
        kinds = {name: pl.Float64 if name.endswith(numbers) else None for name in names}
        return pl.DataFrame({name: pl.Series(name, values, dtype=kinds[name]) for name, values in data.items()})

    def _inert_frame(self) -> Any:
        """The frame without anything that a spreadsheet would run."""
        import polars as pl

        if isinstance(self.rows, Rows):
            return answer_frame(self.rows, self.extras, spell=inert).rename(inert)
        frame = self._frame_of_cells()
        texts = [name for name, kind in frame.schema.items() if kind == pl.String]
        return frame.with_columns(pl.col(name).map_elements(inert, pl.String) for name in texts).rename(inert)

    def _csv(self) -> Iterator[bytes]:
        import polars as pl

        for start in range(0, max(1, len(self)), _ROWS_AT_ONCE):
            part = replace(self, rows=self.rows[start : start + _ROWS_AT_ONCE])
            frame = part._inert_frame()
            # A float32 spelled as a float64 has sixteen digits, ten of them of no meaning.
            named = [name for name, kind in frame.schema.items() if kind == pl.Float64]
            sure = [name for name in named if name.endswith(":confidence")]
            frame = frame.with_columns(pl.col(name).round_sig_figs(_DIGITS) for name in sure)
            yield frame.write_csv(include_header=start == 0).encode("utf-8")

    def write(self, path: Path | str) -> Path:
        """Write by suffix: .csv, .parquet or .jsonl. In CSV, text that a spreadsheet would run gets a quote in front.

        Raises:
            UserError: Another suffix.
        """
        path = Path(path)
        if path.suffix == ".jsonl":
            lines = (json.dumps(line, ensure_ascii=False, allow_nan=False) for line in self._lines())
            write_pieces(path, (f"{line}\n".encode() for line in lines))
        elif path.suffix == ".csv":
            write_pieces(path, self._csv())
        elif path.suffix == ".parquet":
            import io

            sink = io.BytesIO()
            self.to_polars().write_parquet(sink)
            write_bytes(path, sink.getvalue())
        else:
            raise UserError(
                f"predictions are written as .csv, .parquet or .jsonl. Found {path.name!r}. Fix: choose one"
            )
        return path


def _plain(value: object) -> object:
    return "|".join(value) if isinstance(value, list) else value


def answers_from(
    schema: Schema,
    images: Sequence[str],
    issues: Sequence[str | None],
    decisions: Decisions,
    *,
    sets_of: Policy | None = None,
    given: np.ndarray | None = None,
    contradicted: np.ndarray | None = None,
    rules: Sequence[RuleCount] = (),
) -> Answers:
    """Decisions about the readable images, in order, to one row per image; see `facetwise.decisions.rows_from`."""
    rows, extras = rows_from(schema, images, issues, decisions, sets_of=sets_of, given=given, contradicted=contradicted)
    return Answers(tuple(a.column for a in schema.attributes), rows, extras, tuple(rules))
