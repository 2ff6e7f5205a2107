"""How each product of the drawn catalogue looks: outlines of garments, shoes and bags."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from facetwise.data._drawing import Board, Point, Rgb, arc, mirrored, rounded, shade
from facetwise.data._trimmings import DARK, Anchors

__all__ = ["DRAWERS", "Look"]

# How far a sleeve reaches, by sleeve length 0 to 3.
SLEEVE_REACH = (0.0, 0.15, 0.27, 0.45)
# How far the heel lifts the foot, by name.
HEEL_LIFT = {"flat": 0.0, "low": 0.07, "mid": 0.15, "high": 0.25}
METAL: Rgb = (212, 175, 85)
METAL_EDGE: Rgb = (120, 92, 30)
SOLE: Rgb = (236, 232, 222)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Everything about a product that can be seen."""

    category: str
    sleeve: int = 0
    heel: str = "flat"
    closure: str = "open"
    strap: float = 30.0
    pocket: bool = False
    details: tuple[str, ...] = ()


def _sleeves(board: Board, length: int, shoulder: Point) -> None:
    reach = SLEEVE_REACH[length]
    if not reach:
        return
    x, y = shoulder
    angle = math.radians(62 if length > 1 else 48)
    along, across = (math.cos(angle), math.sin(angle)), (-math.sin(angle), math.cos(angle))
    tip = (x + reach * along[0], y + reach * along[1])
    wide, narrow = 0.075, 0.055
    outline = [
        (x - 0.05, y - 0.01),
        (x + 0.01, y - 0.005),
        (tip[0] - narrow * across[0], tip[1] - narrow * across[1]),
        (tip[0] - narrow * across[0], tip[1] - narrow * across[1]),
        (tip[0] + narrow * across[0], tip[1] + narrow * across[1]),
        (tip[0] + narrow * across[0], tip[1] + narrow * across[1]),
        (x - 0.03 + wide * across[0], y + 0.06 + wide * across[1]),
    ]
    board.cloth_part(rounded(outline))
    board.cloth_part(rounded([(1 - u, v) for u, v in outline]))


def _patch_pocket(board: Board, centre: Point, width: float) -> None:
    x, y = centre
    half = width * 0.58
    outline = [(x - half, y - half), (x + half, y - half), (x + half, y + half * 0.6), (x, y + half)]
    outline.append((x - half, y + half * 0.6))
    board.part(outline, shade(board.cloth[0], -0.45 if sum(board.cloth[0]) > 300 else 0.45), board.seam_colour())
    board.line([(x - half, y - half * 0.6), (x + half, y - half * 0.6)], board.seam_colour())


def _t_shirt(board: Board, look: Look) -> Anchors:
    _sleeves(board, look.sleeve, (0.69, 0.2))
    body = [(0.57, 0.15), (0.57, 0.15), (0.71, 0.19), (0.72, 0.22), (0.68, 0.36), (0.69, 0.84), (0.69, 0.84)]
    board.cloth_part(rounded(mirrored(body)))
    board.part(arc((0.5, 0.15), 0.075, 0.06, 0, 180), shade(board.cloth[0], -0.45), board.seam_colour())
    if look.pocket:
        _patch_pocket(board, (0.59, 0.4), 0.12)
    return Anchors(
        front=((0.5, 0.24), (0.5, 0.42)),
        spot=(0.41, 0.55),
        bow=(0.5, 0.24),
        hem=((0.32, 0.84), (0.68, 0.84)),
        studs=((0.36, 0.74), (0.64, 0.74)),
    )


