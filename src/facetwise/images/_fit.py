"""A picture of any shape becomes a square of the size that a model reads."""

from typing import Literal, get_args

import numpy as np
from PIL import Image

from facetwise.errors import UserError, nearest

__all__ = ["CROP_FRACTION", "FIT_MODES", "FitMode", "fit", "short_side"]

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
        scale = size / max(image.size)
        width, height = max(1, round(image.width * scale)), max(1, round(image.height * scale))
        fitted = Image.new("RGB", (size, size), (255, 255, 255))
        resized = image.resize((width, height), Image.Resampling.BICUBIC)
        fitted.paste(resized, ((size - width) // 2, (size - height) // 2))
    else:
        raise UserError(f"`fit` should be one of {', '.join(FIT_MODES)}. Found {mode!r}; {nearest(mode, FIT_MODES)}")
    return np.asarray(fitted)
