"""A table as a training would read it, before anything is trained: the readings, their reasons, what is odd."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from facetwise.data import (
    ColumnReading,
    Inference,
    Notice,
    RuleKept,
    complete_schema,
    encode,
    read_table,
    resolve_pictures,
    rules_kept,
    split_rows,
    unsaid,
)
from facetwise.events import Event, Report, silent
from facetwise.inference import fetched, root_of
from facetwise.schema import Schema, read_schema
from facetwise.training._prepare import infer_structure

__all__ = ["Inspection", "inspect"]

# Seconds of one core once the table is read, from 1,000,000 rows of 40 columns (2026-11-23, benchmarks/tables.py):
# where the pictures are by row, all else by cell. A guess on other machines, right within a factor of two or three.
_PER_ROW, _PER_CELL = 1.2e-5, 8e-7


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """What `inspect` concludes from a table.

    Args:
        table: Where it came from.
        items: Rows.
        readings: One per column: role, kind, reason, and the YAML line that overrules it.
        notices: What the user should know.
        schema: The schema, classes and applicability from training rows.
        coverage: Share of rows with a value, per attribute column.
        split: How the rows would be split.
        rules: The schema's rules between attributes, then those that nearly all rows keep; which rows break them.
        inference: The readings with the reasons for group and category.
    """

    table: str
    items: int
    readings: tuple[ColumnReading, ...]
    notices: tuple[Notice, ...]
    schema: Schema
    coverage: dict[str, float]
    split: str
    rules: tuple[RuleKept, ...]
    inference: Inference = field(repr=False)


def inspect(
    table: Any,
    *,
    images: str | Path | None = None,
    category: str | None = None,
    group: str | None = None,
    attributes: Sequence[str] | None = None,
    exclude: Sequence[str] = (),
    min_count: int = 5,
    seed: int = 0,
    schema: str | Path | Schema | None = None,
    report: Report = silent,
) -> Inspection:
    """Read a table as `train` would, without opening a picture; with a schema, hold the table against it.

    `report` is told how long that will take, and of what is copied from an address.

    Raises:
        TableError, ConfigError: Everything that is wrong, at once.
    """
    table, images = fetched(table, images, pictures=False, report=report)
    read, root = read_table(table), root_of(table, images)
    seconds = len(read) * (_PER_ROW + _PER_CELL * len(read.columns))
    report(Event("estimate", f"{len(read):,} rows of {len(read.columns):,} columns", data={"left": seconds}))
    structure = infer_structure(
        read, root, category=category, group=group, exclude=exclude, declared=schema is not None
    )  # fmt: skip
    declared = structure if schema is None else schema if isinstance(schema, Schema) else read_schema(Path(schema))
    split = split_rows(read, declared, seed=seed, split_column=structure.split)
    found, notices = complete_schema(
        declared, read, split.rows("train"), min_count=min_count,
        attributes=None if attributes is None else list(attributes), exclude=list(exclude),
    )  # fmt: skip
    labels, odd = encode(found, read)
    paths: list[Notice] = []
    if structure.images and root.is_dir():
        _, paths, _ = resolve_pictures(read, structure.images, root)
    coverage = {
        reading.column: reading.filled / max(1, len(read)) for reading in structure.readings if reading.kind is not None
    }
    return Inspection(
        table=read.name,
        items=len(read),
        readings=structure.readings,
        notices=(*structure.notices, *split.notices, *notices, *unsaid(odd, notices), *paths),
        schema=found,
        coverage=coverage,
        split=split.how,
        rules=tuple(rules_kept(found, read, labels)),
        inference=structure,
    )
