"""A few training pictures, small, cut and pulled to the square that the backbone reads."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from facetwise.data import Table, boxes, resolve_pictures
from facetwise.errors import ImageError, UserError
from facetwise.features import available_cores
from facetwise.images import Box, FitMode, decode, fit, quiet_decoder, read_bytes, short_side, to_box
from facetwise.schema import Schema

__all__ = ["MOST_SHOWN", "SIDE", "Pictures", "Thumbnail", "draw_batch", "thumbnails"]

MOST_SHOWN = 24
# Pixels of a thumbnail: some 5 kB in the page, so that all of them are a sixth of a megabyte.
SIDE = 128
_QUALITY = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Pictures:
    """How the pictures of a table are read.

    Args:
        root: Folder that their paths are relative to.
        size: Pixels of the square that the backbone reads.
        fit: How a picture becomes one.
        allow_outside: Whether paths may leave the folder.
    """

    root: Path
    size: int
    fit: FitMode
    allow_outside: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Thumbnail:
    """One item of the batch.

    Args:
        place: Its place among the rows that are trained on.
        data: JPEG in a `data:` address.
        views: How many pictures the item has; the first readable one is shown.
    """

    place: int
    data: str
    views: int


def draw_batch(train: np.ndarray, *, seed: int) -> np.ndarray:
    """At most `MOST_SHOWN` training rows, ascending: the same ones for the same rows and seed.

    >>> draw_batch(np.array([3, 5, 9]), seed=0).tolist()
    [3, 5, 9]
    """
    if len(train) <= MOST_SHOWN:
        return train
    return np.sort(np.random.default_rng(seed).choice(train, MOST_SHOWN, replace=False))


def thumbnails(
    table: Table,
    schema: Schema,
    rows: np.ndarray,
    places: np.ndarray,
    pictures: Pictures,
    *,
    bad: Mapping[tuple[int, int], tuple[str, str]],
    side: int = SIDE,
) -> list[Thumbnail]:
    """The pictures of some items; an item whose picture cannot be read (any more) is left out.

    Args:
        table: The whole table.
        schema: Names the columns of pictures, and of boxes.
        rows: (kept row,) the row of the table.
        places: Places in `rows` of the items.
        pictures: How they are read.
        bad: (row of the table, which of its pictures), those that could not be read before.
        side: Pixels of a thumbnail.
    """
    some = table.take(rows[places])
    try:
        views, _, lost = resolve_pictures(some, schema.images, pictures.root, allow_outside=pictures.allow_outside)
    except UserError:  # The folder has gone since the pictures were described; training does without it.
        return []
    corners = boxes(some, schema) if schema.box else np.full((len(some), 4), -1)
    wanted: list[tuple[int, int, Path, Box | None]] = []
    for item, place in enumerate(places.tolist()):
        # A picture that the table names and that is nowhere counts as the first: a box belongs to it alone.
        own: Sequence[Path | None] = (None, *views[item]) if item in lost else views[item]
        good = [view for view, path in enumerate(own) if path is not None and (int(rows[place]), view) not in bad]
        if good and (path := own[good[0]]) is not None:
            wanted.append((place, len(good), path, to_box(corners[item]) if good[0] == 0 else None))
    # Decoding, resizing and encoding happen outside Python's lock.
    with quiet_decoder(), ThreadPoolExecutor(available_cores(), thread_name_prefix="facetwise-thumbnail") as pool:
        drawn = pool.map(lambda one: _thumbnail(one[2], one[3], pictures, side), wanted)
        return [
            Thumbnail(place=place, data=data, views=count)
            for (place, count, _, _), data in zip(wanted, drawn, strict=True)
            if data is not None
        ]


def _thumbnail(path: Path, box: Box | None, pictures: Pictures, side: int) -> str | None:
    try:
        # Reduced decoding where the file allows it: the same part and shape, and a camera's picture in a third of the
        # time. The pixels differ by less than a thumbnail shows.
        picture = decode(read_bytes(path), draft=short_side(side, pictures.fit), box=box)
    except ImageError:
        return None
    seen = Image.fromarray(fit(picture, size=min(pictures.size, side), mode=pictures.fit))
    sink = BytesIO()
    seen.save(sink, format="JPEG", quality=_QUALITY)
    return f"data:image/jpeg;base64,{b64encode(sink.getvalue()).decode('ascii')}"
