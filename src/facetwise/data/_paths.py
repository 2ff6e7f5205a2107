"""Cells to files: below the folder of images, never outside it."""

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath, PureWindowsPath

import numpy as np

from facetwise.data._notices import ROWS_SHOWN, Notice
from facetwise.data._spelling import words
from facetwise.data._table import Table
from facetwise.errors import UserError

__all__ = ["IMAGE_SUFFIXES", "FolderIndex", "Located", "folder_index", "list_folder", "locate", "resolve_images"]

# What the decode policy of the room `images` allows.
IMAGE_SUFFIXES = words(".jpg .jpeg .jpe .jfif .png .webp .bmp .tif .tiff .gif .avif .mpo .ppm .pgm .pnm")
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/.*|\\\\.*|//.*")
_WHY = {
    "empty": "no picture is named",
    "refused": "the path leaves the folder of images, or is an address",
    "missing": "there is no such picture in the folder",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """Where a cell leads: a path, or `empty`, `refused` or `missing`; `by_name` where only the file's name agreed."""

    path: Path | None = None
    problem: str = ""
    by_name: bool = False


@dataclass(frozen=True, kw_only=True)
class FolderIndex:
    """The pictures below a folder by name and by stem; a name that occurs twice leads nowhere."""

    root: Path

    @cached_property
    def names(self) -> dict[str, Path]:
        """File name to path, where the name occurs once."""
        return self._once(lambda path: path.name)

    @cached_property
    def stems(self) -> dict[str, Path]:
        """File name without suffix to path, where it occurs once."""
        return self._once(lambda path: path.stem)

    @cached_property
    def _paths(self) -> list[Path]:
        return list_folder(self.root) if self.root.is_dir() else []

    def _once(self, key: Callable[[Path], str]) -> dict[str, Path]:
        found: dict[str, Path | None] = {}
        for path in self._paths:
            found[key(path)] = None if key(path) in found else path
        return {name: path for name, path in found.items() if path is not None}


def folder_index(root: Path) -> FolderIndex:
    """An index of a folder; the folder is read when it is first asked for."""
    return FolderIndex(root=root)


def list_folder(path: Path) -> list[Path]:
    """Every picture below a folder, by suffix, sorted by path; links to folders are not followed.

    Raises:
        UserError: No such folder.
    """
    if not path.is_dir():
        raise UserError(f"A folder of images is a folder. Found {str(path)!r}. Fix: check the path.")
    found = []
    for folder, _, names in os.walk(path):
        found += [Path(folder) / name for name in names if PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES]
    return sorted(found)


def _inside(path: str, root: str) -> bool:
    real = os.path.realpath(path)
    return real.startswith(root if root.endswith(os.sep) else root + os.sep)


def locate(
    cell: str,
    root: Path,
    *,
    index: FolderIndex | None = None,
    real_root: str | None = None,
    allow_outside: bool = False,
) -> Located:
    """The file that a cell names.

    Tried in order: the path below the folder; the path without its first part where that is the folder's own name;
    backslashes read as slashes; with each suffix of an image; and, with an index, the only file of that name.

    Args:
        cell: The cell's text.
        root: Folder of images.
        index: The folder's files by name.
        real_root: The folder's path with links resolved, so that it is not resolved for every cell.
        allow_outside: Whether paths may leave the folder.
    """
    if not cell:
        return Located(problem="empty")
    # A path with a drive is absolute on Windows and must be refused on every machine alike.
    foreign = bool(PureWindowsPath(cell).drive) or bool(_ADDRESS.fullmatch(cell))
    if "\0" in cell or (foreign and not (allow_outside and "://" not in cell)):
        return Located(problem="refused")
    real_root = real_root or os.path.realpath(root)
    tries = [cell]
    if "\\" in cell:
        tries.append(cell.replace("\\", "/"))
    parts = PurePosixPath(tries[-1]).parts
    if len(parts) > 1 and parts[0] == root.name:
        tries.append(str(PurePosixPath(*parts[1:])))
    suffixes = [""] if PurePosixPath(cell).suffix.lower() in IMAGE_SUFFIXES else ["", *sorted(IMAGE_SUFFIXES)]
    for text in tries:
        # An absolute text replaces the folder, as pathlib has it, and is then held to the folder like any other.
        base = os.path.join(root, text)  # noqa: PTH118 (pathlib would fold "a/.." before it can be judged)
        for suffix in suffixes:
            try:
                exists = os.path.isfile(base + suffix)  # noqa: PTH113 (ten thousand cells: no object for each)
            except (OSError, ValueError):
                exists = False
            if exists:
                if allow_outside or _inside(base + suffix, real_root):
                    return Located(path=Path(base + suffix))
                return Located(problem="refused")
    if not allow_outside and (".." in parts or PurePosixPath(tries[-1]).is_absolute()):
        return Located(problem="refused")
    if index is not None:
        name = parts[-1] if parts else ""
        path = index.names.get(name) or index.stems.get(name)
        if path is not None and _inside(str(path), real_root):
            return Located(path=path, by_name=True)
    return Located(problem="missing")


def resolve_images(
    table: Table, column: str, images_root: Path, *, allow_outside: bool = False
) -> tuple[list[Path | None], list[Notice]]:
    """The file of every row of an image column, None where there is none; nothing raises for a single row.

    Args:
        table: The table.
        column: An image column.
        images_root: Folder that the paths are relative to, and that they may not leave.
        allow_outside: Whether they may leave it after all.

    Returns:
        One path per row; a notice per kind of problem: `image-empty`, `image-refused`, `image-missing`, and
        `image-by-name` for files that were found by their name in another folder below.

    Raises:
        UserError: The folder does not exist.
    """
    if not images_root.is_dir():
        raise UserError(f"A folder of images is a folder. Found {str(images_root)!r}. Fix: check --images.")
    index, real_root, coded = folder_index(images_root), os.path.realpath(images_root), table.coded(column)
    located = [
        locate(value, images_root, index=index, real_root=real_root, allow_outside=allow_outside)
        for value in coded.values
    ]
    notices = []
    for problem, why in _WHY.items():
        rows = np.flatnonzero(np.array([item.problem == problem for item in located], dtype=bool)[coded.codes])
        if len(rows):
            such = table.column(column)[rows[0]]
            message = f"{len(rows):,} of {len(table):,} rows have no picture: {why}, such as {such!r}."
            notices.append(_notice(f"image-{problem}", message, table, column, rows))
    rows = np.flatnonzero(np.array([item.by_name for item in located], dtype=bool)[coded.codes])
    if len(rows):
        message = f"{len(rows):,} pictures were found by file name in another folder below {str(images_root)!r}."
        notices.append(_notice("image-by-name", message, table, column, rows))
    return [located[code].path for code in coded.codes], notices


def _notice(code: str, message: str, table: Table, column: str, rows: Sequence[int] | np.ndarray) -> Notice:
    numbers = table.row_numbers(np.asarray(rows), count=ROWS_SHOWN)
    return Notice(code=code, message=message, column=column, rows=numbers)
