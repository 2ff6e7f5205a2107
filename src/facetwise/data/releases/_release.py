"""A published data set as its authors release it, and what becomes of it: a table and a schema."""

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from facetwise.data._notices import Notice
from facetwise.data._suffixes import IMAGE_SUFFIXES
from facetwise.errors import Complaint, TableError
from facetwise.schema import Schema

__all__ = ["PictureFinder", "Release", "Released", "groups_of", "missing", "noted", "safe_ids"]


@dataclass(frozen=True, kw_only=True)
class Released:
    """What was read of a release.

    Args:
        columns: The table: column → one text per row.
        schema: Its vocabulary.
        notices: What the user should know.
    """

    columns: Mapping[str, Sequence[str]]
    schema: Schema
    notices: tuple[Notice, ...] = ()

    @property
    def rows(self) -> int:
        """Rows of the table."""
        return len(next(iter(self.columns.values())))


class Release(ABC):
    """One data set: where its files come from, how they lie, and how they become a table. Nothing is downloaded.

    `address` is the page of the project, `layout` what has to lie under the folder that the user names.
    """

    title: ClassVar[str]
    address: ClassVar[str]
    terms: ClassVar[str]
    layout: ClassVar[tuple[str, ...]]

    @abstractmethod
    def read(self, root: Path) -> Released:
        """The table and the schema; image paths are relative to the root.

        Raises:
            TableError: Files are missing, or are not what the release has; all at once.
        """


def missing(release: type[Release], root: Path, names: Iterable[str]) -> TableError:
    """Files that should be there: which, and where they come from."""
    fix = f"get them from {release.address} and name the folder that holds {release.layout[0]}"
    rule = f"the folder holds the files of {release.title}"
    return TableError([Complaint(place=str(root), rule=rule, found=f"no {name}", fix=fix) for name in names])


def noted(code: str, message: str, column: str | None = None) -> Notice:
    """A notice about a release."""
    return Notice(code=code, message=message, column=column)


def groups_of(known: Mapping[str, str], columns: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Groups of the attributes that are there; a column that no group names stays outside.

    Args:
        known: Group → names of attributes, blanks between them.
        columns: The attributes.

    >>> groups_of({"colour": "black blue", "pattern": "spots"}, ["blue", "black", "tail"])
    {'colour': ('blue', 'black')}
    """
    own = {name: group for group, names in known.items() for name in names.split()}
    there = [column for column in columns if column in own]
    return {group: kept for group in known if (kept := tuple(column for column in there if own[column] == group))}


def safe_ids(columns: Iterable[str]) -> dict[str, str]:
    """An id per column, by the order of names, as inference gives them.

    >>> safe_ids(["b", "a"])
    {'a': 'a00', 'b': 'a01'}
    """
    ordered = sorted(columns)
    width = max(2, len(str(max(len(ordered) - 1, 0))))
    return {name: f"a{place:0{width}d}" for place, name in enumerate(ordered)}


class PictureFinder:
    """Pictures under a folder, found by the end of their path, whatever lies above them.

    Args:
        root: The folder; its tree is read once.
    """

    def __init__(self, root: Path) -> None:
        self.paths: list[str] = []
        for folder, names, files in os.walk(root):
            names.sort()
            above = Path(folder).relative_to(root)
            self.paths += [
                (above / one).as_posix() for one in sorted(files) if Path(one).suffix.lower() in IMAGE_SUFFIXES
            ]
        self._by_name: dict[str, list[str]] = {}
        for path in self.paths:
            self._by_name.setdefault(path.rpartition("/")[2], []).append(path)

    def find(self, *parts: str) -> str | None:
        """The picture whose path ends in these parts; with the last alone where that is the only one of its name."""
        known = self._by_name.get(parts[-1], [])
        wanted = "/".join(part for part in parts if part)
        ending = [path for path in known if f"/{path}".endswith(f"/{wanted}")]
        if len(ending) == 1:
            return ending[0]
        return known[0] if len(known) == 1 else None
