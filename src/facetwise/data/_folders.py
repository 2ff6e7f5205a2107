"""A folder as a table: one folder per class, or pictures beside a metadata file (the "imagefolder" of data hubs).

Two shapes are read, each with or without a folder per side of the split (train, validation, test) above it:

* `folder/metadata.csv` (or .jsonl, .parquet) with a column `file_name`, or several ending in `_file_name`, whose paths
  are relative to the metadata file;
* `folder/red_apple/1.jpg`: the name of the first folder is the picture's `label`; folders below it do not matter.

Source: the layout that Hugging Face `datasets` documents for its ImageFolder builder, and torchvision's `ImageFolder`
(class = first folder, in depth). We differ in one point: a picture outside every class folder is not dropped in
silence but noticed.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath

import numpy as np

from facetwise.data._build import build
from facetwise.data._coded import Coded, code_texts
from facetwise.data._notices import Notice
from facetwise.data._paths import list_folder
from facetwise.data._sides import side_of
from facetwise.data._table import Table
from facetwise.errors import Complaint, TableError, UserError, nearest

__all__ = ["METADATA", "read_folder"]

METADATA = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
_FILE_NAME = "file_name"
# The data hub's words for a test side beside those that a split column may have.
_MORE_SIDES = {"eval": "test", "evaluation": "test"}
_NAMES_SHOWN = 3


def _side(name: str) -> str | None:
    return side_of(name) or _MORE_SIDES.get(name.casefold())


def _folders(path: Path) -> list[Path]:
    return sorted(item for item in path.iterdir() if item.is_dir() and not item.name.startswith("."))


def _sides(path: Path) -> dict[Path, str]:
    """Folders that are sides; none unless there are two sides at least, since one may be a class named "test"."""
    found = {folder: side for folder in _folders(path) if (side := _side(folder.name)) is not None}
    return found if len(set(found.values())) > 1 else {}


def _metadata(path: Path) -> Path | None:
    names = {item.name.casefold(): item for item in path.iterdir() if item.is_file()}
    found = [names[name] for name in METADATA if name in names]
    if len(found) > 1:
        rule, fix = "a folder has one metadata file", f"keep {found[0].name} and remove the others"
        shown = ", ".join(item.name for item in found)
        raise TableError([Complaint(place=str(path), rule=rule, found=shown, fix=fix)])
    return found[0] if found else None


def _below(folder: PurePosixPath, cell: str) -> str:
    """A path beside a metadata file as a path below the whole folder; what is not relative stays as it is."""
    if not cell or folder == PurePosixPath() or cell.startswith(("/", "\\", "~")) or ":" in cell:
        return cell
    return f"{folder}/{cell}"


def _one_metadata(file: Path, root: Path, read: Callable[[Path], Table], side: str | None) -> Table:
    table = read(file)
    pictures = [
        column
        for column in table.columns
        if column in (_FILE_NAME, "file_names") or column.endswith(("_file_name", "_file_names"))
    ]
    if not pictures:
        rule, fix = f"metadata name their picture in a column {_FILE_NAME!r}", nearest(_FILE_NAME, table.columns)
        raise TableError([Complaint(place=str(file), rule=rule, found="no such column", fix=fix)])
    below = PurePosixPath(file.parent.relative_to(root).as_posix())
    cells: dict[str, Coded] = {}
    for column in table.columns:
        coded = table.coded(column)
        if column in pictures:
            moved = np.array(
                ["|".join(_below(below, part) for part in v.split("|")) for v in coded.values], dtype=object
            )
            coded = code_texts(moved[coded.codes])
        cells[column] = coded
    if side is not None and "split" not in cells:
        cells["split"] = code_texts([side] * len(table))
    return Table.of_coded(cells, name=str(file), notices=table.notices)


def _joined(tables: list[Table], name: str) -> Table:
    """One table of several; a column that one of them lacks is empty there."""
    columns = list(dict.fromkeys(column for table in tables for column in table.columns))

    def texts(column: str) -> Iterator[str]:
        for table in tables:
            yield from table.column(column) if column in table.cells else [""] * len(table)

    cells = [code_texts(texts(column)) for column in columns]
    notices = [notice for table in tables for notice in table.notices]
    lacking = [column for column in columns if any(column not in table.cells for table in tables)]
    if lacking:
        shown = ", ".join(map(repr, lacking[:_NAMES_SHOWN]))
        message = f"{len(lacking)} columns are in some of the metadata files only ({shown}); they are empty elsewhere."
        notices.append(Notice(code="column-in-some", message=message))
    return build(name, columns, cells, notices=notices)


def _about_pictures(table: Table, root: Path, pictures: list[Path]) -> list[Notice]:
    """Pictures that no row of the metadata names."""
    named = {
        os.path.normpath(part)
        for column in table.columns
        if column.endswith(("file_name", "file_names"))
        for value in table.coded(column).values
        for part in value.split("|")
    }
    rest = [path for path in pictures if os.path.normpath(path.relative_to(root)) not in named]
    if not rest:
        return []
    shown = ", ".join(repr(path.relative_to(root).as_posix()) for path in rest[:_NAMES_SHOWN])
    message = f"{len(rest):,} of {len(pictures):,} pictures are in no row of the metadata, such as {shown}."
    return [Notice(code="picture-without-row", message=message)]


def _by_class(root: Path, sides: Mapping[Path, str], pictures: list[Path]) -> Table:
    """One folder per class."""
    names = {folder.name: side for folder, side in sides.items()}
    rows: list[tuple[str, str, str]] = []
    loose: list[str] = []
    for path in pictures:
        relative = path.relative_to(root).as_posix()
        parts = relative.split("/")
        side = names.get(parts[0]) if len(parts) > 1 else None
        below = parts[1:] if side is not None else parts
        if len(below) < 2 or (sides and side is None):
            loose.append(relative)
            continue
        rows.append((relative, below[0], side or ""))
    if not rows:
        raise UserError(
            f"A folder of pictures is a table where every class has a folder of its own ({root.name}/red/1.jpg), or "
            f"where a {METADATA[0]} names the pictures in a column {_FILE_NAME!r}. Found {len(pictures):,} pictures in "
            f"{str(root)!r} without either. Fix: name the table, and this folder with --images."
        )
    notices = []
    if loose:
        shown = ", ".join(map(repr, loose[:_NAMES_SHOWN]))
        message = f"{len(loose):,} of {len(pictures):,} pictures lie in no folder of a class and are no rows: {shown}."
        notices.append(Notice(code="picture-without-class", message=message))
    images, labels, own = zip(*rows, strict=True)
    columns = {"image": code_texts(images), "label": code_texts(labels)}
    if sides:
        columns["split"] = code_texts(own)
    classes = len(columns["label"].values)
    message = f"Read as one folder per class: {len(rows):,} pictures of {classes:,} classes."
    notices.append(Notice(code="folder-per-class", message=message))
    return build(str(root), list(columns), list(columns.values()), notices=notices)


def read_folder(root: Path, read: Callable[[Path], Table], tables: tuple[str, ...]) -> Table:
    """A table of the pictures below a folder.

    Args:
        root: The folder; paths in the table are relative to it.
        read: Reads a metadata file.
        tables: Suffixes of tables, to say which file may have been meant.

    Returns:
        With metadata: its columns; else the columns `image` and `label`. A column `split` where folders name sides.

    Raises:
        UserError: No picture, or pictures without classes.
        TableError: Metadata without pictures' names, or tables that break a rule.
    """
    try:
        sides = _sides(root)
        places = {root: None, **sides}
        files = [(file, side) for folder, side in places.items() if (file := _metadata(folder)) is not None]
        pictures = list_folder(root)
        beside = sorted(item.name for item in root.iterdir() if item.is_file() and item.suffix.lower() in tables)
    except OSError as error:
        fix = "Fix: check its permissions."
        raise UserError(f"The folder {str(root)!r} cannot be read: {error.strerror}. {fix}") from error
    if files:
        parts: list[Table] = []
        complaints: list[Complaint] = []
        for file, side in files:
            try:
                parts.append(_one_metadata(file, root, read, side))
            except TableError as error:
                complaints += error.complaints
        if complaints:
            raise TableError(complaints)
        table = _joined(parts, str(root)) if len(parts) > 1 else parts[0]
        said = [*table.notices, *_about_pictures(table, root, pictures)]
        return Table.of_coded({column: table.coded(column) for column in table.columns}, name=table.name, notices=said)
    if beside:
        shown = ", ".join(beside[:_NAMES_SHOWN])
        raise UserError(f"Found the folder {str(root)!r}, with a table in it. Fix: name the table: {shown}.")
    if not pictures:
        raise UserError(f"Found the folder {str(root)!r}, with no picture and no table in it. Fix: check the path.")
    return _by_class(root, sides, pictures)
