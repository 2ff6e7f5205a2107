"""Pictures that show little: too dark, too bright, of one colour, blurred, tiny."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import numpy as np

from facetwise.errors import ImageError
from facetwise.events import Event, Report
from facetwise.images import decode, open_header, quiet_decoder, read_bytes
from facetwise.studies._findings import Finding

__all__ = ["fault_findings", "measure_picture"]

# Mean brightness, of 255, below and above which hardly anything can be seen; and the least deviation of brightness.
DARK, BRIGHT, FLAT = 20.0, 250.0, 4.0
# Pixels of both sides below which a picture is tiny: a quarter of the usual input of 224.
TINY = 56
# Sharpness is measured at this size, so that it does not depend on the camera; blurred is what lies this many robust
# deviations below the median of the table, in logarithms, and below an absolute bound: the variance of the Laplacian
# of an ordinary photo at this size is some hundreds or thousands.
SIDE, DEVIATIONS, BLUR = 128, 3.5, 60.0
_THREADS = 2


def measure_picture(path: Path) -> tuple[int, int, float, float, float] | None:
    """Width, height, mean and deviation of brightness (0 to 255), variance of the Laplacian; None if not readable.

    The Laplacian of the grey picture reduced to 128 pixels on its longer side: Pech-Pacheco et al. (2000), Diatom
    autofocusing in brightfield microscopy, eq. 4.
    """
    try:
        data = read_bytes(path)
        width, height = open_header(BytesIO(data))[0].size
        picture = decode(data, draft=SIDE).convert("L")
    except ImageError:
        return None
    picture.thumbnail((SIDE, SIDE))
    grey = np.asarray(picture, dtype=np.float32)
    if min(grey.shape) < 3:
        return width, height, float(grey.mean()), float(grey.std()), np.inf
    inner = grey[1:-1, 1:-1]
    laplacian = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * inner
    return width, height, float(grey.mean()), float(grey.std()), float(laplacian.var())


def fault_findings(rows: Sequence[int], images: Sequence[str], paths: Sequence[Path], report: Report) -> list[Finding]:
    """What is wrong with the pictures themselves.

    Args:
        rows: Rows of the table.
        images: Their pictures, as the table spells them.
        paths: Where they are.
        report: Told about progress.
    """
    measured: list[tuple[int, int, float, float, float] | None] = []
    with quiet_decoder(), ThreadPoolExecutor(_THREADS) as pool:
        for done, one in enumerate(pool.map(measure_picture, paths), start=1):
            measured.append(one)
            if done % 100 == 0 or done == len(paths):
                report(Event("progress", "pictures looked at", done, len(paths)))
    sharp = np.log([max(one[4], 1e-3) if one else np.nan for one in measured]) if measured else np.zeros(0)
    known = sharp[np.isfinite(sharp)]
    middle = float(np.median(known)) if len(known) else 0.0
    spread = 1.4826 * float(np.median(np.abs(known - middle))) if len(known) else 1.0
    found: list[Finding] = []
    for row, image, one, sharpness in zip(rows, images, measured, sharp, strict=True):
        if one is None:
            continue
        width, height, mean, deviation, laplacian = one
        faults = {
            "dark": (mean < DARK, f"mean brightness {mean:.0f} of 255"),
            "bright": (mean > BRIGHT and deviation < FLAT, f"mean brightness {mean:.0f} of 255"),
            "flat": (deviation < FLAT and DARK <= mean <= BRIGHT, f"brightness varies by {deviation:.1f} of 255"),
            "tiny": (max(width, height) < TINY, f"{width} x {height} pixels"),
            "blurred": (
                deviation >= FLAT and laplacian < BLUR and sharpness < middle - DEVIATIONS * spread,
                f"sharpness {laplacian:.0f}, usual {np.exp(middle):.0f}",
            ),
        }
        found += [
            Finding(kind=kind, row=int(row), image=image, why=why) for kind, (is_so, why) in faults.items() if is_so
        ]
    return found
