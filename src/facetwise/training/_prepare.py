"""A table and its pictures to everything that training needs; only training rows decide vocabularies."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice, repeat
from pathlib import Path
from typing import Any

import numpy as np

from facetwise.config import Config
from facetwise.data import (
    SIDES,
    Inference,
    Numbered,
    Role,
    Split,
    Table,
    boxes,
    broken_rules,
    complete_schema,
    correct,
    declared_sides,
    encode,
    infer,
    read_previous,
    read_table,
    row_weights,
    split_rows,
    tell,
    unsaid,
)
from facetwise.decisions import check_goals
from facetwise.errors import Complaint, ConfigError, TableError, nearest
from facetwise.events import Event, Report
from facetwise.features import StoredRows, choose_levels
from facetwise.images import policy_version
from facetwise.inference import Described, describe_table, root_of
from facetwise.metrics import check_score
from facetwise.models.backbones import Backbone, Level, create_backbone
from facetwise.schema import Kind, Labels, Schema
from facetwise.training._alike import about_alike, kept_groups
from facetwise.training._given import given_features, kept_features, left_on_disk
from facetwise.training._losses_of import check_losses_of

__all__ = ["Prepared", "Structure", "describe_rows_of", "infer_structure", "prepare", "read_structure"]


@dataclass(frozen=True, kw_only=True)
class Structure:
    """A table and how it is read."""

    table: Table
    structure: Inference | Schema
    split_column: str | None
    root: Path


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A table ready for training.

    Args:
        table: The table, a separate test table's rows at its end.
        schema: The vocabulary, completed from training rows.
        split: Sides of the rows of `rows`.
        rows: Rows of the table whose picture could be read.
        labels: Their labels.
        features: Their features, chosen levels, not standardised: (row, width), or (row, view, width) of several
            pictures per row, NaN where a row has fewer. Where memory is too small, they are still on disk.
        levels: The levels.
        backbone: What a bundle has to know about the backbone.
        issues: Row → (reason, message) of every row without a readable picture.
        view_issues: (row, which of its pictures) → (reason, message) of every picture that could not be read.
        weights: How much each kept row counts, mean 1 over the training rows; None where all count alike.
        content: SHA-256 of which rows were kept and of the bytes of their pictures.
        root: Folder that the pictures' paths are relative to.
        network: Parameters and buffers of a fine-tuned backbone, which `features` are then those of.
    """

    table: Table
    schema: Schema
    split: Split
    rows: np.ndarray
    labels: Labels
    features: np.ndarray | StoredRows
    levels: tuple[Level, ...]
    backbone: dict[str, Any]
    issues: dict[int, tuple[str, str]]
    view_issues: dict[tuple[int, int], tuple[str, str]]
    weights: np.ndarray | None
    content: str
    root: Path = Path()
    network: Mapping[str, np.ndarray] | None = None

    def images(self, places: np.ndarray | None = None) -> Sequence[str]:
        """The primary image cell of every kept row, or of those at some places among them."""
        column, rows = self.schema.images[0], self.rows if places is None else self.rows[places]
        return [str(text) for text in self.table.column(column)[rows]] if column in self.table.cells else Numbered(rows)


def _joined(table: Table, test: Table, split_column: str | None) -> tuple[Table, str]:
    """One table, the test rows last, and a split column that says so: the table's own, where it has one.

    Raises:
        TableError: The table's own split names no side, or has test rows beside those of the test table.
    """
    column = split_column or "split"
    while split_column is None and column in table.cells:
        column += "_"
    own = ["train"] * len(table)
    if split_column is not None:
        own = [SIDES[place] for place in declared_sides(table, split_column).tolist()]
    if "test" in own:
        rule = f"with the test table {test.name} no row of the table itself is on the test side"
        found = f"{own.count('test'):,} rows that are, the first in row {own.index('test') + 1}"
        fix = f"leave --test away, take these rows out, or exclude the column (--exclude {column}) to train on them"
        raise TableError([Complaint(place=table.name, column=column, rule=rule, found=found, fix=fix)])
    cells = {
        name: [*table.column(name), *(test.column(name) if name in test.cells else [""] * len(test))]
        for name in table.columns
    }
    said = [replace(notice, message=f"{test.name}: {notice.message}") for notice in test.notices]
    joined = {**cells, column: [*own, *["test"] * len(test)]}
    behind = len(table), test.name if test.name != table.name else "the test table"
    return replace(Table.of(joined, name=table.name, notices=[*table.notices, *said]), behind=behind), column