def _shirt(board: Board, look: Look) -> Anchors:
    _sleeves(board, look.sleeve, (0.69, 0.2))
    body = [
        (0.56, 0.14),
        (0.56, 0.14),
        (0.71, 0.19),
        (0.72, 0.22),
        (0.67, 0.36),
        (0.7, 0.78),
        (0.66, 0.86),
        (0.5, 0.83),
    ]
    board.cloth_part(rounded(mirrored(body)))
    seam = board.seam_colour()
    board.line([(0.475, 0.22), (0.475, 0.83)], seam)
    board.line([(0.525, 0.22), (0.525, 0.83)], seam)
    for side in (-1, 1):
        collar = [(0.5, 0.23), (0.5 + side * 0.075, 0.12), (0.5 + side * 0.115, 0.17), (0.5 + side * 0.07, 0.26)]
        board.part(collar, shade(board.cloth[0], 0.25), seam)
    if look.pocket:
        _patch_pocket(board, (0.61, 0.4), 0.12)
    return Anchors(
        front=((0.5, 0.29), (0.5, 0.8)),
        spot=(0.4, 0.56),
        bow=(0.5, 0.24),
        hem=((0.33, 0.85), (0.67, 0.85)),
        studs=((0.36, 0.72), (0.64, 0.72)),
    )


def _dress(board: Board, look: Look) -> Anchors:
    _sleeves(board, look.sleeve, (0.63, 0.16))
    body = [(0.56, 0.11), (0.56, 0.11), (0.65, 0.14), (0.66, 0.18), (0.62, 0.28), (0.595, 0.42), (0.7, 0.7)]
    board.cloth_part(rounded(mirrored([*body, (0.76, 0.91), (0.76, 0.91), (0.5, 0.94)])))
    board.part(arc((0.5, 0.11), 0.065, 0.075, 0, 180), shade(board.cloth[0], -0.45), board.seam_colour())
    for x in (0.42, 0.5, 0.58):
        board.line([(x, 0.5), (0.5 + (x - 0.5) * 2.0, 0.86)], board.seam_colour(), 0.005)
    band = [(0.395, 0.4), (0.605, 0.4), (0.605, 0.435), (0.395, 0.435)]
    board.part(band, shade(board.cloth[0], -0.3))
    if look.pocket:
        _patch_pocket(board, (0.61, 0.58), 0.1)
    return Anchors(
        front=((0.5, 0.22), (0.5, 0.38)),
        spot=(0.42, 0.66),
        bow=(0.5, 0.418),
        hem=((0.25, 0.91), (0.75, 0.91)),
        studs=((0.34, 0.8), (0.66, 0.8)),
    )


def _trousers(board: Board, look: Look) -> Anchors:
    outer = [(0.64, 0.1), (0.64, 0.1), (0.69, 0.36), (0.66, 0.92), (0.66, 0.92), (0.545, 0.92), (0.545, 0.92)]
    board.cloth_part(rounded(mirrored([*outer, (0.51, 0.42), (0.5, 0.4)])))
    board.part([(0.36, 0.1), (0.64, 0.1), (0.645, 0.15), (0.355, 0.15)], shade(board.cloth[0], -0.3))
    board.line([(0.5, 0.15), (0.5, 0.4)], board.seam_colour())
    for side in (-1, 1):
        board.line([(0.5 + side * 0.1, 0.42), (0.5 + side * 0.1, 0.9)], board.seam_colour(), 0.004)
    if look.pocket:
        _patch_pocket(board, (0.605, 0.52), 0.11)
    return Anchors(
        front=((0.5, 0.18), (0.5, 0.36)),
        spot=(0.4, 0.3),
        bow=(0.5, 0.13),
        hem=((0.345, 0.92), (0.455, 0.92)),
        studs=((0.36, 0.84), (0.64, 0.84)),
    )


def _skirt(board: Board, look: Look) -> Anchors:
    outer = [(0.62, 0.18), (0.62, 0.18), (0.68, 0.36), (0.8, 0.8), (0.8, 0.8), (0.5, 0.85)]
    board.cloth_part(rounded(mirrored(outer)))
    for x in (0.41, 0.47, 0.53, 0.59):
        board.line([(x, 0.24), (0.5 + (x - 0.5) * 2.6, 0.8)], board.seam_colour(), 0.005)
    board.part([(0.38, 0.17), (0.62, 0.17), (0.63, 0.23), (0.37, 0.23)], shade(board.cloth[0], -0.3))
    if look.pocket:
        _patch_pocket(board, (0.62, 0.45), 0.12)
    return Anchors(
        front=((0.5, 0.27), (0.5, 0.6)),
        spot=(0.4, 0.5),
        bow=(0.5, 0.2),
        hem=((0.22, 0.81), (0.78, 0.81)),
        studs=((0.3, 0.72), (0.7, 0.72)),
    )


