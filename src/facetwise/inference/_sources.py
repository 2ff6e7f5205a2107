"""Whatever holds pictures: a table, a folder, a picture, a list of pictures."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facetwise.data import Table, boxes, find_images, read_table, refuse_address, resolve_images, resolve_pictures
from facetwise.errors import UserError
from facetwise.events import Report
from facetwise.inference._pictures import Described, describe, describe_table, listed_pictures, writable_name
from facetwise.models.backbones import Backbone
from facetwise.schema import Schema

__all__ = ["Listed", "describe_rows", "describe_source", "is_table", "pictures_of", "root_of"]

_TABLES = {".csv", ".tsv", ".tab", ".txt", ".parquet", ".pq", ".jsonl", ".ndjson", ".json", ".gz"}


@dataclass(frozen=True, slots=True)
class Listed:
    """Pictures with the names that answers call them by."""

    names: list[str]
    paths: list[Path]


def pictures_of(source: Any, root: Path, *, schema: Schema | None = None, allow_outside: bool = False) -> list[Path]:
    """Paths of all pictures that a source names, read or not; arguments as of `describe_source`."""
    if isinstance(source, Listed):
        return source.paths
    if isinstance(source, list | tuple):
        return [Path(one) for one in source]
    if not is_table(source):
        return listed_pictures(Path(source))[1]
    table = read_table(source)
    known, primary = _image_columns(table, root, schema)
    if known:
        views, _, _ = resolve_pictures(table, known, root, allow_outside=allow_outside)
        return [path for row in views for path in row]
    first, _, _ = resolve_images(table, primary, root, allow_outside=allow_outside)
    return [path for path in first if path is not None]


def root_of(source: Any, images: str | Path | None) -> Path:
    """The folder that a source's paths are relative to: the one that was named, or the table's own.

    Raises:
        UserError: An address, which has to be fetched first.
    """
    refuse_address(images)
    if images is not None:
        return Path(images)
    if not isinstance(source, str | Path):
        return Path()
    return Path(source) if Path(source).is_dir() else Path(source).parent


def is_table(source: Any) -> bool:
    """Whether a source is a table: a frame, or a file that is named like one."""
    return not isinstance(source, str | Path) or Path(source).suffix.lower() in _TABLES


def describe_source(
    source: Any,
    images: str | Path | None,
    backbone: Backbone,
    *,
    schema: Schema | None = None,
    allow_outside: bool = False,
    report: Report,
    **options: Any,
) -> tuple[list[str], Described]:
    """Names and features of whatever holds pictures: a table, a folder, a picture, or a list of pictures.

    Args:
        source: What holds them.
        images: Folder that a table's paths are relative to.
        backbone: What describes them.
        schema: See `describe_rows`.
        allow_outside: Whether a table's paths may leave the folder.
        report: Told about progress.
        options: See `describe_items`.
    """
    if isinstance(source, list | tuple):
        names, paths = [writable_name(str(item)) for item in source], [Path(item) for item in source]
        return names, describe(paths, backbone=backbone, report=report, **options)
    if isinstance(source, Listed):
        return source.names, describe(source.paths, backbone=backbone, report=report, **options)
    if is_table(source):
        return describe_rows(
            read_table(source), root_of(source, images), backbone, schema=schema, allow_outside=allow_outside,
            report=report, **options,
        )  # fmt: skip
    names, paths = listed_pictures(Path(source))
    return names, describe(paths, backbone=backbone, report=report, **options)


def describe_rows(
    table: Table, root: Path, backbone: Backbone, *, schema: Schema | None = None, report: Report, **options: Any
) -> tuple[list[str], Described]:
    """Names and features of the rows of a table.

    Args:
        table: The table.
        root: Folder that its paths are relative to.
        backbone: What describes the pictures.
        schema: Says which columns name pictures, the first naming the item, and which one holds boxes: each row then
            has all its pictures. Without one of these columns the column of pictures is looked for, and each row has
            one picture.
        report: Told about notices and progress.
        options: See `describe_table`.
    """
    known, primary = _image_columns(table, root, schema)
    if schema is not None and schema.box in table.cells:
        options["boxes"] = boxes(table, schema)
    described = describe_table(table, known or primary, root, backbone=backbone, report=report, **options)
    return [str(text) for text in table.column(primary)], described


def _image_columns(table: Table, root: Path, schema: Schema | None) -> tuple[list[str], str]:
    """Columns of the schema that the table has, and the one that names the item."""
    known = [] if schema is None else [column for column in schema.images if column in table.cells]
    return known, known[0] if known else _image_column(table, root)


def _image_column(table: Table, root: Path) -> str:
    """The column of a table that names its pictures.

    Raises:
        UserError: There is none.
    """
    found = find_images(table, root) if table.image is None else (table.image,)
    if not found:
        raise UserError(f"{table.name} has a column that names pictures. Found none. Fix: add one, or check --images")
    return found[0]
