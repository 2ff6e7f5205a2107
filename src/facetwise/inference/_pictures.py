"""Pictures of a table, a folder or a file, described by a backbone."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facetwise.data import Table, list_folder, resolve_images
from facetwise.errors import UserError, nearest
from facetwise.events import Event, Report
from facetwise.features import Extraction, extract
from facetwise.models.backbones import Backbone, Level

__all__ = ["Described", "cache_root", "describe", "describe_table", "listed_pictures"]


@dataclass(frozen=True, kw_only=True)
class Described:
    """Features of some pictures.

    Args:
        features: (readable picture, width) float32.
        levels: The depths, in the order of the columns.
        good: Positions of the readable pictures in the list.
        digests: Per picture the SHA-256 of its bytes, None where it cannot be read.
        issues: Position → (reason, message) of each picture that cannot be read.
        computed: How many were computed now; the others came from the cache.
    """

    features: np.ndarray
    levels: tuple[Level, ...]
    good: np.ndarray
    digests: list[str | None]
    issues: dict[int, tuple[str, str]]
    computed: int


def cache_root() -> Path:
    """Folder of all caches: the variable FACETWISE_CACHE, or `facetwise` in the user's cache folder."""
    if chosen := os.environ.get("FACETWISE_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "facetwise"


def describe(
    paths: Sequence[Path | None],
    *,
    backbone: Backbone,
    cache: Path | None = None,
    device: str = "auto",
    workers: int = 0,
    report: Report,
) -> Described:
    """Features of a list of pictures; None stands for one that is not there."""
    there = [position for position, path in enumerate(paths) if path is not None]
    report(Event("stage", f"features of {len(there):,} pictures with {backbone.name}"))

    def progress(done: int, total: int) -> None:
        report(Event("progress", "pictures", done, total))

    result: Extraction = extract(
        [path for path in paths if path is not None],
        backbone=backbone,
        cache=cache or cache_root(),
        device=device,
        workers=workers,
        progress=progress,
    )
    digests: list[str | None] = [None] * len(paths)
    issues = {position: ("missing", "no such file") for position, path in enumerate(paths) if path is None}
    for inner, position in enumerate(there):
        digests[position] = result.digests[inner]
        if inner in result.problems:
            problem = result.problems[inner]
            issues[position] = (problem.reason, problem.message)
    good = np.array([position for position in range(len(paths)) if position not in issues], dtype=np.int64)
    return Described(
        features=result.array(),
        levels=result.levels,
        good=good,
        digests=digests,
        issues=issues,
        computed=result.computed,
    )


def describe_table(
    table: Table,
    column: str,
    root: Path,
    *,
    backbone: Backbone,
    cache: Path | None = None,
    device: str = "auto",
    workers: int = 0,
    report: Report,
) -> Described:
    """Features of the pictures that a column of a table names; what is odd about the paths is reported."""
    paths, notices = resolve_images(table, column, root)
    for notice in notices:
        report(Event("notice", str(notice), data={"code": notice.code, "column": notice.column}))
    return describe(paths, backbone=backbone, cache=cache, device=device, workers=workers, report=report)


def listed_pictures(source: Path) -> tuple[list[str], list[Path | None]]:
    """Names and paths of a single picture, or of all pictures below a folder.

    Raises:
        UserError: Nothing there.
    """
    if source.is_dir():
        paths = list_folder(source)
        return [path.relative_to(source).as_posix() for path in paths], list(paths)
    if not source.exists():
        beside = [path.name for path in source.parent.iterdir()] if source.parent.is_dir() else []
        raise UserError(
            f"a picture, a folder or a table. Found nothing at {str(source)!r}. Fix: {nearest(source.name, beside)}"
        )
    return [str(source)], [source]
