"""The files of a table's image columns, row by row; nothing raises for a single row, nothing is dropped unsaid."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from facetwise.data._coded import Coded
from facetwise.data._listed import listed
from facetwise.data._notices import ROWS_SHOWN, Notice, counted
from facetwise.data._paths import Finder, Located, folder_index
from facetwise.data._table import Table
from facetwise.errors import UserError

__all__ = ["Lost", "resolve_images", "resolve_pictures"]

_WHY = {
    "empty": "no picture is named",
    "refused": "the path leaves the folder of images, or is an address",
    "missing": "there is no such picture in the folder",
}
# Of a picture that is named and nowhere: `refused` or `missing`, and its path as the table spells it.
Lost = tuple[str, str]

# Paths for which the nearest one is looked up, and shown.
_HINTS = 3


def _finder(root: Path, *, allow_outside: bool) -> Finder:
    if not root.is_dir():
        raise UserError(f"There is no folder {str(root)!r}. Fix: name the folder of the pictures with --images.")
    return Finder(root=root, index=folder_index(root), allow_outside=allow_outside)


def _hint(finder: Finder, cells: Sequence[str]) -> str:
    """The nearest files of the first missing ones."""
    if finder.index is None:
        return ""
    pairs = [(cell, finder.index.nearest(cell)) for cell in cells[:_HINTS]]
    shown = [f"for {cell[:80]!r} {near!r}" for cell, near in pairs if near is not None]
    return f" Nearest: {', '.join(shown)}." if shown else ""


def _lost(coded: Coded, first: Sequence[str], known: Mapping[str, Located]) -> dict[int, Lost]:
    """By row what became of the first path of its cell, where one is named and nowhere."""
    problems = [known[path].problem for path in first]
    lost = {code: (problem, first[code]) for code, problem in enumerate(problems) if problem not in ("", "empty")}
    return {row: lost[code] for row, code in enumerate(coded.codes.tolist()) if code in lost}


def _column(
    table: Table, column: str, finder: Finder, known: Mapping[str, Located], first: Sequence[str]
) -> list[Notice]:
    """What is to be said about one column, whose different texts lead to their first path each."""
    coded = table.coded(column)
    located = [known[path] for path in first]
    notices = []

    def rows_of(holds: list[bool]) -> np.ndarray:
        return np.flatnonzero(np.array(holds, dtype=bool)[coded.codes])

    def notice(code: str, message: str, rows: np.ndarray) -> None:
        numbers = table.row_numbers(rows, count=ROWS_SHOWN)
        notices.append(Notice(code=code, message=message, column=column, rows=numbers))

    for problem, why in _WHY.items():
        rows = rows_of([item.problem == problem for item in located])
        if len(rows):
            such = list(dict.fromkeys(first[code] for code in coded.codes[rows[:100]]))
            shown = f", such as {such[0][:200]!r}" if such[0] else ""
            message = (
                f"{len(rows):,} of {len(table):,} rows {'has' if len(rows) == 1 else 'have'} no picture: {why}{shown}."
            )
            notice(f"image-{problem}", message + (_hint(finder, such) if problem == "missing" else ""), rows)
    rows = rows_of([item.by_name for item in located])
    if len(rows):
        pictures = counted(len(rows), "picture was", "pictures were")
        message = f"{pictures} found by file name in another folder below {str(finder.root)!r}."
        notice("image-by-name", message, rows)
    rows = rows_of([item.by_spelling for item in located])
    if len(rows):
        code = coded.codes[rows[0]]
        path = located[code].path
        pictures = counted(len(rows), "picture was", "pictures were")
        message = (
            f"{pictures} found although capitals or the ending differ, such as "
            f"{path.name if path else ''!r} for {first[code]!r}."
        )
        notice("image-by-spelling", message, rows)
    return notices


def resolve_images(
    table: Table, column: str, images_root: Path, *, allow_outside: bool = False
) -> tuple[list[Path | None], list[Notice], dict[int, Lost]]:
    """The file of every row of an image column, None where there is none; nothing raises for a single row.

    Args:
        table: The table.
        column: An image column; of a cell that lists several pictures the first is taken (noticed).
        images_root: Folder that the paths are relative to, and that they may not leave.
        allow_outside: Whether they may leave it after all.

    Returns:
        One path per row; a notice per kind of problem: `image-empty`, `image-refused`, `image-missing`, and
        `image-by-name` for files that were found by their name in another folder below, `image-by-spelling` for files
        whose capitals or ending differ, `image-several` for cells that list more than one picture; and by 0-based row
        what became of a picture that is named and nowhere.

    Raises:
        UserError: The folder does not exist.
    """
    finder, coded = _finder(images_root, allow_outside=allow_outside), table.coded(column)
    first, several, known = [], [], {}
    for value in coded.values:
        known[value] = finder(value)
        paths = listed(value)
        more = known[value].path is None and len(paths) > 1
        if more:
            known[paths[0]] = finder(paths[0])
        first.append(paths[0] if more else value)
        several.append(more)
    notices = _column(table, column, finder, known, first)
    rows = np.flatnonzero(np.array(several, dtype=bool)[coded.codes])
    if len(rows):
        message = f"{len(rows):,} cells list several pictures; the first of each is read."
        numbers = table.row_numbers(rows, count=ROWS_SHOWN)
        notices.append(Notice(code="image-several", message=message, column=column, rows=numbers))
    paths = [known[first[code]].path for code in coded.codes.tolist()]
    return paths, notices, _lost(coded, first, known)


def resolve_pictures(
    table: Table, columns: Sequence[str], images_root: Path, *, allow_outside: bool = False
) -> tuple[list[tuple[Path, ...]], list[Notice], dict[int, Lost]]:
    """All pictures of every row: every image column in order, every path of a cell.

    Args:
        table: The table; columns that it lacks give no picture.
        columns: The schema's image columns.
        images_root: Folder that the paths are relative to, and that they may not leave.
        allow_outside: Whether they may leave it after all.

    Returns:
        Per row the files that are there, each once; a row without any has an empty tuple. Notices as in
        `resolve_images`, where rows count as missing or refused only if they have no picture at all, and
        `image-some-missing` for rows that have some of their pictures but not all. By 0-based row what became of the
        first picture of the first column, where it is named and nowhere, whatever other pictures the row has.

    Raises:
        UserError: The folder does not exist.
    """
    finder = _finder(images_root, allow_outside=allow_outside)
    columns = [column for column in columns if column in table.cells]
    primary = columns[0] if columns else None
    known: dict[str, Located] = {"": Located(problem="empty")}
    found: list[dict[Path, None]] = [{} for _ in range(len(table))]
    lacks: list[str] = [""] * len(table)
    problem_of = ["empty"] * len(table)
    lost: dict[int, Lost] = {}
    notices: list[Notice] = []
    for column in columns:
        coded = table.coded(column)
        paths_of = []
        for value in coded.values:
            whole = finder(value)
            # A file whose name holds a separator is that file.
            paths_of.append((value,) if whole.path is not None else listed(value) or ("",))
            known[value] = whole
            for path in paths_of[-1]:
                if path not in known:
                    known[path] = finder(path)
        for row, code in enumerate(coded.codes.tolist()):
            for cell in paths_of[code]:
                item = known[cell]
                if item.path is not None:
                    found[row][item.path] = None
                elif item.problem != "empty":
                    lacks[row] = lacks[row] or cell
                    problem_of[row] = item.problem
        first = [paths[0] for paths in paths_of]
        if column == primary:
            lost = _lost(coded, first, known)
        said = _column(table, column, finder, known, first)
        notices += [notice for notice in said if notice.code in ("image-by-name", "image-by-spelling")]
    without = np.array([not own for own in found], dtype=bool)
    for problem, why in _WHY.items():
        rows = np.flatnonzero(without & np.array([own == problem for own in problem_of], dtype=bool))
        if len(rows):
            such = list(dict.fromkeys(lacks[row] for row in rows[:100] if lacks[row]))
            shown = f", such as {such[0][:200]!r}" if such else ""
            message = (
                f"{len(rows):,} of {len(table):,} rows {'has' if len(rows) == 1 else 'have'} no picture: {why}{shown}."
            )
            message += _hint(finder, such) if problem == "missing" else ""
            numbers = table.row_numbers(rows, count=ROWS_SHOWN)
            notices.append(Notice(code=f"image-{problem}", message=message, column=primary, rows=numbers))
    rows = np.flatnonzero(~without & np.array([bool(cell) for cell in lacks], dtype=bool))
    if len(rows):
        message = (
            f"{len(rows):,} rows have some of their pictures but not all, such as without {lacks[rows[0]][:200]!r}; "
            "they are read from those that are there."
        )
        numbers = table.row_numbers(rows, count=ROWS_SHOWN)
        notices.append(Notice(code="image-some-missing", message=message, rows=numbers))
    return [tuple(own) for own in found], notices, lost
