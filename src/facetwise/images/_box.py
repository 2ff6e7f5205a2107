"""A box: the part of a picture that an item is about."""

from collections.abc import Sequence

from PIL import Image

from facetwise.errors import ImageError

__all__ = ["Box", "crop", "to_box"]

Box = tuple[int, int, int, int]


def to_box(corners: Sequence[int]) -> Box | None:
    """(x0, y0, x1, y1) as plain integers; None for (-1, -1, -1, -1), which stands for the whole picture.

    >>> to_box([-1, -1, -1, -1]), to_box([0, 0, 10, 5])
    (None, (0, 0, 10, 5))
    """
    x0, y0, x1, y1 = (int(corner) for corner in corners)
    return None if (x0, y0, x1, y1) == (-1, -1, -1, -1) else (x0, y0, x1, y1)


def crop(picture: Image.Image, box: Box) -> Image.Image:
    """The part of an upright picture from (x0, y0) up to, and without, (x1, y1), in pixels from its top left corner.

    What lies outside the picture is left out.

    Raises:
        ImageError: with the reason bad_box, when nothing is left.

    >>> crop(Image.new("RGB", (40, 20)), (30, -5, 99, 10)).size
    (10, 10)
    """
    x0, y0, x1, y1 = box
    inside = (max(x0, 0), max(y0, 0), min(x1, picture.width), min(y1, picture.height))
    if inside[0] >= inside[2] or inside[1] >= inside[3]:
        raise ImageError(
            "bad_box",
            f"a box (x0, y0, x1, y1) holds a part of its picture, which is {picture.width} x {picture.height} when "
            f"upright. Found {box}",
        )
    return picture.crop(inside)
