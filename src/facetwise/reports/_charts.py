"""Small line charts as inline pictures: drawn by the page's own styles, so that they are light and dark with it."""

from collections.abc import Sequence
from dataclasses import dataclass

from facetwise.reports._page import text

__all__ = ["CHART_STYLE", "Line", "chart", "depth_bars", "score_bar"]

_LEFT, _TOP, _RIGHT, _BOTTOM = 46, 8, 8, 30

CHART_STYLE = """
.chart { width: 100%; max-width: 20rem; height: auto; display: block; margin: 0; }
.chart text { fill: var(--soft); font-size: 10px; }
.chart .axis { stroke: var(--line); fill: none; } .chart .ideal { stroke: var(--empty); stroke-dasharray: 4 3; }
.chart .first { stroke: var(--train); fill: none; stroke-width: 2; stroke-linejoin: round; }
.chart .second { stroke: var(--absent); fill: none; stroke-width: 2; stroke-linejoin: round; }
.chart circle.first { fill: var(--train); stroke: none; } .chart circle.second { fill: var(--absent); stroke: none; }
.range { position: relative; display: block; height: .8rem; min-width: 2.5rem; background: var(--track);
  border-radius: 2px; overflow: hidden; }
.range i { position: absolute; top: 0; bottom: 0; left: 0; background: var(--train); border-radius: 2px 0 0 2px; }
.range b { position: absolute; top: 0; bottom: 0; width: 2px; background: var(--ink); opacity: .55; }
.range u { position: absolute; top: .3rem; height: .2rem; background: var(--paper); opacity: .65; }
figure { margin: 0; min-width: 0; } figcaption { font-size: .8rem; font-weight: 600; margin-bottom: .25rem; }
figure .note { font-size: .78rem; line-height: 1.4; color: var(--soft); margin: .15rem 0 0; max-width: 20rem; }
.dot { display: inline-block; width: .6rem; height: .6rem; border-radius: 50%; margin: 0 .3rem 0 .1rem; }
.depths { display: grid; grid-template-columns: auto minmax(3rem, 1fr) auto; gap: .1rem .5rem; font-size: .8rem;
  align-items: center; max-width: 20rem; }
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a chart.

    Args:
        points: (x, y) in the chart's own units.
        name: Style: first, second or ideal.
        dots: Sizes of dots at the points, by their area; none without.
    """

    points: Sequence[tuple[float, float]]
    name: str = "first"
    dots: Sequence[float] = ()


def _figure(value: float) -> str:
    """An end of an axis in at most six letters: there is no room for more beside a small chart."""
    if abs(value) >= 1000:
        return f"{value:,.0f}" if abs(value) < 10_000 else f"{value:.0e}"
    return f"{value:.2g}" if value == 0 or abs(value) >= 0.001 else f"{value:.1g}"


def chart(
    caption: str,
    lines: Sequence[Line],
    *,
    x: str,
    y: str,
    across: tuple[float, float] = (0.0, 1.0),
    up: tuple[float, float] = (0.0, 1.0),
    width: int = 260,
    height: int = 170,
    note: str = "",
) -> str:
    """A chart with its caption above it, axes named, ends numbered.

    Args:
        caption: What it shows in a few words, so that charts side by side begin at one height; any text.
        lines: Drawn one over the other.
        x, y: What the axes are.
        across, up: Ends of the axes.
        width, height: Units of the drawing, which is as wide as there is room.
        note: What it comes to, below it: HTML whose texts went through `text`.
    """
    inside, tall = width - _LEFT - _RIGHT, height - _TOP - _BOTTOM

    def place(point: tuple[float, float]) -> tuple[float, float]:
        right = (point[0] - across[0]) / ((across[1] - across[0]) or 1.0)
        high = (point[1] - up[0]) / ((up[1] - up[0]) or 1.0)
        return _LEFT + inside * min(1.0, max(0.0, right)), _TOP + tall * (1.0 - min(1.0, max(0.0, high)))

    parts = [f'<path class="axis" d="M{_LEFT} {_TOP}V{_TOP + tall}H{width - _RIGHT}"/>']
    for line in lines:
        spots = [place(point) for point in line.points]
        if len(spots) > 1:
            way = " ".join(f"{left:.1f},{top:.1f}" for left, top in spots)
            parts.append(f'<polyline class="{line.name}" points="{way}"/>')
        most = max(line.dots, default=1.0)
        for (left, top), size in zip(spots, line.dots, strict=False):
            radius = 1.5 + 3.5 * (size / most) ** 0.5
            parts.append(f'<circle class="{line.name}" cx="{left:.1f}" cy="{top:.1f}" r="{radius:.1f}"/>')
        if len(spots) == 1 and not line.dots:
            parts.append(f'<circle class="{line.name}" cx="{spots[0][0]:.1f}" cy="{spots[0][1]:.1f}" r="2.5"/>')
    bottom, told = height - _BOTTOM, f'<p class="note">{note}</p>' if note else ""
    parts += [
        f'<text x="{_LEFT - 4}" y="{_TOP + 8}" text-anchor="end">{_figure(up[1])}</text>',
        f'<text x="{_LEFT - 4}" y="{bottom}" text-anchor="end">{_figure(up[0])}</text>',
        f'<text x="{_LEFT}" y="{bottom + 12}">{_figure(across[0])}</text>',
        f'<text x="{width - _RIGHT}" y="{bottom + 12}" text-anchor="end">{_figure(across[1])}</text>',
        f'<text x="{_LEFT + inside / 2}" y="{bottom + 24}" text-anchor="middle">{text(x)}</text>',
        f'<text class="up" x="10" y="{_TOP + tall / 2}" text-anchor="middle" '
        f'transform="rotate(-90 10 {_TOP + tall / 2})">{text(y)}</text>',
    ]
    return (
        f"<figure><figcaption>{text(caption, longest=200)}</figcaption>"
        f'<svg class="chart" viewBox="0 0 {width} {height}" role="img" aria-label="{text(caption, longest=200)}">'
        f"{''.join(parts)}</svg>{told}</figure>"
    )


def score_bar(value: float | None, *, floor: float | None = None, interval: Sequence[float] | None = None) -> str:
    """A bar from 0 to 1, with a mark where guessing would be and a pale stripe for the interval.

    >>> score_bar(0.5)
    '<span class="range"><i style="width:50%"></i></span>'
    """
    parts = [] if value is None else [f'<i style="width:{100 * min(1.0, max(0.0, value)):.4g}%"></i>']
    if interval:
        low, high = (min(1.0, max(0.0, end)) for end in interval)
        parts.append(f'<u style="left:{100 * low:.4g}%;width:{100 * (high - low):.4g}%"></u>')
    if floor is not None:
        parts.append(f'<b style="left:{100 * min(1.0, max(0.0, floor)):.4g}%"></b>')
    return f'<span class="range">{"".join(parts)}</span>'


def depth_bars(levels: Sequence[tuple[str, float]]) -> str:
    """Per level a bar as long as the loss that its shuffling adds, against the largest of them."""
    most = max((added for _, added in levels), default=0.0)
    if most <= 0:
        return '<p class="small soft">No depth is missed when it is shuffled.</p>'
    rows = "".join(
        f"<span>{text(name)}</span>{score_bar(max(0.0, added) / most)}"
        f'<span class="number soft">+{max(0.0, added):.3f}</span>'
        for name, added in levels
    )
    return f'<div class="depths">{rows}</div>'
