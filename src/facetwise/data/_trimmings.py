"""Buttons, studs, a fringe, a bow, a star: the details of the drawn catalogue's products."""

import math
from dataclasses import dataclass

from facetwise.data._drawing import Board, Point, Rgb, rounded, shade

__all__ = ["DARK", "Anchors", "draw_details"]

DARK: Rgb = (60, 50, 46)
RED: Rgb = (206, 52, 74)
TEAL: Rgb = (70, 188, 196)


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchors:
    """Where details go on a product: a line of buttons, a spot for a star, one for a bow, a hem, a line of studs."""

    front: tuple[Point, Point]
    spot: Point
    bow: Point
    hem: tuple[Point, Point]
    studs: tuple[Point, Point]


def _along(ends: tuple[Point, Point], count: int) -> list[Point]:
    (x, y), (u, v) = ends
    return [(x + (u - x) * step / (count - 1), y + (v - y) * step / (count - 1)) for step in range(count)]


def draw_details(board: Board, anchors: Anchors, details: tuple[str, ...]) -> None:
    """Buttons, studs, a fringe, a bow and a star, where the product has room for them."""
    if "fringe" in details:
        for x, y in _along(anchors.hem, 14):
            board.line([(x, y - 0.005), (x, y + 0.055)], shade(board.cloth[0], -0.45), 0.01)
    if "studs" in details:
        for point in _along(anchors.studs, 7):
            board.dot(point, 0.017, (225, 226, 232), (90, 92, 100))
    if "buttons" in details:
        for point in _along(anchors.front, 4):
            board.dot(point, 0.02, (252, 250, 244), DARK)
    if "star" in details:
        x, y = anchors.spot
        star = [
            (x + radius * math.sin(math.pi * step / 5), y - radius * math.cos(math.pi * step / 5))
            for step in range(10)
            for radius in (0.062 if step % 2 == 0 else 0.026,)
        ]
        red, green, blue = board.cloth[0]
        board.part(star, (255, 255, 255) if min(red, green) > 120 > blue else (250, 204, 60), (120, 84, 10))
    if "bow" in details:
        x, y = anchors.bow
        red, green, _ = board.cloth[0]
        ribbon = TEAL if red > 150 and green < 110 else RED  # a red bow would drown on a red dress
        for side in (-1, 1):
            wing = [(x, y), (x + side * 0.085, y - 0.05), (x + side * 0.095, y), (x + side * 0.085, y + 0.05)]
            board.part(rounded(wing, 1), ribbon, shade(ribbon, -0.45))
        board.dot((x, y), 0.022, shade(ribbon, -0.2), shade(ribbon, -0.5))
