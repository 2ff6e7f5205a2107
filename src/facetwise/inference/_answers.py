"""Decisions as a person reads them: one row per image, one cell per attribute, written as CSV, Parquet or JSONL."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from facetwise.decisions import Cell, Decisions, Policy, RuleCount, rows_from
from facetwise.errors import UserError
from facetwise.inference._atomic import write_bytes, write_text
from facetwise.inference._formula import inert
from facetwise.schema import Schema

__all__ = ["Answers", "Cell", "answers_from"]


@dataclass(frozen=True, slots=True)
class Answers:
    """What `predict` returns.

    Args:
        columns: Attribute columns in the schema's order.
        rows: One dictionary per image, in the order asked: `image`, `issue` (None, or why the picture could not be
            read) and one `Cell` per attribute; an unreadable picture has no cells.
        extras: By column what else is told in columns of their own: set, low, high, given.
        rules: Rules between attributes that changed answers, or that answers break.
    """

    columns: tuple[str, ...]
    rows: list[dict[str, Any]]
    extras: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    rules: tuple[RuleCount, ...] = ()

    def __len__(self) -> int:
        return len(self.rows)

    def flat(self) -> list[dict[str, Any]]:
        """Rows with three plain columns per attribute: value, state, confidence; then its extras."""
        flat: list[dict[str, Any]] = []
        for row in self.rows:
            line: dict[str, Any] = {"image": row["image"], "issue": row["issue"]}
            for column in self.columns:
                cell = row.get(column)
                line[column] = None if cell is None else cell.value
                line[f"{column}:state"] = None if cell is None else cell.state
                line[f"{column}:confidence"] = None if cell is None else cell.confidence
                for tail in self.extras.get(column, ()):
                    line[f"{column}:{tail}"] = None if cell is None else cell.told(tail)
            flat.append(line)
        return flat

    def to_polars(self) -> Any:
        """A polars frame of `flat`, multilabel values joined by `|`."""
        import polars as pl

        tails = {c: ("", ":state", ":confidence", *(f":{t}" for t in self.extras.get(c, ()))) for c in self.columns}
        names = ["image", "issue", *(f"{column}{tail}" for column in self.columns for tail in tails[column])]
        lines = [{key: _plain(value) for key, value in line.items()} for line in self.flat()]
        data = {name: [line[name] for line in lines] for name in names}
        numbers = (":confidence", *(f":{tail}" for tail in ("low", "high") if self.extras))
        kinds = {name: pl.Float64 if name.endswith(numbers) else None for name in names}
        return pl.DataFrame({name: pl.Series(name, values, dtype=kinds[name]) for name, values in data.items()})

    def write(self, path: Path | str) -> Path:
        """Write by suffix: .csv, .parquet or .jsonl. In CSV, text that a spreadsheet would run gets a quote in front.

        Raises:
            UserError: Another suffix.
        """
        path = Path(path)
        if path.suffix == ".jsonl":
            lines = (json.dumps(line, ensure_ascii=False, allow_nan=False) for line in self.flat())
            write_text(path, "".join(f"{line}\n" for line in lines))
        elif path.suffix == ".csv":
            frame = self.to_polars()
            import polars as pl

            safe = [
                pl.col(n).map_elements(inert, return_dtype=pl.String) for n, t in frame.schema.items() if t == pl.String
            ]
            write_bytes(path, frame.with_columns(safe).rename(inert).write_csv().encode("utf-8"))
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
