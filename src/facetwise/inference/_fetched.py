"""Sources that are addresses, read from copies in the cache."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from facetwise.data import RemoteFolder, address_of, fetch_file, fetch_pictures, read_table
from facetwise.events import Event, Report
from facetwise.inference._pictures import cache_root
from facetwise.inference._sources import is_table

__all__ = ["copied_pictures", "fetched", "fetched_beside", "fetched_file", "fetched_rows"]


def fetched_file(source: str | Path, *, cache: Path | None = None, report: Report) -> Path:
    """A file on this machine: the one that is named, or a copy of what is behind its address.

    Args:
        source: The file; its address.
        cache: Folder whose `remote` keeps copies; that of all caches if not given.
        report: Told about copies.

    Raises:
        UserError: Nothing there.
        UnavailableError: The package for such addresses is not installed.
    """
    address = address_of(source)
    if address is None:
        return Path(source)
    found = fetch_file(address, _copies(cache))
    report(Event("notice", f"{address} is read from {found}", data={"code": "fetched"}))
    return found


def fetched(
    source: Any, images: str | Path | None, *, pictures: bool = True, cache: Path | None = None, report: Report
) -> tuple[Any, str | Path | None]:
    """A source and its folder of pictures, both on this machine; what is no address is given back as it is.

    Args:
        source: Table, folder or picture; its address.
        images: Folder that a table's paths are relative to; its address. Without one it is the table's own, wherever
            the table is.
        pictures: Whether pictures are wanted at all.
        cache: Folder whose `remote` keeps copies; that of all caches if not given.
        report: Told about copies.

    Raises:
        UserError: Nothing there.
        UnavailableError: The package for such addresses is not installed.
    """
    address, folder = address_of(source), address_of(images)
    if address is not None and is_table(address):
        source = fetched_file(address, cache=cache, report=report)
        if images is None:
            folder = address.rpartition("/")[0]
    elif address is not None:
        return _pictures(address, None, cache, report), images
    if folder is not None and pictures:
        images = _pictures(folder, source, cache, report)
    return source, images


def fetched_rows(
    table: Any, images: str | Path | None, features: str | Path | None, *, report: Report
) -> tuple[Any, str | Path | None, Path | None]:
    """What a training reads: a table, and its pictures or a file of features in their place, all on this machine.

    Args:
        table, images: As of `fetched`.
        features: File of features; with it no picture is copied. Its address.
        report: Told about copies.

    Raises:
        UserError: Nothing there.
        UnavailableError: The package for such addresses is not installed.
    """
    table, images = fetched(table, images, pictures=features is None, report=report)
    return table, images, None if features is None else fetched_file(features, report=report)


def fetched_beside(other: Any, table: Any, images: str | Path | None, *, pictures: bool = True, report: Report) -> Any:
    """A second table of the same folder of pictures, on this machine, and its pictures beside those of the first.

    Args:
        other: The second table; its address.
        table, images: The first table and its folder, as `fetched` takes them.
        pictures: Whether pictures are wanted at all.
        report: Told about copies.

    Raises:
        UserError: Nothing there.
        UnavailableError: The package for such addresses is not installed.
    """
    folder, place = address_of(images), address_of(table)
    if images is None and place is not None:
        folder = place.rpartition("/")[0]
    if address_of(other) is not None:
        other = fetched_file(other, report=report)
    if folder is not None and pictures:
        _pictures(folder, other, None, report)
    return other


def copied_pictures(there: RemoteFolder, names: Sequence[str], *, cache: Path | None = None, report: Report) -> Path:
    """A folder of copies of some of the pictures below an address.

    Args:
        there: All of them.
        names: Which.
        cache: Folder whose `remote` keeps copies; that of all caches if not given.
        report: Told about copies.

    Raises:
        UserError: No right to read one.
    """
    found = there.copied(names, _copies(cache), told=_told(there.address, report))
    return _said(there.address, found, report)


def _pictures(address: str, source: Any, cache: Path | None, report: Report) -> Path:
    """A folder of pictures: all of them, or those that a table names."""
    table = None if source is None else read_table(source)
    found = fetch_pictures(address, _copies(cache), table=table, told=_told(address, report))
    return _said(address, found, report)


def _told(address: str, report: Report) -> Callable[[int, int], None]:
    return lambda done, total: report(Event("progress", f"pictures copied from {address}", done, total))


def _said(address: str, found: Path, report: Report) -> Path:
    report(Event("notice", f"the pictures of {address} are read from {found}", data={"code": "fetched"}))
    return found


def _copies(cache: Path | None) -> Path:
    return (cache or cache_root()) / "remote"
