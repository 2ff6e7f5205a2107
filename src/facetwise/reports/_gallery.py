"""Pictures with what the model says of them: a page, or one large picture."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from facetwise.decisions import Explained
from facetwise.errors import ImageError
from facetwise.images import decode, fit, quiet_decoder, read_bytes
from facetwise.inference import Cell
from facetwise.reports._cards import cards_style
from facetwise.reports._page import page, text
from facetwise.reports._regions import REGION_STYLE, region_figures

__all__ = ["Shown", "choose_shown", "gallery_page", "gallery_png"]

_SIDE = 168
_VALUES = 10
_STYLE = cards_style("row", least=11, side=_SIDE)

_WIDE = ".row { grid-template-columns: repeat(auto-fill, minmax(min(100%, 17rem), 1fr)); }"
_REGIONS = (
    '<p class="small soft">Small pictures: where an answer comes from. What stays bright costs the answer most support '
    "when it is hidden, and what is dimmed costs little; “hidden” is how sure the model stays without the brightest "
    "part. It shows what this model uses, not why. Parts that say the same thing twice can each be hidden without "
    "loss, and marks much smaller than a sixteenth of the picture do not show.</p>"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One picture of the gallery.

    Args:
        image: Its name.
        source: What `decode` reads: a path.
        under: The class that it is shown under.
        cells: What the model says of it, by column.
        explained: Where in it the answers of some attributes come from; None where nobody asked.
    """

    image: str
    source: Any
    under: str
    cells: Mapping[str, Cell]
    explained: Explained | None = None


def choose_shown(
    rows: Sequence[Mapping[str, Any]], sources: Sequence[Any], column: str, *, classes: int, per_class: int
) -> list[Shown]:
    """The surest pictures of the classes that are given most often, class by class.

    Args:
        rows: Of `Answers`.
        sources: Per row where the picture is; None where it is nowhere.
        column: The attribute whose value a picture is shown under.
        classes: How many of its classes.
        per_class: Pictures of each.
    """
    found: dict[str, list[tuple[float, int]]] = {}
    for place, row in enumerate(rows):
        cell = row.get(column)
        if row["issue"] is None and sources[place] is not None and cell is not None:
            found.setdefault(_said(cell), []).append((-(cell.confidence or 0.0), place))
    most = sorted(found, key=lambda name: -len(found[name]))[:classes]
    return [
        Shown(
            image=str(rows[place]["image"]), source=sources[place], under=name,
            cells={key: value for key, value in rows[place].items() if isinstance(value, Cell)},
        )
        for name in most
        for _, place in sorted(found[name])[:per_class]
    ]  # fmt: skip


def _said(cell: Cell) -> str:
    if cell.state == "abstained":
        return "?"
    if cell.state == "not_applicable":
        return "does not apply"
    if isinstance(cell.value, list):
        return ", ".join(cell.value) or "none of them"
    return f"{cell.value:.4g}" if isinstance(cell.value, float) else str(cell.value)


def _sure(cell: Cell) -> str:
    return "" if cell.confidence is None else f"{100 * cell.confidence:.0f} %"


def _drawn(source: Any) -> Image.Image | None:
    try:
        return Image.fromarray(fit(decode(read_bytes(source), draft=_SIDE), size=_SIDE, mode="pad"))
    except ImageError:
        return None


def _told(shown: Shown) -> list[tuple[str, str, str]]:
    """(column, value, confidence) of the cells that apply, the surest first."""
    cells = [(column, cell) for column, cell in shown.cells.items() if cell.state != "not_applicable"]
    cells.sort(key=lambda one: -(one[1].confidence or 0.0))
    return [(column, _said(cell), _sure(cell)) for column, cell in cells]


def gallery_page(name: str, column: str, chosen: Sequence[Shown]) -> str:
    """The page: a heading per class, its pictures below, what does not apply left out.

    Args:
        name: Of the run.
        column: What the pictures are ordered by.
        chosen: From `choose_shown`.
    """
    from base64 import b64encode

    parts, under = [], None
    with quiet_decoder():
        for one in chosen:
            if one.under != under:
                parts.append(("</div>" if under is not None else "") + f'<h2>{text(one.under)}</h2><div class="row">')
                under = one.under
            picture, sink = _drawn(one.source), BytesIO()
            drawn = '<p class="small warn">cannot be shown</p>'
            if picture is not None:
                picture.save(sink, format="JPEG", quality=82)
                data = b64encode(sink.getvalue()).decode("ascii")
                size, alt = f'width="{_SIDE}" height="{_SIDE}"', text(one.image)
                drawn = f'<img src="data:image/jpeg;base64,{data}" {size} alt="{alt}">'
            lines = [
                f'<dt>{text(key)}</dt><dd>{text(value)} <span class="soft">{sure}</span></dd>'
                for key, value, sure in _told(one)
            ]
            rest, more = lines[_VALUES:], ""
            if rest:
                more = f"<details><summary>{len(rest)} more</summary><dl>{''.join(rest)}</dl></details>"
            regions = "" if one.explained is None else region_figures(one.explained)
            parts.append(
                f'<article class="item">{drawn}<span class="small soft">{text(one.image, longest=60)}</span>{regions}'
                f"<dl>{''.join(lines[:_VALUES])}</dl>{more}</article>"
            )
    body = f"<h1>{text(name)}</h1><p>{len(chosen):,} pictures with what the model says, by {text(column)}.</p>"
    style = _STYLE
    if any(one.explained is not None for one in chosen):
        body, style = body + _REGIONS, style + REGION_STYLE + _WIDE
    if not chosen:
        body += "<p>None of the pictures can be shown: each was unreadable, or is not there any more.</p>"
    return page(f"gallery of {name}", body + "\n".join(parts) + ("</div>" if parts else ""), style=style)


def gallery_png(chosen: Sequence[Shown], *, per_row: int, lines: int = 5) -> bytes:
    """The same as one picture: a grid, below each the surest values.

    Args:
        chosen: From `choose_shown`.
        per_row: Pictures side by side.
        lines: Values below each.
    """
    font = ImageFont.load_default(size=12)
    wide, tall, edge = _SIDE + 16, _SIDE + 22 + 16 * lines, 12
    rows = max(1, -(-len(chosen) // per_row))
    sheet = Image.new("RGB", (per_row * wide + edge, rows * tall + edge), "white")
    draw = ImageDraw.Draw(sheet)
    with quiet_decoder():
        for place, one in enumerate(chosen):
            left, top = edge + place % per_row * wide, edge + place // per_row * tall
            picture = _drawn(one.source)
            if picture is None:
                draw.rectangle((left, top, left + _SIDE, top + _SIDE), fill="#dddddd")
            else:
                sheet.paste(picture, (left, top))
            for line, (column, value, sure) in enumerate(_told(one)[:lines]):
                words = _cut(draw, font, f"{column}: {value} {sure}".strip(), _SIDE)
                draw.text((left, top + _SIDE + 4 + 16 * line), words, fill="#1d1d1b", font=font)
    sink = BytesIO()
    sheet.save(sink, format="PNG", optimize=True)
    return sink.getvalue()


def _cut(draw: ImageDraw.ImageDraw, font: Any, words: str, width: int) -> str:
    """The letters that fit, without line breaks and marks that turn text around."""
    from html import unescape

    plain = unescape(text(words, longest=80))
    if draw.textlength(plain, font=font) <= width:
        return plain
    fits = [n for n in range(len(plain)) if draw.textlength(plain[:n] + "…", font=font) <= width]
    return plain[: int(np.max(fits, initial=0))] + "…"