# A shoe seen from the side: toe to the right, ground at y = 0.78.
GROUND = 0.78


def _heel(board: Board, lift: float, thick: float) -> list[Point]:
    """Sole and heel; returns the line on which the upper stands, from heel to toe."""
    back, ball, toe = 0.17, 0.6, 0.88
    top = GROUND - 0.035
    upper = [(back, top - lift), (back + 0.14, top - lift), (ball - 0.12, top - lift * 0.35), (ball, top), (toe, top)]
    sole = [*upper, (toe + 0.01, top + thick), (ball, top + thick)]
    sole += [(ball - 0.12, top + thick - lift * 0.35), (back + 0.14, top + thick - lift), (back, top + thick - lift)]
    board.part(sole, DARK if thick < 0.05 else SOLE, DARK)
    if lift:
        width = 0.15 - 0.3 * lift
        block = [(back, top - lift + thick), (back + 0.16, top - lift + thick), (back + 0.02 + width, top + thick)]
        board.part([*block, (back + 0.02, top + thick)], shade(board.cloth[0], -0.45), DARK)
    return upper


def _sneaker(board: Board, look: Look) -> Anchors:
    lift = HEEL_LIFT[look.heel] * 0.9
    line = _heel(board, lift, 0.07)
    y = line[0][1]
    top = [(0.87, GROUND - 0.07), (0.84, GROUND - 0.14), (0.7, GROUND - 0.2), (0.52, y - 0.26), (0.46, y - 0.31)]
    board.cloth_part(
        rounded([*line, *line[-1:], *top, (0.4, y - 0.24), (0.25, y - 0.26), (0.17, y - 0.3), (0.16, y - 0.12)])
    )
    cap = [(0.88, GROUND - 0.035), (0.855, GROUND - 0.13), (0.77, GROUND - 0.12), (0.75, GROUND - 0.035)]
    board.part(rounded(cap, 1), SOLE, DARK)
    for step in range(4):
        x, height = 0.5 + 0.055 * step, y - 0.235 + step * (GROUND - 0.18 - (y - 0.235)) / 4
        board.line([(x - 0.03, height - 0.035), (x + 0.035, height + 0.045)], (250, 250, 250), 0.014)
    return _shoe_anchors(y, collar=y - 0.27)


def _boot(board: Board, look: Look) -> Anchors:
    line = _heel(board, HEEL_LIFT[look.heel], 0.035)
    y = line[0][1]
    top = [(0.89, GROUND - 0.08), (0.82, GROUND - 0.15), (0.66, GROUND - 0.2), (0.5, y - 0.24), (0.46, y - 0.34)]
    shaft = max(0.1, y - 0.58)
    board.cloth_part(
        rounded([*line, *line[-1:], *top, (0.47, shaft), (0.47, shaft), (0.18, shaft), (0.18, shaft), (0.2, y - 0.2)])
    )
    board.part(
        [(0.17, shaft), (0.48, shaft), (0.48, shaft + 0.045), (0.17, shaft + 0.045)], shade(board.cloth[0], -0.3)
    )
    return _shoe_anchors(y, collar=shaft + 0.02)


