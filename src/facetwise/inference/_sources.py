"""Whatever holds pictures: a table, a folder, a picture, a list of pictures."""

from pathlib import Path
from typing import Any

from facetwise.data import Table, boxes, infer, read_table
from facetwise.errors import UserError
from facetwise.events import Report
from facetwise.inference._pictures import Described, describe, describe_table, listed_pictures, writable_name
from facetwise.models.backbones import Backbone
from facetwise.schema import Schema

__all__ = ["describe_source", "image_column", "root_of"]

_TABLES = {".csv", ".tsv", ".tab", ".txt", ".parquet", ".pq", ".jsonl", ".ndjson", ".json", ".gz"}


def root_of(source: Any, images: str | Path | None) -> Path:
    """The folder that a source's paths are relative to: the one that was named, or the table's own."""
    if images is not None:
        return Path(images)
    if not isinstance(source, str | Path):
        return Path()
    return Path(source) if Path(source).is_dir() else Path(source).parent


def _is_table(source: Any) -> bool:
    return not isinstance(source, str | Path) or Path(source).suffix.lower() in _TABLES


def describe_source(
    source: Any,
    images: str | Path | None,
    backbone: Backbone,
    *,
    schema: Schema | None = None,
    report: Report,
    **options: Any,
) -> tuple[list[str], Described]:
    """Names and features of whatever holds pictures: a table, a folder, a picture, or a list of pictures.

    Args:
        source: What holds them.
        images: Folder that a table's paths are relative to.
        backbone: What describes them.
        schema: Says which columns of a table name pictures, the first naming the item, and which one holds boxes: each
            row then has all its pictures. Otherwise the column of pictures is looked for, and each row has one.
        report: Told about progress.
        options: See `describe_items`.
    """
    if isinstance(source, list | tuple):
        names, paths = [writable_name(str(item)) for item in source], [Path(item) for item in source]
        return names, describe(paths, backbone=backbone, report=report, **options)
    if _is_table(source):
        table, root = read_table(source), root_of(source, images)
        known = [] if schema is None else [column for column in schema.images if column in table.cells]
        primary = known[0] if known else image_column(table, root)
        if schema is not None and schema.box in table.cells:
            options["boxes"] = boxes(table, schema)
        described = describe_table(table, known or primary, root, backbone=backbone, report=report, **options)
        return [str(text) for text in table.column(primary)], described
    names, paths = listed_pictures(Path(source))
    return names, describe(paths, backbone=backbone, report=report, **options)


def image_column(table: Table, root: Path) -> str:
    """The column of a table that names its pictures.

    Raises:
        UserError: There is none.
    """
    found = infer(table, images_root=root if root.is_dir() else None).images
    if not found:
        raise UserError(f"{table.name} has a column that names pictures. Found none. Fix: add one, or check --images")
    return found[0]
