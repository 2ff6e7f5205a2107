"""A picture of any shape becomes a square of the size that a model reads."""

from typing import Literal, get_args

import numpy as np
from PIL import Image

from facetwise.errors import UserError, nearest

__all__ = ["CROP_FRACTION", "FIT_MODES", "FitMode", "fit", "fitted_part", "short_side"]

FitMode = Literal["squash", "crop", "pad"]
FIT_MODES: tuple[str, ...] = get_args(FitMode)

# The share of the short side that a centre crop keeps: 224 of 256, as in Krizhevsky et al. 2012 (AlexNet).
CROP_FRACTION = 0.875


def short_side(size: int, mode: str) -> int:
    """How long both sides of a picture must at least be for `fit` not to enlarge it; a reduced decode keeps above it.

    >>> short_side(224, "crop"), short_side(224, "squash")
    (256, 224)
    """
    return round(size / CROP_FRACTION) if mode == "crop" else size


def fitted_part(width: int, height: int, *, size: int, mode: FitMode) -> tuple[float, float, float, float]:
    """What of a picture is in the square that `fit` makes of it.

    Args:
        width, height: Of the picture.
        size, mode: As of `fit`.

    Returns:
        x0, y0, x1, y1 as shares of the picture's sides: below 0 or above 1 where the square has a margin.

    >>> fitted_part(200, 100, size=10, mode="pad"), fitted_part(200, 100, size=10, mode="squash")
    ((0.0, -0.4, 1.0, 1.6), (0.0, 0.0, 1.0, 1.0))
    """
    if mode == "crop":
        side = min(width, height) * size / short_side(size, mode)
        left, top = (width - side) / 2, (height - side) / 2
        return left / width, top / height, (left + side) / width, (top + side) / height
    if mode == "pad":
        across, down = _padded(width, height, size)
        left, top = (size - across) // 2, (size - down) // 2
        return -left / across, -top / down, (size - left) / across, (size - top) / down
    return 0.0, 0.0, 1.0, 1.0


def _padded(width: int, height: int, size: int) -> tuple[int, int]:
    """Sides of the picture within its white square."""
    scale = size / max(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def fit(image: Image.Image, *, size: int, mode: FitMode) -> np.ndarray:
    """An RGB picture to uint8 (size, size, 3), bicubic.

    * squash: the whole picture, its sides pulled to a square. Nothing is lost, proportions are.
    * crop: the middle of the picture, as if its short side had been brought to size / 0.875.
    * pad: the whole picture in its proportions, in the middle of a white square.

    >>> fit(Image.new("RGB", (40, 20)), size=8, mode="pad")[0, 0].tolist()
    [255, 255, 255]
    """
    if mode == "squash":
        fitted = image.resize((size, size), Image.Resampling.BICUBIC)
    elif mode == "crop":
        # Only the part that is kept is resized: a picture one pixel high must not become millions of pixels wide.
        side = min(image.size) * size / short_side(size, mode)
        left, top = (image.width - side) / 2, (image.height - side) / 2
        box = (left, top, left + side, top + side)
        fitted = image.resize((size, size), Image.Resampling.BICUBIC, box=box)
    elif mode == "pad":
        width, height = _padded(image.width, image.height, size)
        fitted = Image.new("RGB", (size, size), (255, 255, 255))
        resized = image.resize((width, height), Image.Resampling.BICUBIC)
        fitted.paste(resized, ((size - width) // 2, (size - height) // 2))
    else:
        raise UserError(f"`fit` should be one of {', '.join(FIT_MODES)}. Found {mode!r}; {nearest(mode, FIT_MODES)}")
    return np.asarray(fitted)
