"""Pictures of a table, a folder or a file, described by a backbone."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from facetwise.data import Table, list_folder, resolve_images, resolve_pictures, tell
from facetwise.errors import UserError, nearest
from facetwise.events import Event, Report, silent
from facetwise.features import Extraction, ImageProblem, Looks, extract, needs
from facetwise.models.backbones import Backbone, Level

__all__ = [
    "Described",
    "Picture",
    "cache_root",
    "describe",
    "describe_items",
    "describe_table",
    "listed_pictures",
    "writable_name",
]

# A product has three to eight pictures; beyond these neighbours are averaged.
MOST_VIEWS = 8

# Where a picture is, or why it is nowhere; None where none is named.
Picture = Path | ImageProblem | None

# What became of a picture that a table names, by the reason of `facetwise.data.resolve_pictures`.
_NOWHERE = {
    "missing": "is not below the folder of images",
    "refused": "leaves the folder of images, or is an address",
}


@dataclass(frozen=True, kw_only=True)
class Described:
    """Features of the pictures of some items: one row per readable picture, the pictures of an item together.

    Where every item has one picture, a row of features is an item: `owner` equals `good`.

    Args:
        features: (readable picture, width) float32.
        levels: The depths, in the order of the columns.
        owner: (readable picture,) the position of the item that each picture belongs to, rising.
        view: (readable picture,) which of its item's pictures it is.
        good: Positions of the items that have a readable picture.
        digests: Per item the SHA-256 of its first readable picture, None where there is none.
        issues: Position of an item → (reason, message), if none of its pictures can be read: those of the first.
        view_issues: (position of the item, which picture) → (reason, message) of each picture that cannot be read.
        computed: How many were computed now; the others came from the cache.
        extraction: Where the rows come from.
    """

    features: np.ndarray
    levels: tuple[Level, ...]
    owner: np.ndarray
    view: np.ndarray
    good: np.ndarray
    digests: list[str | None]
    issues: dict[int, tuple[str, str]]
    view_issues: dict[tuple[int, int], tuple[str, str]]
    computed: int
    extraction: Extraction = field(repr=False)

    def pooled(self) -> np.ndarray:
        """(item of `good`, width) float32: the mean over each item's pictures; `features` where each has one."""
        if len(self.good) == len(self.owner):
            return self.features
        starts = np.searchsorted(self.owner, self.good)
        counts = np.diff(starts, append=len(self.owner))
        return np.add.reduceat(self.features, starts, axis=0) / counts[:, None].astype(np.float32)

    def stacked(self) -> np.ndarray:
        """(item of `good`, view, width) float32, NaN where an item has fewer pictures; `features` where each has one.

        Of an item with more than `MOST_VIEWS` pictures, neighbours share a place by their mean: none is left out, and
        one item with a hundred pictures does not make the whole table a hundred times as large.
        """
        if len(self.good) == len(self.owner):
            return self.features
        starts = np.searchsorted(self.owner, self.good)
        counts = np.diff(starts, append=len(self.owner))
        whole = np.full(
            (len(self.good), min(int(counts.max()), MOST_VIEWS), self.features.shape[1]), np.nan, np.float32
        )
        within = np.arange(len(self.owner)) - np.repeat(starts, counts)
        many = counts > MOST_VIEWS
        few = ~np.repeat(many, counts)
        whole[np.repeat(np.arange(len(starts)), counts)[few], within[few]] = self.features[few]
        for item in np.flatnonzero(many):
            own = self.features[starts[item] : starts[item] + counts[item]]
            whole[item] = [part.mean(axis=0) for part in np.array_split(own, MOST_VIEWS)]
        return whole

    def looks(self) -> Looks:
        """What the pictures look like, one per row of features; read from the cache when asked for."""
        return self.extraction.looks()

    def near_duplicates(self, report: Report = silent) -> list[np.ndarray]:
        """Groups of items, by position, of which a picture looks the same; see `facetwise.images.near_duplicates`.

        Where items have several pictures, an item may be in several groups. Pictures of which the cache has no look
        are in none, and are reported.
        """
        looks = self.looks()
        if without := int((~looks.known).sum()):
            message = (
                f"{without:,} of {len(looks.known):,} pictures were described before the cache kept what pictures look "
                "like: they are not compared with others, and nearly equal ones among them are not found. To have them "
                f"compared, remove {str(self.extraction.store.folder)!r} and run again."
            )
            report(Event("notice", message, data={"code": "no-look"}))
        groups = (np.unique(self.owner[group]) for group in looks.near_duplicates())
        return [group for group in groups if len(group) > 1]


