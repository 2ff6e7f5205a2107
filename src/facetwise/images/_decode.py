"""The one decode policy: bytes become upright 8-bit RGB pixels, in the same way on every path of the house."""

import warnings
from collections.abc import Generator
from contextlib import contextmanager
from io import BytesIO

import numpy as np
from PIL import ExifTags, Image

from facetwise.errors import ImageError
from facetwise.images._box import Box, crop
from facetwise.images._format import is_cut_short
from facetwise.images._header import DAMAGE, MAX_PIXELS, damaged, open_header

__all__ = ["POLICY_VERSION", "decode", "policy_version", "quiet_decoder"]

# Part of every cache key and bundle: change it whenever a change here or in `fit` changes any pixel.
POLICY_VERSION = "1"

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

_WHITE = (255, 255, 255, 255)


def policy_version(*, draft: bool) -> str:
    """The version of the pixels: reduced JPEG decoding gives other ones.

    >>> policy_version(draft=True)
    '1+draft'
    """
    return f"{POLICY_VERSION}+draft" if draft else POLICY_VERSION


@contextmanager
def quiet_decoder() -> Generator[None]:
    """Silence Pillow's remarks on odd metadata. Enter it around a pool of threads: filters belong to the process."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\..*")
        warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
        yield


def decode(
    data: bytes, *, max_pixels: int = MAX_PIXELS, draft: int | None = None, box: Box | None = None
) -> Image.Image:
    """Bytes of a picture file to an RGB picture, or to the part of it within a box.

    Format and size are checked from the header, before anything is decoded. Orientation (EXIF or XMP) is applied.
    Samples of 16 bits keep their high byte, which is what Pillow does for colour. Transparent pictures are laid on
    white. Of an animation the first frame counts. Colour profiles are ignored: pixels are taken as stored.

    Args:
        data: the whole file.
        max_pixels: refuse larger pictures.
        draft: let the JPEG decoder reduce by 2, 4 or 8 while both sides stay at least this long. About three times
            faster on camera pictures, and other pixels: see `policy_version`. Not with a box, whose pixels are those
            of the whole picture.
        box: (x0, y0, x1, y1) in pixels of the upright picture, see `facetwise.images.crop`.

    Raises:
        ImageError: with one of the reasons not_an_image, format, too_large, truncated, corrupt, empty, bad_box.
    """
    image, name = open_header(BytesIO(data), max_pixels=max_pixels)
    if is_cut_short(data, name):
        raise ImageError("truncated", f"the {name} file ends before the picture does")
    try:
        if draft is not None and box is None and name == "JPEG":
            image.draft("RGB", (draft, draft))
        image.load()
    except DAMAGE as error:
        raise damaged(error, name, data) from error
    orientation = _orientation(image)
    try:
        picture = _to_rgb(image)
    except DAMAGE as error:
        raise ImageError("corrupt", f"the {name} picture ({image.mode}) cannot be turned into RGB: {error}") from error
    upright = picture.transpose(_TURNS[orientation]) if orientation in _TURNS else picture
    return upright if box is None else crop(upright, box)


def _orientation(image: Image.Image) -> int:
    """1 to 8. Damaged metadata counts as upright: the pixels are sound. Asked after loading, as TIFF turns itself."""
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except DAMAGE:
        return 1
    return value if isinstance(value, int) else 1


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format in ("PNG", "PPM")):
        return _wide_grey_to_rgb(image)
    if image.mode in ("I", "F", "LAB"):
        raise ImageError(
            "format", f"{image.mode} samples have no agreed black and white. Fix: save the picture with 8 or 16 bits"
        )
    if image.has_transparency_data:
        key = image.info.get("transparency")
        if isinstance(key, tuple) and max(key) > 255:
            # A 16-bit transparent colour; the pixels were reduced to their high bytes.
            image.info["transparency"] = tuple(value >> 8 for value in key)
        coloured = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", coloured.size, _WHITE), coloured).convert("RGB")
    return image.convert("RGB")


def _wide_grey_to_rgb(image: Image.Image) -> Image.Image:
    """16-bit grey: Pillow's own conversion would turn everything above 255 white."""
    samples = np.asarray(image).astype(np.int64)
    grey = np.clip(samples >> 8, 0, 255).astype(np.uint8)
    key = image.info.get("transparency")
    if isinstance(key, int):
        grey[samples == key] = 255
    return Image.fromarray(grey).convert("RGB")
