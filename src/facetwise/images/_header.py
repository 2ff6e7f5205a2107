"""The header of a picture file: is it a picture that is read, and is it of a size that is read."""

import struct
import zlib
from typing import BinaryIO

from PIL import Image, features

from facetwise.errors import ImageError
from facetwise.images._format import ALLOWED_FORMATS, HEAD_BYTES, is_cut_short, picture_format

__all__ = ["DAMAGE", "MAX_PIXELS", "damaged", "open_header"]

# Larger than any camera's picture in a catalogue, and 256 MiB of RGBA at most while a picture is composited.
MAX_PIXELS = 64_000_000

# Everything that Pillow's plugins let out when a file is damaged. `Warning`: with warnings turned into errors, a remark
# about odd metadata arrives as an exception.
DAMAGE = (
    ArithmeticError, AttributeError, EOFError, LookupError, MemoryError, OSError, RuntimeError, SyntaxError, TypeError,
    ValueError, Warning, struct.error, zlib.error,
)  # fmt: skip

# Their first two bytes are ordinary text: a file that then fails to open is no picture rather than a damaged one.
_WEAK_STARTS = ("BMP", "PPM")


def open_header(file: BinaryIO, *, max_pixels: int = MAX_PIXELS) -> tuple[Image.Image, str]:
    """The picture with nothing of it decoded, and the name of its format.

    Raises:
        ImageError: with one of the reasons empty, not_an_image, format, too_large, truncated, corrupt.
    """
    head = file.read(HEAD_BYTES)
    file.seek(0)
    name = _format_of(head)
    try:
        image = Image.open(file, formats=[name])
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError("too_large", f"the picture has too many pixels: {error}") from error
    except DAMAGE as error:
        if name in _WEAK_STARTS:
            raise ImageError("not_an_image", f"the file is no picture. Found {head[:12]!r}") from error
        file.seek(0)
        raise damaged(error, name, file.read()) from error
    width, height = image.size
    if width * height > max_pixels:
        raise ImageError("too_large", f"a picture has at most {max_pixels:,} pixels. Found {width} x {height}")
    if width * height == 0:
        raise ImageError("corrupt", f"a picture has pixels. Found {width} x {height}")
    return image, name


def _format_of(head: bytes) -> str:
    """Pillow's name of the format that the first bytes announce.

    Raises:
        ImageError: with one of the reasons empty, not_an_image, format.
    """
    if not head:
        raise ImageError("empty", "the file has no bytes")
    name = picture_format(head)
    if name is None:
        raise ImageError("not_an_image", f"the file does not begin like a picture. Found {head[:12]!r}")
    if name not in ALLOWED_FORMATS or (name == "AVIF" and not features.check("avif")):
        readable = ", ".join(ALLOWED_FORMATS)
        raise ImageError("format", f"{name} files are not read. Fix: save as JPEG or PNG (read are {readable})")
    return name


def damaged(error: BaseException, name: str, data: bytes) -> ImageError:
    """The reason behind what Pillow let out; it says in words only whether a file is too short, and not always."""
    said = str(error)
    if "MAX_TEXT" in said or "text chunks" in said:
        # Pillow unpacks at most 1 MB of a compressed text or profile: a few bytes could become gigabytes.
        return ImageError("too_large", f"the {name} file carries more text than is unpacked: {said}")
    if isinstance(error, EOFError) or "truncated" in said.lower() or is_cut_short(data, name):
        return ImageError("truncated", f"the {name} file ends before the picture does: {said}")
    return ImageError("corrupt", f"the {name} file is damaged: {said}")