def cache_root() -> Path:
    """Folder of all caches: the variable FACETWISE_CACHE, or `facetwise` in the user's cache folder."""
    if chosen := os.environ.get("FACETWISE_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "facetwise"


def describe(
    paths: Sequence[Picture],
    *,
    backbone: Backbone,
    boxes: np.ndarray | None = None,
    cache: Path | None = None,
    device: str = "auto",
    workers: int = 0,
    report: Report,
    **options: Any,
) -> Described:
    """Features of a list of pictures, one per item; see `describe_items`."""
    return describe_items(
        [[path] for path in paths],
        backbone=backbone,
        boxes=boxes,
        cache=cache,
        device=device,
        workers=workers,
        report=report,
        **options,
    )


def describe_items(
    items: Sequence[Sequence[Picture]],
    *,
    backbone: Backbone,
    boxes: np.ndarray | None = None,
    cache: Path | None = None,
    device: str = "auto",
    workers: int = 0,
    report: Report,
    extractor: Callable[..., Extraction] = extract,
    read: bool = True,
) -> Described:
    """Features of items with any number of pictures each.

    Args:
        items: Per item its pictures. In place of a path, a problem says why there is none; None (an empty cell) stands
            for no picture, which is an issue only of an item without any.
        backbone: What describes them.
        boxes: (item, 4) x0, y0, x1, y1: the part of the item's first picture that counts; -1 four times for all of it.
        cache: Folder of all features.
        device: auto, cpu, cuda, ...
        workers: Threads; 0 chooses.
        report: Told about progress.
        extractor: Who does it.
        read: Whether the rows are wanted, or only that they are in the cache.
    """
    issues: dict[tuple[int, int], tuple[str, str]] = {}
    places: list[tuple[int, int]] = []
    paths: list[Path] = []
    for item, pictures in enumerate(items):
        for view, picture in enumerate(pictures):
            if isinstance(picture, Path):
                places.append((item, view))
                paths.append(picture)
            elif picture is not None:
                issues[item, view] = (picture.reason, picture.message)
        if not any(pictures):
            issues[item, 0] = ("missing", "the table names no picture, or none that is there")
    size = needs(len(paths), backbone.width)
    report(Event("stage", f"features of {len(paths):,} pictures with {backbone.name} ({size})"))

    def progress(done: int, total: int) -> None:
        report(Event("progress", "pictures", done, total))

    def warn(warning: str) -> None:
        report(Event("notice", warning, data={"code": "budget"}))

    result = extractor(
        paths,
        backbone=backbone,
        boxes=None if boxes is None else _boxes_of(places, boxes),
        cache=cache or cache_root(),
        device=device,
        workers=workers,
        progress=progress,
        warn=warn,
    )
    for position, problem in result.problems.items():
        issues[places[position]] = (problem.reason, problem.message)
    readable = [places[position] for position in result.positions()]
    owner, view = np.array(readable, dtype=np.int64).reshape(-1, 2).T
    digests: list[str | None] = [None] * len(items)
    for position in reversed(result.positions()):
        digests[places[position][0]] = result.digests[position]
    if read:  # else nobody wants to hold even the keys of all rows
        different = len({key for key in result.keys if key is not None})
        if (there := different - result.computed) > 0:
            words = "  all were there" if there == different else f"  {there:,} of {different:,} were there"
            report(Event("summary", words))
    first = dict(reversed([(item, issue) for (item, _), issue in sorted(issues.items())]))
    return Described(
        features=result.array() if read else np.zeros((0, backbone.width), dtype=np.float32),
        levels=result.levels,
        owner=owner,
        view=view,
        good=np.unique(owner),
        digests=digests,
        issues={item: issue for item, issue in sorted(first.items()) if digests[item] is None},
        view_issues=dict(sorted(issues.items())),
        computed=result.computed,
        extraction=result,
    )


def _boxes_of(places: Sequence[tuple[int, int]], boxes: np.ndarray) -> np.ndarray:
    """One box per picture: a box belongs to the first picture of its item."""
    item, view = np.array(places, dtype=np.int64).reshape(-1, 2).T
    return np.where((view == 0)[:, None], boxes[item], -1)


def describe_table(
    table: Table,
    columns: str | Sequence[str],
    root: Path,
    *,
    backbone: Backbone,
    boxes: np.ndarray | None = None,
    allow_outside: bool = False,
    cache: Path | None = None,
    device: str = "auto",
    workers: int = 0,
    report: Report,
    **options: Any,
) -> Described:
    """Features of the pictures that columns of a table name; what is odd about the paths is reported.

    Args:
        table: The table.
        columns: One column: each row has one picture, of a cell that lists several the first. A list of columns, of one
            or more: each row has all pictures that their cells list.
        root: Folder that the paths are relative to.
        backbone: What describes them.
        boxes: (row, 4), see `describe_items`; a box is about the first picture of the first column.
        allow_outside: Whether paths may leave the folder.
        cache: Folder of all features.
        device: auto, cpu, cuda, ...
        workers: Threads; 0 chooses.
        report: Told about notices and progress.
        options: See `describe_items`.
    """
    primary = columns if isinstance(columns, str) else columns[0]
    table.coded(primary)  # raises where there is no such column, though others may hold pictures
    if isinstance(columns, str):
        first, notices, lost = resolve_images(table, columns, root, allow_outside=allow_outside)
        views: list[tuple[Path, ...]] = [() if path is None else (path,) for path in first]
    else:
        views, notices, lost = resolve_pictures(table, columns, root, allow_outside=allow_outside)
    tell(notices, report)
    items: list[Sequence[Picture]] = list(views)
    for row, (reason, path) in lost.items():
        # It stays the first of its item's pictures, so that a box is not taken for that of another one.
        items[row] = (ImageProblem(reason, f"the table names {path!r}, which {_NOWHERE[reason]}"), *views[row])
    return describe_items(
        items, backbone=backbone, boxes=boxes, cache=cache, device=device, workers=workers, report=report, **options
    )


def listed_pictures(source: Path) -> tuple[list[str], list[Path]]:
    """Names and paths of a single picture, or of all pictures below a folder.

    A name that is not UTF-8 is given with its odd bytes as `\\xff`, so that it can be written anywhere.

    Raises:
        UserError: Nothing there.
    """
    if source.is_dir():
        paths = list_folder(source)
        return [writable_name(path.relative_to(source).as_posix()) for path in paths], paths
    if not source.exists():
        beside = [path.name for path in source.parent.iterdir()] if source.parent.is_dir() else []
        raise UserError(
            f"a picture, a folder or a table. Found nothing at {str(source)!r}. Fix: {nearest(source.name, beside)}"
        )
    return [writable_name(str(source))], [source]


def writable_name(name: str) -> str:
    """The name of a file as text that can be encoded: Python keeps bytes that are not UTF-8 as lone surrogates.

    >>> writable_name("caf\\udce9.jpg")
    'caf\\\\xe9.jpg'
    """
    return os.fsencode(name).decode("utf-8", "backslashreplace")
