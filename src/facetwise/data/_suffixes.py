"""What a picture's name ends in."""

from facetwise.data._spelling import words

__all__ = ["IMAGE_SUFFIXES", "suffix_of"]

# What the decode policy of the room `images` allows.
IMAGE_SUFFIXES = words(".jpg .jpeg .jpe .jfif .png .webp .bmp .tif .tiff .gif .avif .mpo .ppm .pgm .pnm")


def suffix_of(path: str) -> str:
    """The suffix of a path's last part in small letters, with its point, or "".

    >>> suffix_of("a.b/photo.JPG"), suffix_of("a.b/photo"), suffix_of(".jpg")
    ('.jpg', '', '')
    """
    name = path.rpartition("/")[2]
    stem, point, suffix = name.rpartition(".")
    return f".{suffix.lower()}" if point and stem.strip(".") else ""
