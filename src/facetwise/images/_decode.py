"""The one decode policy: bytes become upright 8-bit RGB pixels, in the same way on every path of the house."""

import struct
import warnings
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from io import BytesIO

import numpy as np
from PIL import ExifTags, Image, features

from facetwise.errors import ImageError
from facetwise.images._format import ALLOWED_FORMATS, is_cut_short, picture_format

__all__ = ["MAX_PIXELS", "POLICY_VERSION", "decode", "policy_version", "quiet_decoder"]

# Part of every cache key and bundle: change it whenever a change here or in `fit` changes any pixel.
POLICY_VERSION = "1"

# Larger than any camera's picture in a catalogue, and 256 MiB of RGBA at most while a picture is composited.
MAX_PIXELS = 64_000_000

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# Everything that Pillow's plugins let out when a file is damaged. `Warning`: with warnings turned into errors, a remark
# about odd metadata arrives as an exception.
_DAMAGE = (
    ArithmeticError, AttributeError, EOFError, LookupError, MemoryError, NotImplementedError, OSError, RuntimeError,
    SyntaxError, TypeError, ValueError, Warning, struct.error, zlib.error,
)  # fmt: skip

# Their first two bytes are ordinary text: a file that then fails to open is no picture rather than a damaged one.
_WEAK_STARTS = ("BMP", "PPM")

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


def decode(data: bytes, *, max_pixels: int = MAX_PIXELS, draft: int | None = None) -> Image.Image:
    """Bytes of a picture file to an RGB picture.

    Format and size are checked from the header, before anything is decoded. Orientation (EXIF or XMP) is applied.
    Samples of 16 bits keep their high byte, which is what Pillow does for colour. Transparent pictures are laid on
    white. Of an animation the first frame counts. Colour profiles are ignored: pixels are taken as stored.

    Args:
        data: the whole file.
        max_pixels: refuse larger pictures.
        draft: let the JPEG decoder reduce by 2, 4 or 8 while both sides stay at least this long. About three times
            faster on camera pictures, and other pixels: see `policy_version`.

    Raises:
        ImageError: with one of the reasons not_an_image, format, too_large, truncated, corrupt, empty.
    """
    image, name = _open(data)
    if image.width * image.height > max_pixels:
        raise ImageError(
            "too_large", f"a picture has at most {max_pixels:,} pixels. Found {image.width} x {image.height}"
        )
    if image.width * image.height == 0:
        raise ImageError("corrupt", f"a picture has pixels. Found {image.width} x {image.height}")
    if is_cut_short(data, name):
        raise ImageError("truncated", f"the {name} file ends before the picture does")
    try:
        if draft is not None and name == "JPEG":
            image.draft("RGB", (draft, draft))
        image.load()
    except _DAMAGE as error:
        raise _damaged(error, name, data) from error
    orientation = _orientation(image)
    try:
        picture = _to_rgb(image)
    except _DAMAGE as error:
        raise ImageError("corrupt", f"the {name} picture ({image.mode}) cannot be turned into RGB: {error}") from error
    return picture.transpose(_TURNS[orientation]) if orientation in _TURNS else picture


def _open(data: bytes) -> tuple[Image.Image, str]:
    """The picture's header, and the name of its format."""
    if not data:
        raise ImageError("empty", "the file has no bytes")
    name = picture_format(data)
    if name is None:
        raise ImageError("not_an_image", f"the file does not begin like a picture. Found {data[:12]!r}")
    readable = ", ".join(ALLOWED_FORMATS)
    if name not in ALLOWED_FORMATS or (name == "AVIF" and not features.check("avif")):
        raise ImageError("format", f"{name} pictures are not read. Fix: save as JPEG or PNG (read are {readable})")
    try:
        return Image.open(BytesIO(data), formats=[name]), name
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError("too_large", f"the picture has too many pixels: {error}") from error
    except _DAMAGE as error:
        if name in _WEAK_STARTS:
            raise ImageError("not_an_image", f"the file is no picture. Found {data[:12]!r}") from error
        raise _damaged(error, name, data) from error


def _damaged(error: BaseException, name: str, data: bytes) -> ImageError:
    """Pillow says in words only whether a file is too short, and not always."""
    if isinstance(error, EOFError) or "truncated" in str(error).lower() or is_cut_short(data, name):
        return ImageError("truncated", f"the {name} file ends before the picture does: {error}")
    return ImageError("corrupt", f"the {name} file is damaged: {error}")


def _orientation(image: Image.Image) -> int:
    """1 to 8. Damaged metadata counts as upright: the pixels are sound. Asked after loading, as TIFF turns itself."""
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except _DAMAGE:
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
