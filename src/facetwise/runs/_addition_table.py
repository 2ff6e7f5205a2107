"""The table of an attribute that is added to a run, read as the run reads its own."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from facetwise.config import Config
from facetwise.data import Inference, encode
from facetwise.errors import RunError, UserError, nearest
from facetwise.events import Event, Report
from facetwise.schema import Attribute, Schema, free_id, read_schema
from facetwise.training import FinishedRun, Prepared, Structure, prepare, read_structure

__all__ = ["only", "own_root", "prepare_addition"]


def own_root(run: FinishedRun, table: str | Path) -> Path | None:
    """Where the pictures of the run's own table are, if the new one lies beside no pictures of its own."""
    about = json.loads((run.path / "run.json").read_text(encoding="utf-8"))
    return Path(about["images"]) if about.get("images") and isinstance(table, str | Path) else None


def prepare_addition(
    run: FinishedRun, table: str | Path, root: Path | None, column: str, declared: str | Path | None, *, report: Report
) -> Prepared:
    """The table as the grown schema reads it; the run's rows keep their sides."""
    about, old = json.loads((run.path / "run.json").read_text(encoding="utf-8")), run.schema
    plain = Config()
    config = run.config.model_copy(
        update={
            "attributes": [name for name in (old.category, column) if name is not None], "exclude": [],
            "category": old.category, "group": old.group, "near_duplicates": False, "group_near_duplicates": False,
            "select_by": plain.select_by, "goals": only(run.config.goals, column),
            "losses_of": only(run.config.losses_of, column),
        }
    )  # fmt: skip
    # What the run leaves out may be the table's own split; what the run's category and group are it knows itself.
    own = {"losses_of": {}, "exclude": run.config.exclude, "category": None, "group": None}
    reading = config.model_copy(update=own)
    read = read_structure(
        table, images=root, schema=None, config=reading, test=about.get("test"), corrections=about.get("corrections")
    )
    _check_columns(run, read, column)
    given = None if about.get("features") is None else Path(about["features"])
    backbone = None if given is not None else run.backbone()

    def heard(event: Event) -> None:
        if event.kind != "notice" or (event.data or {}).get("column") in (None, column):
            report(event)

    assert isinstance(read.structure, Inference)
    structure: Inference | Schema = replace(
        read.structure, images=old.images, group=old.group, category=old.category, unknown=old.unknown,
        not_applicable=old.not_applicable, weight=old.weight, box=old.box,
    )  # fmt: skip
    if declared is not None:
        found = read_schema(Path(declared))
        if column not in found.index:
            raise UserError(f"{declared} declares {column!r}. Found none. Fix: {nearest(column, found.index)}")
        structure = _grown_schema(old, found.attribute(column), found)
        config = config.model_copy(update={"attributes": None})
    prepared = prepare(
        replace(read, structure=structure), config, features=given, split_from=run.path, backbone=backbone, report=heard
    )
    if prepared.features.shape[1:] != (*prepared.features.shape[1:-1], len(run.bundle.standardizer.mean)):
        raise RunError("the pictures are described as the run's were. Found another width. Fix: give their features")
    grown = _grown_schema(old, prepared.schema.attribute(column), prepared.schema)
    labels, _ = encode(grown, prepared.table.take(prepared.rows))
    return replace(prepared, schema=grown, labels=labels, backbone=run.bundle.backbone, network=run.bundle.network)


def only(options: Mapping[str, Any], column: str) -> dict[str, Any]:
    """What options by column say of one."""
    return {name: value for name, value in options.items() if name == column}


def _check_columns(run: FinishedRun, read: Structure, column: str) -> None:
    """The table has the new column, and those of the old attributes, so that the new run can measure itself."""
    cells = read.table.cells
    if column not in cells:
        raise UserError(
            f"{read.table.name} has the column {column!r}. Found none. Fix: {nearest(column, read.table.columns)}"
        )
    roles = (run.schema.group, run.schema.weight, run.schema.box)
    needed = [*run.schema.index, *run.schema.images, *(name for name in roles if name is not None)]
    given = run.bundle.backbone["name"] is None
    missing = [name for name in needed if name not in cells and not (given and name in run.schema.images)]
    if missing:
        raise UserError(
            f"{read.table.name} has the columns of the run's own table beside {column!r}, so that the new run can be "
            f"measured. Found no {', '.join(map(repr, missing[:6]))}. Fix: add the column to the run's table"
        )


def _grown_schema(old: Schema, found: Attribute, by: Schema) -> Schema:
    """The run's schema with the attribute behind all others; nobody's parent and nobody's child.

    Args:
        old: The run's.
        found: The attribute.
        by: The schema that says where it applies.
    """
    applies, undecided = found.applies_to, found.undecided
    top, other = old.category_attribute, by.category_attribute
    if applies is not None and top is not None:
        told = set() if other is None else set(other.classes)
        applies = tuple(name for name in top.classes if name in applies)
        # A category that the new table says nothing about is left to the picture.
        undecided = tuple(name for name in top.classes if name in found.undecided or name not in told)
    if top is None or not (applies or undecided):
        applies, undecided = None, ()
    fresh = replace(found, id=free_id(old), parent=None, applies_to=applies, undecided=undecided)
    return replace(old, attributes=(*old.attributes, fresh))
