"""Cells to files: below the folder of images, never outside it."""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path, PureWindowsPath

from facetwise.data._suffixes import IMAGE_SUFFIXES, suffix_of
from facetwise.errors import UserError

__all__ = ["Finder", "FolderIndex", "Located", "folder_index", "list_folder", "locate"]

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/.*|\\\\.*|//.*", re.DOTALL)
_DIGITS = re.compile(r"\d+")
# Comparing a name with more names than this takes longer than the hint is worth.
_MOST_COMPARED = 5_000
# Longer texts are no file name on any system, and comparing them is slow.
_LONGEST_PATH = 4_096


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """Where a cell leads.

    Args:
        path: The file, or None.
        problem: `empty`, `refused` or `missing` where there is none.
        by_name: Only the file's name agreed; it lies in another folder.
        by_spelling: Capitals or the ending differ.
    """

    path: Path | None = None
    problem: str = ""
    by_name: bool = False
    by_spelling: bool = False


@dataclass(frozen=True, kw_only=True)
class FolderIndex:
    """The pictures below a folder by name, by stem and by path; a name that occurs twice leads nowhere."""

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
    def folded(self) -> dict[str, Path]:
        """Path below the folder, capitals aside, to path."""
        return self._once(lambda path: self._below(path).casefold())

    @cached_property
    def folded_stems(self) -> dict[str, Path]:
        """Path below the folder, capitals and suffix aside, to path."""
        return self._once(lambda path: _without_suffix(self._below(path)).casefold())

    @cached_property
    def _paths(self) -> list[Path]:
        return list_folder(self.root) if self.root.is_dir() else []

    @cached_property
    def _prefix(self) -> str:
        # The folder where one stands is "." and is no part of its files' paths.
        return "" if self.root == Path() else os.path.join(self.root, "")  # noqa: PTH118 (with the separator)

    def _below(self, path: Path) -> str:
        return str(path).removeprefix(self._prefix).replace(os.sep, "/")

    def _once(self, key: Callable[[Path], str]) -> dict[str, Path]:
        found: dict[str, Path | None] = {}
        for path in self._paths:
            name = key(path)
            found[name] = None if name in found else path
        return {name: path for name, path in found.items() if path is not None}

    def nearest(self, cell: str) -> str | None:
        """The path below the folder that a mistyped one probably means."""
        cell = cell.replace("\\", "/")[-_LONGEST_PATH:]
        folder, _, name = cell.rpartition("/")
        paths = [self._below(path) for path in self._paths]
        beside = [path for path in paths if path.rpartition("/")[0] == folder]
        for pool in (beside, paths):
            by_name = {path.rpartition("/")[2]: path for path in reversed(pool[:_MOST_COMPARED])}
            close = get_close_matches(name[:200], by_name, n=1, cutoff=0.6)
            if close and not _numbered_apart(name, close[0]):
                return by_name[close[0]]
        return None


def _numbered_apart(one: str, other: str) -> bool:
    """Whether two names differ in their numbers alone: those are two pictures, and no slip of the pen.

    >>> _numbered_apart("12.jpg", "13.jpg"), _numbered_apart("12.jpg", "0012.jpg"), _numbered_apart("a.jpg", "b.jpg")
    (True, False, False)
    """
    if _DIGITS.sub("0", one) != _DIGITS.sub("0", other):
        return False
    return [text.lstrip("0") for text in _DIGITS.findall(one)] != [text.lstrip("0") for text in _DIGITS.findall(other)]


def _parts(path: str) -> tuple[str, ...]:
    """`PurePosixPath(path).parts`; of a million cells, an object for each took half of the time.

    >>> _parts("a//b/./c.jpg"), _parts("/a/..")
    (('a', 'b', 'c.jpg'), ('/', 'a', '..'))
    """
    root = ("/",) if path.startswith("/") else ()
    return root + tuple(part for part in path.split("/") if part and part != ".")


def _drive(path: str) -> bool:
    """Whether a path begins with a drive or a share of Windows.

    >>> _drive("C:/a.jpg"), _drive("//shop/photos/a.jpg"), _drive("a/b.jpg")
    (True, True, False)
    """
    perhaps = path[1:2] == ":" or path[:2].replace("\\", "/") == "//"
    return perhaps and bool(PureWindowsPath(path).drive)


