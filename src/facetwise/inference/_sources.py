"""Whatever holds pictures: a table, a folder, a picture, a list of pictures."""

from pathlib import Path
from typing import Any

from facetwise.data import Table, infer, read_table
from facetwise.errors import UserError
from facetwise.events import Report
from facetwise.inference._pictures import Described, describe, describe_table, listed_pictures
from facetwise.models.backbones import Backbone

__all__ = ["describe_source", "image_column", "root_of"]

_TABLES = {".csv", ".tsv", ".txt", ".parquet", ".jsonl", ".json"}


def root_of(source: Any, images: str | Path | None) -> Path:
    """The folder that a source's paths are relative to: the one that was named, or the table's own."""
    if images is not None:
        return Path(images)
    return Path(source).parent if isinstance(source, str | Path) else Path()


def _is_table(source: Any) -> bool:
    return not isinstance(source, str | Path) or Path(source).suffix.lower() in _TABLES


def describe_source(
    source: Any, images: str | Path | None, backbone: Backbone, *, report: Report, **options: Any
) -> tuple[list[str], Described]:
    """Names and features of whatever holds pictures: a table, a folder, a picture, or a list of pictures."""
    if isinstance(source, list | tuple):
        names, paths = [str(item) for item in source], [Path(item) for item in source]
        return names, describe(paths, backbone=backbone, report=report, **options)
    if _is_table(source):
        table = read_table(source)
        column = image_column(table, root_of(source, images))
        described = describe_table(table, column, root_of(source, images), backbone=backbone, report=report, **options)
        return [str(text) for text in table.column(column)], described
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
