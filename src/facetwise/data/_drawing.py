"""A small drawing board: shapes in unit coordinates, cloth patterns, soft light; Pillow and nothing else.

Everything is drawn at `OVERSAMPLING` times the size and reduced at the end, which smooths every edge.
"""

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache

from PIL import Image, ImageChops, ImageDraw, ImageFilter

__all__ = ["Board", "Point", "Rgb", "arc", "mirrored", "rounded", "shade"]

Point = tuple[float, float]
Rgb = tuple[int, int, int]

# Twice is enough to hide the steps of an edge at 200 pixels; three times costs twice the time.
OVERSAMPLING = 2


def shade(colour: Rgb, amount: float) -> Rgb:
    """A colour moved towards white (amount > 0) or black (amount < 0).

    >>> shade((100, 100, 100), -0.5)
    (50, 50, 50)
    """
    goal = 255 if amount > 0 else 0
    red, green, blue = (round(part + (goal - part) * abs(amount)) for part in colour)
    return red, green, blue


def mirrored(half: Sequence[Point]) -> list[Point]:
    """A closed outline from its right half, reflected at x = 0.5.

    >>> mirrored([(0.75, 0.0), (0.75, 1.0)])
    [(0.75, 0.0), (0.75, 1.0), (0.25, 1.0), (0.25, 0.0)]
    """
    return [*half, *((1 - x, y) for x, y in reversed(half))]


def rounded(points: Sequence[Point], times: int = 2) -> list[Point]:
    """A closed outline with its corners cut (Chaikin, 1974); a corner that is given twice stays sharp."""
    outline = list(points)
    for _ in range(times):
        cut: list[Point] = []
        for (x, y), (u, v) in zip(outline, [*outline[1:], outline[0]], strict=True):
            cut += [(0.75 * x + 0.25 * u, 0.75 * y + 0.25 * v), (0.25 * x + 0.75 * u, 0.25 * y + 0.75 * v)]
        outline = cut
    return outline


def arc(centre: Point, width: float, height: float, start: float, end: float, steps: int = 24) -> list[Point]:
    """Points on an ellipse with the given half axes, angles in degrees, 0 to the right and 90 downwards."""
    angles = (math.radians(start + (end - start) * step / steps) for step in range(steps + 1))
    return [(centre[0] + width * math.cos(angle), centre[1] + height * math.sin(angle)) for angle in angles]