def _sandal(board: Board, look: Look) -> Anchors:
    line = _heel(board, HEEL_LIFT[look.heel], 0.04)
    y = line[0][1]
    straps = (
        [(0.64, GROUND - 0.035), (0.68, GROUND - 0.14), (0.75, GROUND - 0.14), (0.8, GROUND - 0.035)],
        [(0.4, y - 0.25), (0.47, y - 0.25), (0.74, GROUND - 0.13), (0.68, GROUND - 0.1)],
        [(0.17, y), (0.15, y - 0.26), (0.23, y - 0.26), (0.26, y)],
        [(0.15, y - 0.26), (0.3, y - 0.29), (0.47, y - 0.25), (0.47, y - 0.19), (0.3, y - 0.22), (0.15, y - 0.2)],
    )
    for strap in straps:
        board.cloth_part(strap)
    return _shoe_anchors(y, collar=y - 0.26, front=0.2, spot=(0.57, (y + GROUND) / 2 - 0.16), hem=(0.17, 0.45))


def _pump(board: Board, look: Look) -> Anchors:
    line = _heel(board, HEEL_LIFT[look.heel], 0.025)
    y = line[0][1]
    top = [(0.9, GROUND - 0.06), (0.82, GROUND - 0.15), (0.7, GROUND - 0.19), (0.62, GROUND - 0.17)]
    waist = [(0.52, (y + GROUND) / 2 - 0.1), (0.36, y - 0.07), (0.26, y - 0.16), (0.17, y - 0.22), (0.14, y - 0.12)]
    board.cloth_part(rounded([*line, *line[-1:], *top, *waist]))
    return _shoe_anchors(y, collar=y - 0.18, front=0.21, spot=(0.66, GROUND - 0.1), hem=(0.17, 0.3))


def _shoe_anchors(
    base: float,
    collar: float,
    *,
    front: float = 0.29,
    spot: Point | None = None,
    hem: tuple[float, float] = (0.18, 0.44),
) -> Anchors:
    return Anchors(
        front=((front, collar + 0.04), (front, base - 0.03)),
        spot=spot or (0.42, (base + GROUND) / 2 - 0.11),
        bow=(0.72, GROUND - 0.17),
        hem=((hem[0], collar), (hem[1], collar)),
        studs=((0.5, GROUND - 0.065), (0.84, GROUND - 0.065)),
    )


def _strap(board: Board, left: Point, right: Point, height: float, width: float = 0.028) -> None:
    centre = ((left[0] + right[0]) / 2, (left[1] + right[1]) / 2)
    curve = arc(centre, (right[0] - left[0]) / 2, height, 180, 360)
    board.line(curve, shade(board.cloth[0], -0.5), width + 0.01)
    board.line(curve, shade(board.cloth[0], -0.2), width)


def _close(board: Board, closure: str, top: float, half: float) -> None:
    """The closure of a bag: what its upper edge looks like."""
    left, right = 0.5 - half, 0.5 + half
    dark = shade(board.cloth[0], -0.5)
    if closure == "zip":
        board.line([(left + 0.02, top + 0.035), (right - 0.02, top + 0.035)], DARK, 0.03)
        for step in range(12):
            x = left + 0.04 + (2 * half - 0.08) * step / 11
            board.line([(x, top + 0.022), (x, top + 0.048)], METAL, 0.008)
        board.part(
            [
                (right - 0.07, top + 0.03),
                (right - 0.04, top + 0.03),
                (right - 0.045, top + 0.11),
                (right - 0.065, top + 0.11),
            ],
            METAL,
        )
    elif closure == "flap":
        flap = [
            (left - 0.01, top),
            (right + 0.01, top),
            (right - 0.02, top + 0.2),
            (0.5, top + 0.27),
            (left + 0.02, top + 0.2),
        ]
        board.part(rounded(flap, 1), shade(board.cloth[0], -0.28), dark)
        board.dot((0.5, top + 0.2), 0.028, METAL, METAL_EDGE)
    elif closure == "drawstring":
        for step in range(9):
            x = left + 0.03 + (2 * half - 0.06) * step / 8
            board.line([(x, top), (x, top + 0.075)], dark, 0.007)
        board.line([(left, top + 0.05), (right, top + 0.05)], (245, 238, 215), 0.018)
        for side in (-1, 1):
            board.line([(0.5, top + 0.05), (0.5 + side * 0.06, top + 0.2)], (245, 238, 215), 0.016)
            board.dot((0.5 + side * 0.06, top + 0.21), 0.018, (245, 238, 215), DARK)
    else:
        board.part(arc((0.5, top + 0.012), half - 0.01, 0.035, 0, 360), shade(board.cloth[0], -0.65), dark)


