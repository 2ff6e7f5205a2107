"""Decisions as a person reads them: one row per image, one cell per attribute, written as CSV, Parquet or JSONL."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from facetwise.decisions import ABSTAINED, Decisions
from facetwise.errors import UserError
from facetwise.inference._atomic import write_bytes, write_text
from facetwise.inference._formula import inert
from facetwise.schema import NOT_APPLICABLE, VALUE, Attribute, Kind, Schema

__all__ = ["Answers", "Cell", "answers_from"]

State = Literal["value", "abstained", "not_applicable"]
_STATE: dict[int, State] = {VALUE: "value", ABSTAINED: "abstained", NOT_APPLICABLE: "not_applicable"}


@dataclass(frozen=True, slots=True)
class Cell:
    """One filled cell.

    Args:
        value: A class name, a list of them (multilabel), a number, or None where the state is not `value`.
        state: value, abstained or not_applicable.
        confidence: Probability of this decision as the model sees it; None for numbers.
    """

    value: str | list[str] | float | None
    state: State
    confidence: float | None


@dataclass(frozen=True, slots=True)
class Answers:
    """What `predict` returns.

    Args:
        columns: Attribute columns in the schema's order.
        rows: One dictionary per image, in the order asked: `image`, `issue` (None, or why the picture could not be
            read) and one `Cell` per attribute; an unreadable picture has no cells.
    """

    columns: tuple[str, ...]
    rows: list[dict[str, Any]]

    def __len__(self) -> int:
        return len(self.rows)

    def flat(self) -> list[dict[str, Any]]:
        """Rows with three plain columns per attribute: value, state, confidence."""
        flat: list[dict[str, Any]] = []
        for row in self.rows:
            line: dict[str, Any] = {"image": row["image"], "issue": row["issue"]}
            for column in self.columns:
                cell = row.get(column)
                line[column] = None if cell is None else cell.value
                line[f"{column}:state"] = None if cell is None else cell.state
                line[f"{column}:confidence"] = None if cell is None else cell.confidence
            flat.append(line)
        return flat

    def to_polars(self) -> Any:
        """A polars frame of `flat`, multilabel values joined by `|`."""
        import polars as pl

        names = ["image", "issue", *(f"{c}{tail}" for c in self.columns for tail in ("", ":state", ":confidence"))]
        lines = [{key: _plain(value) for key, value in line.items()} for line in self.flat()]
        data = {name: [line[name] for line in lines] for name in names}
        kinds = {name: pl.Float64 if name.endswith(":confidence") else None for name in names}
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


def _value(attribute: Attribute, decisions: Decisions, row: int, place: int, scores: slice) -> str | list[str] | float:
    if attribute.kind is Kind.NUMERIC:
        return float(decisions.number[row, place])
    if attribute.kind is Kind.MULTILABEL:
        return [attribute.classes[c] for c in np.flatnonzero(decisions.members[row, scores])]
    return attribute.classes[decisions.index[row, place]]


def answers_from(schema: Schema, images: Sequence[str], issues: Sequence[str | None], decisions: Decisions) -> Answers:
    """Decisions about the readable images, in order, to one row per image.

    Args:
        schema: The vocabulary.
        images: Every image asked for.
        issues: Per image None, or the reason why it could not be read; `decisions` has a row for every None.
        decisions: Decisions about the readable ones.
    """
    rows: list[dict[str, Any]] = []
    readable = 0
    blocks = schema.layout().blocks
    for image, issue in zip(images, issues, strict=True):
        row: dict[str, Any] = {"image": image, "issue": issue}
        if issue is None:
            for place, attribute in enumerate(schema.attributes):
                state = int(decisions.state[readable, place])
                sure = float(decisions.confidence[readable, place])
                value = _value(attribute, decisions, readable, place, blocks[place].scores) if state == VALUE else None
                row[attribute.column] = Cell(value, _STATE[state], None if np.isnan(sure) else sure)
            readable += 1
        rows.append(row)
    return Answers(tuple(a.column for a in schema.attributes), rows)
