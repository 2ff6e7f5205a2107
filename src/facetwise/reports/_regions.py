"""A region over its picture: where the answer comes from stays bright, the rest is dimmed."""

from base64 import b64encode
from io import BytesIO

import numpy as np
from PIL import Image

from facetwise.decisions import Explained, Region
from facetwise.reports._page import text

__all__ = ["REGION_STYLE", "draw_region", "region_figures"]

SHOWN = 112
# What is dimmed goes this far towards this colour: near enough that the picture is still seen, and on a white ground as
# on a black one what is bright stands out. Colours of what is bright are left as they are: they may be the evidence.
_DIMMED, _TOWARDS = 0.78, (38, 42, 52)

REGION_STYLE = f"""
.regions {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(6rem, 1fr)); gap: .5rem;
  margin: .4rem 0; padding-top: .5rem; border-top: 1px solid var(--line); }}
.regions figure {{ margin: 0; min-width: 0; }}
.regions img {{ display: block; width: 100%; max-width: {SHOWN}px; height: auto; margin: 0; border-radius: 4px; }}
.regions figcaption {{ font-weight: 400; font-size: .74rem; line-height: 1.3; margin: .2rem 0 0; }}
"""


def draw_region(pixels: np.ndarray, region: Region) -> Image.Image:
    """A picture dimmed where hiding it does not matter, in proportion to the greatest heat.

    Args:
        pixels: (side, side, 3) uint8.
        region: Of the same picture.
    """
    if region.faint:
        share = np.zeros(pixels.shape[:2])
    else:
        cells = Image.fromarray(np.clip(region.heat / region.heat.max(), 0.0, 1.0).astype(np.float32))
        share = np.clip(np.asarray(cells.resize(pixels.shape[1::-1], Image.Resampling.BICUBIC)), 0.0, 1.0)
    dimmed = (_DIMMED * (1.0 - share))[..., None]
    drawn = pixels * (1.0 - dimmed) + np.array(_TOWARDS) * dimmed
    return Image.fromarray(np.round(drawn).astype(np.uint8))


def _said(region: Region) -> str:
    value = region.value
    if value is None:
        return "does not apply"
    if isinstance(value, list):
        return ", ".join(value) or "none of them"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _verdict(region: Region) -> str:
    if region.chance is None or region.lowest is None:
        return f"{region.heat.max():.3g} less when hidden" if region.heat.max() > 0 else "no part adds to it"
    if region.faint:
        return f"{100 * region.chance:.0f}\u00a0%, and no single part decides it"
    return f"{100 * region.chance:.0f}\u00a0%, hidden {100 * region.lowest:.0f}\u00a0%"


def region_figures(explained: Explained) -> str:
    """One small picture per attribute, as HTML."""
    drawn = []
    for region in explained.regions.values():
        sink = BytesIO()
        small = draw_region(explained.pixels, region).resize((SHOWN, SHOWN), Image.Resampling.LANCZOS)
        small.save(sink, format="JPEG", quality=82)
        data = b64encode(sink.getvalue()).decode("ascii")
        name = text(f"where {region.column} comes from", longest=120)
        drawn.append(
            f'<figure><img src="data:image/jpeg;base64,{data}" width="{SHOWN}" height="{SHOWN}" alt="{name}">'
            f"<figcaption><b>{text(region.column)}</b> {text(_said(region))} "
            f'<span class="soft">{_verdict(region)}</span></figcaption></figure>'
        )
    return f'<div class="regions">{"".join(drawn)}</div>' if drawn else ""