def _without_suffix(path: str) -> str:
    suffix = suffix_of(path)
    return path[: -len(suffix)] if suffix in IMAGE_SUFFIXES else path


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
        found += [os.path.join(folder, name) for name in names if suffix_of(name) in IMAGE_SUFFIXES]  # noqa: PTH118 (speed)
    return sorted(map(Path, found))


@dataclass(frozen=True, kw_only=True)
class Finder:
    """Finds the files that cells name, remembering which folders are inside.

    Args:
        root: Folder of images.
        index: The folder's files by name; without it only the path counts.
        allow_outside: Whether paths may leave the folder.
    """

    root: Path
    index: FolderIndex | None = None
    allow_outside: bool = False
    _inside_folders: dict[str, bool] = field(default_factory=dict, repr=False)

    @cached_property
    def _name(self) -> str:
        return self.root.name

    @cached_property
    def _real_root(self) -> str:
        return os.path.realpath(self.root)

    def _is_inside(self, path: str) -> bool:
        # The folder is looked up once; a file that is a link of its own is followed.
        folder, _ = os.path.split(path)
        if os.path.islink(path):  # noqa: PTH114 (a million cells: no object for each)
            return self._below_root(os.path.realpath(path))
        if folder not in self._inside_folders:
            self._inside_folders[folder] = self._below_root(os.path.join(os.path.realpath(folder), "x"))  # noqa: PTH118
        return self._inside_folders[folder]

    def _below_root(self, real: str) -> bool:
        root = self._real_root
        return real.startswith(root if root.endswith(os.sep) else root + os.sep)

    def __call__(self, cell: str) -> Located:
        """The file that a cell names.

        Tried in order: the path below the folder; the path without its first part where that is the folder's own
        name; backslashes read as slashes; with each suffix of an image; and, with an index, the same path in other
        capitals or with another ending, then the only file of that name in any folder.
        """
        if not cell:
            return Located(problem="empty")
        # A path with a drive is absolute on Windows and must be refused on every machine alike.
        foreign = _drive(cell) or bool(_ADDRESS.fullmatch(cell))
        if "\0" in cell or (foreign and not (self.allow_outside and "://" not in cell)):
            return Located(problem="refused")
        if len(cell) > _LONGEST_PATH:
            return Located(problem="missing")
        tries = [cell]
        if "\\" in cell:
            tries.append(cell.replace("\\", "/"))
        parts = _parts(tries[-1])
        if len(parts) > 1 and parts[0] == self._name:
            tries.append("/".join(parts[1:]))
        for text in tries:
            if (found := self._exactly(text)) is not None:
                return found
        # A home folder is outside, whether or not anything expands it.
        home = len(parts) > 1 and parts[0].startswith("~")
        if not self.allow_outside and (home or ".." in parts or tries[-1].startswith("/")):
            return Located(problem="refused")
        return self._by_index(tries, parts)

    def _exactly(self, text: str) -> Located | None:
        suffixes = [""] if suffix_of(text) in IMAGE_SUFFIXES else ["", *sorted(IMAGE_SUFFIXES)]
        # An absolute text replaces the folder, as pathlib has it, and is then held to the folder like any other.
        base = os.path.join(self.root, text)  # noqa: PTH118 (pathlib would fold "a/.." before it can be judged)
        for suffix in suffixes:
            try:
                exists = os.path.isfile(base + suffix)  # noqa: PTH113 (a million cells: no object for each)
            except (OSError, ValueError):
                exists = False
            if exists:
                if self.allow_outside or self._is_inside(base + suffix):
                    return Located(path=Path(base + suffix))
                return Located(problem="refused")
        return None

    def _by_index(self, tries: list[str], parts: tuple[str, ...]) -> Located:
        if self.index is None:
            return Located(problem="missing")
        for text in tries:
            plain = os.path.normpath(text).replace(os.sep, "/").casefold()
            path = self.index.folded.get(plain) or self.index.folded_stems.get(_without_suffix(plain))
            if path is not None and self._is_inside(str(path)):
                return Located(path=path, by_spelling=True)
        name = parts[-1] if parts else ""
        path = self.index.names.get(name) or self.index.stems.get(name)
        if path is not None and self._is_inside(str(path)):
            return Located(path=path, by_name=True)
        return Located(problem="missing")


def locate(cell: str, root: Path, *, index: FolderIndex | None = None, allow_outside: bool = False) -> Located:
    """The file that one cell names; for many cells keep a `Finder`."""
    return Finder(root=root, index=index, allow_outside=allow_outside)(cell)
