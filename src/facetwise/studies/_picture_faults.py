"""Pictures that show little: too dark, too bright, of one colour, blurred, tiny."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np

from facetwise.errors import ImageError
from facetwise.events import Event, Report
from facetwise.images import (
    NO_HASH,
    THUMBNAIL_SIDE,
    Look,
    decode,
    look,
    near_duplicates,
    open_header,
    quiet_decoder,
    read_bytes,
)
from facetwise.studies._findings import Finding

__all__ = ["Measured", "alike_pictures", "fault_findings", "measure_picture", "measure_pictures"]

# Mean brightness, of 255, below and above which hardly anything can be seen; and the least deviation of brightness.
DARK, BRIGHT, FLAT = 20.0, 250.0, 4.0
# Pixels of both sides below which a picture is tiny: a quarter of the usual input of 224.
TINY = 56
# Sharpness is measured at this size, so that it does not depend on the camera; blurred is what lies this many robust
# deviations below the median of the table, in logarithms, and below an absolute bound: the variance of the Laplacian
# of an ordinary photo at this size is some hundreds or thousands.
SIDE, DEVIATIONS, BLUR = 128, 3.5, 60.0
_THREADS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One picture's size, brightness (mean and deviation, of 255), sharpness, and look."""

    width: int
    height: int
    mean: float
    deviation: float
    sharpness: float
    look: Look


def measure_picture(path: Path) -> Measured | None:
    """What can be said of a picture without knowing what it shows; None if it cannot be read.

    Sharpness is the variance of the Laplacian of the grey picture reduced to 128 pixels on its longer side.

    Source: Pech-Pacheco et al. (2000), Diatom autofocusing in brightfield microscopy, eq. 4.
    """
    try:
        data = read_bytes(path)
        width, height = open_header(BytesIO(data))[0].size
        picture = decode(data, draft=SIDE)
    except ImageError:
        return None
    seen, picture = look(picture), picture.convert("L")
    picture.thumbnail((SIDE, SIDE))
    grey = np.asarray(picture, dtype=np.float32)
    sharpness = np.inf
    if min(grey.shape) >= 3:
        inner = grey[1:-1, 1:-1]
        around = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
        sharpness = float((around - 4 * inner).var())
    return Measured(
        width=width, height=height, mean=float(grey.mean()), deviation=float(grey.std()), sharpness=sharpness, look=seen
    )


def measure_pictures(paths: Sequence[Path], report: Report) -> list[Measured | None]:
    """Every picture measured, in order."""
    measured: list[Measured | None] = []
    with quiet_decoder(), ThreadPoolExecutor(_THREADS) as pool:
        for done, one in enumerate(pool.map(measure_picture, paths), start=1):
            measured.append(one)
            if done % 100 == 0 or done == len(paths):
                report(Event("progress", "pictures looked at", done, len(paths)))
    return measured


def alike_pictures(measured: Sequence[Measured | None]) -> list[np.ndarray]:
    """Places of pictures that look the same; see `facetwise.images.near_duplicates`."""
    blank = np.zeros((THUMBNAIL_SIDE, THUMBNAIL_SIDE, 3), np.uint8)
    hashes = np.array([one.look.hash if one else NO_HASH for one in measured], dtype=np.uint64)
    return near_duplicates(hashes, thumbnails=np.array([one.look.thumbnail if one else blank for one in measured]))


def fault_findings(rows: Sequence[int], images: Sequence[str], measured: Sequence[Measured | None]) -> list[Finding]:
    """What is wrong with the pictures themselves.

    Args:
        rows: Rows of the table.
        images: Their pictures, as the table spells them.
        measured: Of each row's picture.
    """
    sharp = np.log([max(one.sharpness, 1e-3) if one else np.nan for one in measured]) if measured else np.zeros(0)
    known = sharp[np.isfinite(sharp)]
    middle = float(np.median(known)) if len(known) else 0.0
    spread = 1.4826 * float(np.median(np.abs(known - middle))) if len(known) else 1.0
    found: list[Finding] = []
    for row, image, one, sharpness in zip(rows, images, measured, sharp, strict=True):
        if one is None:
            continue
        flat, bright = one.deviation < FLAT, f"mean brightness {one.mean:.0f} of 255"
        faults = {
            "dark": (one.mean < DARK, bright),
            "bright": (one.mean > BRIGHT and flat, bright),
            "flat": (flat and DARK <= one.mean <= BRIGHT, f"brightness varies by {one.deviation:.1f} of 255"),
            "tiny": (max(one.width, one.height) < TINY, f"{one.width} x {one.height} pixels"),
            "blurred": (
                not flat and one.sharpness < BLUR and sharpness < middle - DEVIATIONS * spread,
                f"sharpness {one.sharpness:.0f}, usual {np.exp(middle):.0f}",
            ),
        }
        found += [
            Finding(kind=kind, row=int(row), image=image, why=why) for kind, (is_so, why) in faults.items() if is_so
        ]
    return found
