"""The pictures of one item: several columns, and several paths in one cell."""

import json

from facetwise.data._suffixes import IMAGE_SUFFIXES, suffix_of
from facetwise.data._table import Table
from facetwise.schema import Schema

__all__ = ["image_paths", "listed"]


def _is_picture(text: str) -> bool:
    return suffix_of(text) in IMAGE_SUFFIXES


def listed(cell: str) -> tuple[str, ...]:
    """The paths that a cell lists: between bars, between semicolons where each part is a picture's name, or as JSON.

    >>> listed("front.jpg|back.jpg"), listed("a.jpg; b.png"), listed('["a.jpg", "b.jpg"]'), listed("one;two.jpg")
    (('front.jpg', 'back.jpg'), ('a.jpg', 'b.png'), ('a.jpg', 'b.jpg'), ('one;two.jpg',))
    """
    if cell.startswith("[") and cell.endswith("]"):
        try:
            found = json.loads(cell)
        except (ValueError, RecursionError):
            found = None
        if isinstance(found, list) and found and all(isinstance(part, str) for part in found):
            return tuple(dict.fromkeys(part.strip() for part in found if part.strip()))
    for separator in "|;":
        if separator in cell:
            parts = [part.strip() for part in cell.split(separator)]
            parts = [part for part in parts if part]
            # A bar is in no honest file name; a semicolon may be.
            if separator == "|" or all(map(_is_picture, parts)):
                return tuple(dict.fromkeys(parts))
    return (cell,) if cell else ()


def image_paths(table: Table, schema: Schema) -> list[list[str]]:
    """The pictures of each row, as the table spells them: column by column in the schema's order, each once.

    Columns that the table lacks give none, so that a table with the front view alone can be read as well.

    Args:
        table: The table.
        schema: Its `images` name the columns.

    Returns:
        Per row a list of paths, empty where no column names a picture. The paths are not looked up; that is
        `resolve_pictures`.

    >>> from facetwise.schema import Attribute, Kind
    >>> rust = Attribute(column="rust", id="a00", kind=Kind.BINARY, classes=("0", "1"))
    >>> schema = Schema(images=("front", "more"), attributes=(rust,))
    >>> image_paths(Table.of({"front": ["1.jpg", "2.jpg"], "more": ["1b.jpg|1c.jpg", ""]}), schema)
    [['1.jpg', '1b.jpg', '1c.jpg'], ['2.jpg']]
    """
    columns = [column for column in schema.images if column in table.cells]
    if not columns:
        return [[] for _ in range(len(table))]
    parts = []
    for column in columns:
        coded = table.coded(column)
        own = [listed(value) for value in coded.values]
        parts.append([own[code] for code in coded.codes.tolist()])
    return [list(dict.fromkeys(path for cell in row for path in cell)) for row in zip(*parts, strict=True)]