class Board:
    """A square picture that is drawn in unit coordinates, turned, scaled and shifted as a whole.

    Args:
        size: Side of the finished picture in pixels.
        ground: Colour of the background.
        scale: Size of the drawing against the picture.
        angle: Turn of the drawing in degrees, clockwise.
        shift: Offset of the drawing's centre.
        cloth: Main and second colour of patterned parts.
        pattern: `plain`, `striped`, `dotted` or `checked`.
    """

    def __init__(
        self,
        size: int,
        *,
        ground: Rgb,
        scale: float = 1.0,
        angle: float = 0.0,
        shift: Point = (0.0, 0.0),
        cloth: tuple[Rgb, Rgb] = ((128, 128, 128), (255, 255, 255)),
        pattern: str = "plain",
    ) -> None:
        self.size = size
        self.side = size * OVERSAMPLING
        self.cloth = cloth
        self._scale = scale
        self._turn = (math.cos(math.radians(angle)), math.sin(math.radians(angle)))
        self._shift = shift
        self._ground = ground
        self._image = Image.new("RGBA", (self.side, self.side), (*shade(ground, -0.35), 0))
        self._draw = ImageDraw.Draw(self._image)
        self._fabric = self._weave(pattern)

    def _place(self, points: Iterable[Point]) -> list[Point]:
        cosine, sine = self._turn
        placed = []
        for x, y in points:
            across, down = (x - 0.5) * self._scale, (y - 0.5) * self._scale
            placed.append(
                (
                    (0.5 + self._shift[0] + across * cosine - down * sine) * self.side,
                    (0.5 + self._shift[1] + across * sine + down * cosine) * self.side,
                )
            )
        return placed

    def _length(self, length: float) -> float:
        return length * self._scale * self.side

    def _weave(self, pattern: str) -> Image.Image | None:
        main, second = self.cloth
        if pattern == "plain":
            return None
        fabric = Image.new("RGB", (self.side, self.side), main)
        draw = ImageDraw.Draw(fabric)
        steps = [-0.4 + 0.09 * step for step in range(21)]
        if pattern == "striped":
            for y in steps:
                draw.line(self._place([(-0.5, y), (1.5, y)]), fill=second, width=round(self._length(0.032)))
        elif pattern == "dotted":
            radius = self._length(0.021)
            for row, y in enumerate(steps):
                for x in steps:
                    [(u, v)] = self._place([(x + 0.045 * (row % 2), y)])
                    draw.ellipse((u - radius, v - radius, u + radius, v + radius), fill=second)
        else:
            between = shade(main, 0.45) if sum(main) < sum(second) else shade(main, -0.25)
            for place in steps:
                for line in ([(-0.5, place), (1.5, place)], [(place, -0.5), (place, 1.5)]):
                    draw.line(self._place(line), fill=between, width=round(self._length(0.034)))
            for place in steps:
                for line in ([(-0.5, place), (1.5, place)], [(place, -0.5), (place, 1.5)]):
                    draw.line(self._place(line), fill=second, width=max(1, round(self._length(0.008))))
        return fabric

    def cloth_part(self, outline: Sequence[Point], *, edge: bool = True) -> None:
        """A part made of the product's cloth: its colour, its pattern and a thin darker edge."""
        placed = self._place(outline)
        if self._fabric is None:
            self._draw.polygon(placed, fill=self.cloth[0])
        else:
            mask = Image.new("L", (self.side, self.side))
            ImageDraw.Draw(mask).polygon(placed, fill=255)
            self._image.paste(self._fabric, mask=mask)
        if edge:
            seam = shade(self.cloth[0], -0.35) if sum(self.cloth[0]) > 150 else shade(self.cloth[0], 0.25)
            self._draw.line([*placed, placed[0], placed[1]], fill=seam, width=max(2, round(self._length(0.006))))

    def part(self, outline: Sequence[Point], colour: Rgb, edge: Rgb | None = None) -> None:
        """A part of one colour."""
        placed = self._place(outline)
        self._draw.polygon(placed, fill=colour)
        if edge is not None:
            self._draw.line([*placed, placed[0]], fill=edge, width=max(2, round(self._length(0.006))))

    def line(self, points: Sequence[Point], colour: Rgb, width: float = 0.008) -> None:
        """An open line; `width` in unit coordinates."""
        self._draw.line(self._place(points), fill=colour, width=max(2, round(self._length(width))), joint="curve")

    def dot(self, centre: Point, radius: float, colour: Rgb, edge: Rgb | None = None) -> None:
        """A filled circle."""
        [(x, y)] = self._place([centre])
        reach = self._length(radius)
        self._draw.ellipse((x - reach, y - reach, x + reach, y + reach), fill=colour, outline=edge, width=2)

    def seam_colour(self) -> Rgb:
        """A colour that shows on the cloth without shouting."""
        main = self.cloth[0]
        return shade(main, -0.35) if sum(main) > 300 else shade(main, 0.3)

    def finish(self) -> Image.Image:
        """The picture: the drawing with soft light from the upper left, its shadow, and the background."""
        size = (self.size, self.size)
        drawing = self._image.resize(size, Image.Resampling.BOX)
        mask = drawing.getchannel("A")
        light = _light(self.size)
        ground = Image.composite(
            Image.new("RGB", size, shade(self._ground, -0.1)), Image.new("RGB", size, shade(self._ground, 0.4)), light
        )
        shadow = ImageChops.offset(mask.filter(ImageFilter.GaussianBlur(self.size / 40)), self.size // 60)
        ground.paste(shade(self._ground, -0.5), mask=shadow.point(lambda level: level * 2 // 5))
        lit = drawing.convert("RGB")
        lit.paste((0, 0, 0), mask=light.point(lambda level: max(0, level - 128) // 3))
        lit.paste((255, 255, 255), mask=light.point(lambda level: max(0, 128 - level) // 4))
        ground.paste(lit, mask=mask)
        return ground


@lru_cache(maxsize=128)
def _light(size: int) -> Image.Image:
    """A ramp from the upper left (0) to the lower right (255)."""
    down = Image.linear_gradient("L").resize((size, size))
    return Image.blend(down, down.transpose(Image.Transpose.TRANSPOSE), 0.35)
