"""Decisions as a person reads them: one row per image, one cell per attribute, written as CSV, Parquet or JSONL."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from facetwise.decisions import ABSTAINED, Decisions, Policy, intervals, prediction_sets
from facetwise.errors import UserError
from facetwise.inference._atomic import write_bytes, write_text
from facetwise.inference._formula import inert
from facetwise.schema import NOT_APPLICABLE, VALUE, Attribute, Kind, Schema

__all__ = ["Answers", "Cell", "answers_from"]

State = Literal["value", "abstained", "not_applicable"]
Given = Literal["known", "contradicted"]
_STATE: dict[int, State] = {VALUE: "value", ABSTAINED: "abstained", NOT_APPLICABLE: "not_applicable"}


@dataclass(frozen=True, slots=True)
class Cell:
    """One filled cell.

    Args:
        value: A class name, a list of them (multilabel), a number, or None where the state is not `value`.
        state: value, abstained or not_applicable.
        confidence: Calibrated probability of this decision; None for numbers.
        set: Classes among which the true one lies with the coverage of the run, in the schema's order; None where they
            were not asked for, for labels and numbers, and where the attribute does not apply.
        interval: Lowest and highest number, likewise; None too where too few cells were there to tell.
        given: `known` where the user's own cell decided, `contradicted` where the picture speaks against that.
    """

    value: str | list[str] | float | None
    state: State
    confidence: float | None
    set: tuple[str, ...] | None = None
    interval: tuple[float, float] | None = None
    given: Given | None = None

    def told(self, tail: str) -> object:
        """What stands in the column of that tail: set, low, high or given."""
        if tail in ("low", "high"):
            return None if self.interval is None else self.interval[tail == "high"]
        if tail == "given":
            return self.given
        return None if self.set is None else list(self.set)


@dataclass(frozen=True, slots=True)
class Answers:
    """What `predict` returns.

    Args:
        columns: Attribute columns in the schema's order.
        rows: One dictionary per image, in the order asked: `image`, `issue` (None, or why the picture could not be
            read) and one `Cell` per attribute; an unreadable picture has no cells.
        extras: By column what else is told in columns of their own: set, low, high, given.
    """

    columns: tuple[str, ...]
    rows: list[dict[str, Any]]
    extras: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

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


def _value(attribute: Attribute, decisions: Decisions, row: int, place: int, scores: slice) -> str | list[str] | float:
    if attribute.kind is Kind.NUMERIC:
        return float(decisions.number[row, place])
    if attribute.kind is Kind.MULTILABEL:
        return [attribute.classes[c] for c in np.flatnonzero(decisions.members[row, scores])]
    return attribute.classes[decisions.index[row, place]]


def _sets(schema: Schema, policy: Policy, decisions: Decisions) -> tuple[dict[int, np.ndarray], dict[int, np.ndarray]]:
    """By place of the attribute: (item, class) bool sets, and (item, 2) intervals."""
    top = schema.category_attribute
    category = np.full(len(decisions), -1) if top is None else decisions.index[:, schema.index[top.column]]
    sets: dict[int, np.ndarray] = {}
    ranges: dict[int, np.ndarray] = {}
    for place, (attribute, block) in enumerate(zip(schema.attributes, schema.layout().blocks, strict=True)):
        conformal, chances = policy.conformal.get(attribute.id), decisions.chances[:, block.scores]
        if conformal is not None and attribute.kind is Kind.NUMERIC:
            ranges[place] = intervals(schema, attribute, conformal, chances, category)
        elif conformal is not None:
            sets[place] = prediction_sets(schema, conformal, chances, category)
    return sets, ranges


def answers_from(
    schema: Schema,
    images: Sequence[str],
    issues: Sequence[str | None],
    decisions: Decisions,
    *,
    sets_of: Policy | None = None,
    given: np.ndarray | None = None,
    contradicted: np.ndarray | None = None,
) -> Answers:
    """Decisions about the readable images, in order, to one row per image.

    Args:
        schema: The vocabulary.
        images: Every image asked for.
        issues: Per image None, or the reason why it could not be read; `decisions` has a row for every None.
        decisions: Decisions about the readable ones.
        sets_of: Tell the sets and intervals of this policy too.
        given: (readable, attribute) bool: cells that the user knew; told as such.
        contradicted: (readable, attribute) bool: those that the picture speaks against.
    """
    sets, ranges = ({}, {}) if sets_of is None else _sets(schema, sets_of, decisions)
    extras: dict[str, tuple[str, ...]] = {}
    for place, attribute in enumerate(schema.attributes):
        tails = ("set",) * (place in sets) + ("low", "high") * (place in ranges) + ("given",) * (given is not None)
        extras |= {attribute.column: tails} if tails else {}
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
                among = within = told = None
                if place in sets and state != NOT_APPLICABLE:
                    among = tuple(attribute.classes[c] for c in np.flatnonzero(sets[place][readable]))
                if place in ranges and state != NOT_APPLICABLE and np.isfinite(ranges[place][readable]).all():
                    within = (float(ranges[place][readable, 0]), float(ranges[place][readable, 1]))
                if given is not None and given[readable, place]:
                    told = "contradicted" if contradicted is not None and contradicted[readable, place] else "known"
                confidence = None if np.isnan(sure) else sure
                row[attribute.column] = Cell(value, _STATE[state], confidence, among, within, told)
            readable += 1
        rows.append(row)
    return Answers(tuple(a.column for a in schema.attributes), rows, extras)