def _bag_anchors(top: float, bottom: float, half: float) -> Anchors:
    return Anchors(
        front=((0.5, top + 0.3), (0.5, bottom - 0.04)),
        spot=(0.5 - half * 0.55, bottom - 0.13),
        bow=(0.5 + half * 0.5, top + 0.12),
        hem=((0.5 - half * 0.92, bottom), (0.5 + half * 0.92, bottom)),
        studs=((0.5 - half * 0.8, bottom - 0.045), (0.5 + half * 0.8, bottom - 0.045)),
    )


def _handbag(board: Board, look: Look) -> Anchors:
    top, bottom, half = 0.46, 0.84, 0.25
    _strap(board, (0.34, top + 0.02), (0.66, top + 0.02), look.strap / 150)
    outline = [
        (0.5 + half, top),
        (0.5 + half, top),
        (0.5 + half + 0.08, bottom - 0.05),
        (0.5 + half + 0.05, bottom),
        (0.5, bottom),
    ]
    board.cloth_part(rounded(mirrored(outline)))
    _close(board, look.closure, top, half)
    return _bag_anchors(top, bottom, half)


def _tote(board: Board, look: Look) -> Anchors:
    top, bottom, half = 0.42, 0.92, 0.22
    _strap(board, (0.36, top + 0.05), (0.5, top + 0.05), look.strap / 150)
    _strap(board, (0.5, top + 0.05), (0.64, top + 0.05), look.strap / 150)
    corner = (0.5 + half - 0.01, bottom)
    board.cloth_part(mirrored([(0.5 + half, top), corner]))
    _close(board, look.closure, top, half)
    return _bag_anchors(top, bottom, half)


def _backpack(board: Board, look: Look) -> Anchors:
    top, bottom, half = 0.26, 0.84, 0.22
    _strap(board, (0.43, top + 0.03), (0.57, top + 0.03), 0.09)
    drop = top + 0.14 + look.strap / 125
    for side in (-1, 1):
        loop = [
            (0.5 + side * half * 0.8, top + 0.08),
            (0.5 + side * (half + 0.12), top + 0.2),
            (0.5 + side * (half + 0.1), drop),
            (0.5 + side * half * 0.8, drop + 0.03),
        ]
        board.line(loop, shade(board.cloth[0], -0.5), 0.05)
        board.line(loop, shade(board.cloth[0], -0.2), 0.038)
    outline = [
        (0.5, top - 0.02),
        (0.5 + half, top),
        (0.5 + half, top + 0.1),
        (0.5 + half + 0.02, bottom),
        (0.5, bottom),
    ]
    board.cloth_part(rounded(mirrored(outline)))
    lower = [(0.5 + half * 0.7, 0.6), (0.5 + half * 0.75, bottom - 0.03), (0.5, bottom - 0.02)]
    board.part(
        rounded(mirrored(lower)),
        shade(board.cloth[0], -0.15 if sum(board.cloth[0]) > 200 else 0.2),
        board.seam_colour(),
    )
    _close(board, look.closure, top + 0.1, half)
    return _bag_anchors(top, bottom, half)


DRAWERS: Mapping[str, Callable[[Board, Look], Anchors]] = {
    "t-shirt": _t_shirt,
    "shirt": _shirt,
    "dress": _dress,
    "trousers": _trousers,
    "skirt": _skirt,
    "sneaker": _sneaker,
    "boot": _boot,
    "sandal": _sandal,
    "pump": _pump,
    "handbag": _handbag,
    "tote": _tote,
    "backpack": _backpack,
}