def infer_structure(
    table: Table,
    root: Path,
    *,
    category: str | None,
    group: str | None,
    exclude: Collection[str] = (),
    declared: bool = False,
) -> Inference:
    """Infer the structure of a table; a category or a group that the user names takes the place of the inferred one.

    Args:
        table: The table.
        root: Folder that the pictures' paths are relative to.
        category, group: What the user names.
        exclude: Columns that the user excludes; a split of the table's own among them is not honoured.
        declared: Whether a schema of the user's own says what the columns are.

    Raises:
        ConfigError: A name that is no column of the table; a category that does not read as one.
    """
    found = infer(table, images_root=root if root.is_dir() else None)
    if found.split in exclude:
        found = _without_split(found)
    named = {"category": category, "group": group}
    complaints = [
        Complaint(place=f"option {key}", rule="this is a column of the table", found=repr(column),
                  fix=nearest(column, table.columns))
        for key, column in named.items()
        if column is not None and column not in table.cells
    ]  # fmt: skip
    if category is not None and category in table.cells and not declared:
        complaints += _about_category(found, category)
    if complaints:
        raise ConfigError(complaints)
    said = {f"{key}_reason": "named by the user" for key, column in named.items() if column is not None}
    return replace(found, **{key: column for key, column in named.items() if column is not None}, **said)


def _about_category(found: Inference, category: str) -> list[Complaint]:
    """Why a column cannot be the category, as it reads."""
    reading = found.reading(category)
    if reading.kind is Kind.CATEGORICAL:
        return []
    able = [one.column for one in found.attributes if one.kind is Kind.CATEGORICAL]
    named = f"name one ({nearest('', able)})" if able else "leave --category away"
    what = f"which reads as {reading.kind or str(reading.role).replace('_', ' ')}: {reading.reason}"
    return [
        Complaint(place="option category", rule="the category is a categorical attribute",
                  found=f"{category!r}, {what}",
                  fix=f"{named}, or declare the column's classes in a schema")
    ]  # fmt: skip


def _without_split(found: Inference) -> Inference:
    own = [
        replace(one, role=Role.LEFT_OUT, reason="it names sides, and is excluded") if one.column == found.split else one
        for one in found.readings
    ]
    return replace(found, split=None, readings=tuple(own))


def _corrected(table: Table, corrections: Table, root: Path, schema: Schema | None) -> Table:
    """The table as a person has corrected it; how many cells that were is one of its notices."""
    found = schema or infer(table, images_root=root if root.is_dir() else None)
    declared = {} if schema is None else {
        one.column: one.classes for one in schema.attributes if one.classes and one.kind is not Kind.MULTILABEL
    }  # fmt: skip
    silent = (*found.unknown, *found.not_applicable)
    images = next((column for column in found.images if column in table.cells), None)
    vocabulary = {column: (*classes, *silent) for column, classes in declared.items()}
    corrected, notices = correct(table, corrections, images=images, vocabulary=vocabulary)
    return replace(corrected, notices=(*table.notices, *notices))


def read_structure(
    source: Any,
    *,
    images: Path | None,
    schema: Schema | None,
    config: Config,
    test: Any = None,
    corrections: str | Path | None = None,
) -> Structure:
    """Read the table, correct it, and conclude its structure, or take the user's schema for it."""
    table = read_table(source)
    root = root_of(source, images)
    if corrections is not None:
        table = _corrected(table, read_table(corrections), root, schema)
    inferred = infer_structure(
        table, root, category=config.category, group=config.group, exclude=config.exclude, declared=schema is not None
    )
    split_column = inferred.split  # the schema of the user's own says nothing about it
    if test is not None:
        table, split_column = _joined(table, read_table(test), split_column)
    check_losses_of(schema or inferred, config)
    return Structure(table=table, structure=schema or inferred, split_column=split_column, root=root)


