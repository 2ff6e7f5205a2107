"""One shard of whatever holds pictures, as a source of its own."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from facetwise.data import Table, address_of, find_images, list_pictures, read_table
from facetwise.events import Report
from facetwise.features import Shard
from facetwise.inference._fetched import copied_pictures, fetched_file
from facetwise.inference._pictures import listed_pictures, writable_name
from facetwise.inference._sources import Listed, is_table, root_of

__all__ = ["Part", "part_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A shard, and what it was cut from.

    Args:
        source: Its rows or pictures, as `describe_source` takes them.
        root: The folder that they are relative to, on this machine.
        whole: What it was cut from: a table, or the names of all pictures.
        place: The folder of the whole; its address.
    """

    source: Any
    root: Path
    whole: Table | Sequence[str]
    place: str = ""

    def digest(self) -> str:
        """Of the names of all that was cut; a table says more than its names."""
        told = [self.whole.digest, self.place] if isinstance(self.whole, Table) else self.whole
        return hashlib.sha256("\0".join(told).encode("utf-8", "surrogateescape")).hexdigest()


def part_of(source: Any, images: str | Path | None, shard: Shard, *, cache: Path | None = None, report: Report) -> Part:
    """So many consecutive rows of a table, or pictures of a folder or a list; of an address only these are copied.

    Args:
        source: Table, folder, picture or list of pictures; its address.
        images: Folder that a table's paths are relative to; its address. Without one it is the table's own, wherever
            the table is.
        shard: Which part.
        cache: Folder whose `remote` keeps copies; that of all caches if not given.
        report: Told about copies.

    Raises:
        UserError: Nothing there.
        UnavailableError: The package for such addresses is not installed.
    """
    address, folder = address_of(source), address_of(images)
    if isinstance(source, list | tuple):
        own = list(source)[shard.slice(len(source))]
        return Part(source=own, root=root_of(source, images), whole=[str(item) for item in source])
    if is_table(source):
        if address is not None and images is None:
            folder = address.rpartition("/")[0]
        local = fetched_file(source, cache=cache, report=report) if address is not None else source
        return _part_of_table(read_table(local), local, images, folder, shard, cache=cache, report=report)
    if address is not None:
        there = list_pictures(address)
        own = there.names[shard.slice(len(there.names))]
        root = copied_pictures(there, own, cache=cache, report=report)
        pictures = Listed([writable_name(name) for name in own], [root / name for name in own])
        return Part(source=pictures, root=root, whole=[address, *there.names])
    names, paths = listed_pictures(Path(source))
    part = shard.slice(len(paths))
    return Part(
        source=Listed(names[part], paths[part]), root=root_of(source, images), whole=[str(path) for path in paths]
    )


def _part_of_table(
    whole: Table,
    source: Any,
    images: str | Path | None,
    folder: str | None,
    shard: Shard,
    *,
    cache: Path | None,
    report: Report,
) -> Part:
    """Some rows; the whole table says which column names pictures, since theirs may have none."""
    part = whole.take(np.arange(len(whole))[shard.slice(len(whole))])
    if folder is not None:
        there = list_pictures(folder)
        root, place = copied_pictures(there, there.named(part), cache=cache, report=report), folder
        found = find_images(whole, there)
    else:
        root = root_of(source, images)
        place, found = str(root.resolve()), find_images(whole, root)
    return Part(source=replace(part, image=found[0] if found else None), root=root, whole=whole, place=place)