def prepare(
    read: Structure,
    config: Config,
    *,
    features: Path | None,
    split_from: Path | None,
    backbone: Backbone | None = None,
    report: Report,
) -> Prepared:
    """Describe the pictures, split the readable rows, complete the schema from training rows, code the cells.

    Args:
        read: The table and its structure.
        config: The configuration.
        features: A file with one row of features per row of the table, in place of pictures.
        split_from: An earlier run whose sides are kept.
        backbone: What describes the pictures; the configuration's if not given.
        report: Told about stages and notices.

    Raises:
        TableError: No picture can be read; a cell of the table's own split names no side.
    """
    table, structure = read.table, read.structure
    if read.split_column is not None:
        declared_sides(table, read.split_column)  # before pictures are read, which may take hours
    inferred = structure.notices if isinstance(structure, Inference) else ()
    tell([*inferred, *(notice for notice in table.notices if notice not in inferred)], report)
    if features is None:
        if not structure.images:
            fix = 'name it in the schema: image: "column"; or give --features'
            complaint = Complaint(place=table.name, rule="a column names the pictures", found="none", fix=fix)
            raise TableError([complaint])
        backbone = backbone or create_backbone(config.backbone.name, **config.backbone.options)
        left = left_on_disk(len(table), backbone, config)
        described = describe_rows_of(table, structure, read.root, config, backbone, report=report, **left)
        array = kept_features(described, config, left=bool(left), report=report)
        levels, rows, issues = described.levels, described.good, described.issues
        view_issues = described.view_issues
        looked = config.near_duplicates or config.group_near_duplicates
        alike = kept_groups(described.near_duplicates(report), rows) if looked else []
        digests = [described.digests[row] for row in rows]
        about: dict[str, Any] = {
            "mode": "referenced", "name": config.backbone.name, "options": dict(config.backbone.options),
            "sha256": backbone.weights_digest(), "licence": backbone.licence,
            "preprocessing": asdict(backbone.preprocessing), "images": policy_version(draft=False),
        }  # fmt: skip
    else:
        given = given_features(features, config, rows=len(table), report=report)
        array, rows, issues, view_issues, alike = given.features, given.rows, given.issues, {}, []
        digests, levels = None, (Level("given", array.shape[1]),)
        about = {"mode": "given", "name": None, "options": {}, "width": int(array.shape[1])}
    if not len(rows):
        found = f"{len(table):,} rows; the first: {next(iter(issues.values()), ('', ''))[1]}"
        fix = f"say where the pictures are with --images; now {str(read.root)!r}"
        raise TableError([Complaint(place=table.name, rule="at least one picture can be read", found=found, fix=fix)])

    kept = table if len(rows) == len(table) else table.take(rows)
    split = split_rows(
        kept, structure, digests=digests, seed=config.seed, val_ratio=config.val_ratio, test_ratio=config.test_ratio,
        split_column=read.split_column,
        previous=None if split_from is None else read_previous(split_from / "split.csv"),
        together=alike if config.group_near_duplicates else (),
    )  # fmt: skip
    tell(split.notices, report)
    tell(about_alike(alike, split, kept, together=config.group_near_duplicates), report)
    report(Event("stage", f"split: {split.how}"))
    schema, notices = complete_schema(
        structure, kept, split.rows("train"),
        min_count=config.min_count, attributes=config.attributes, exclude=config.exclude, pictures=features is None,
    )  # fmt: skip
    tell(notices, report)
    check_score(schema, config.select_by)
    check_goals(schema, config.goal, config.goals)
    labels, odd = encode(schema, kept)
    tell([*unsaid(odd, notices), *broken_rules(schema, kept, labels)], report)
    chosen, kept_levels = choose_levels(array, levels, config.levels)
    return Prepared(
        table=table, schema=schema, split=split, rows=rows, labels=labels, features=chosen, levels=kept_levels,
        backbone=about, issues=issues, view_issues=view_issues, weights=_weights(kept, schema, split),
        content=_content(rows, digests), root=read.root,
    )  # fmt: skip


def describe_rows_of(
    table: Table,
    structure: Inference | Schema,
    root: Path,
    config: Config,
    backbone: Backbone,
    *,
    report: Report,
    **options: Any,
) -> Described:
    """Features of a table's pictures, as training reads them; options as of `describe_items`."""
    return describe_table(
        table, list(structure.images), root, boxes=boxes(table, structure) if structure.box else None,
        allow_outside=config.allow_outside_root,
        backbone=backbone, device=config.device, workers=config.workers, report=report, **options,
    )  # fmt: skip


def _weights(kept: Table, schema: Schema, split: Split) -> np.ndarray | None:
    """Row weights with mean 1 over the training rows, so that losses keep their size.

    Raises:
        TableError: No training row counts.
    """
    if schema.weight is None:
        return None
    weights = row_weights(kept, schema)
    mean = float(weights[split.rows("train")].mean()) if len(split.rows("train")) else 1.0
    if mean == 0.0:
        rule, found = "some training row counts", "the weight 0 in each of them"
        raise TableError([Complaint(place=kept.name, column=schema.weight, rule=rule, found=found,
                                    fix="raise some weights, or write weight: null")])  # fmt: skip
    return weights / mean


def _content(rows: np.ndarray, digests: Sequence[str | None] | None) -> str:
    found, told = hashlib.sha256(), zip(rows.tolist(), repeat(None) if digests is None else digests, strict=False)
    between = ""
    while some := list(islice(told, 1 << 16)):
        found.update((between + "\n".join([f"{row} {digest or ''}" for row, digest in some])).encode())
        between = "\n"
    return found.hexdigest()
