"""An audit as one page: what was found, how far each attribute's order can be trusted, the first of the queue."""

from pathlib import Path

import numpy as np

from facetwise.reports import Pictures, page, text, thumbnails
from facetwise.studies._audit import Audit
from facetwise.studies._findings import KINDS, Finding

__all__ = ["MOST_SHOWN", "audit_page"]

# Entries with a picture: some 5 kB each, so that the page stays at one or two megabytes.
MOST_SHOWN = 200
_STYLE = """
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 15rem), 1fr)); gap: .75rem; }
.card { display: grid; grid-template-columns: 6rem 1fr; gap: .75rem; padding: .6rem; background: var(--panel);
  border-radius: 6px; }
.card img, .card .none { width: 6rem; height: 6rem; border-radius: 4px; object-fit: cover; background: var(--track); }
.card p { margin: 0; line-height: 1.35; } .old { text-decoration: line-through; color: var(--warn); }
.new { font-weight: 600; }
"""


def _card(one: Finding, picture: str | None) -> str:
    seen = f'<img src="{picture}" alt="{text(one.image)}">' if picture else '<span class="none"></span>'
    chance = "" if one.chance is None else f' <span class="soft">{100 * one.chance:.0f} %</span>'
    # Nothing is struck out where nothing is proposed in its place.
    old = f'<span class="old">{text(one.old)}</span>' if one.new else text(one.old)
    change = f'<p>{old} <span class="new">{text(one.new)}</span></p>'
    return (
        f'<div class="card">{seen}<div><p><b>{text(one.attribute or "picture")}</b>{chance}</p>'
        f"{change if one.attribute else ''}"
        f'<p class="small">{text(KINDS[one.kind])}</p><p class="small soft">{text(one.why)}</p>'
        f'<p class="small soft">row {one.row + 1}: {text(one.image)}</p></div></div>'
    )


def _some(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _attributes(found: Audit) -> str:
    rows = []
    for one in found.attributes:
        name = f"{one.column}: {one.label}" if one.label else one.column
        listed = int((one.found.chance >= 0.5).sum())
        rows.append(
            f'<tr><td class="name">{text(name)}</td><td class="number optional">{len(one.rows):,}</td>'
            f'<td class="number">{100 * one.found.wrong:.1f} %</td><td class="number">{listed:,}</td>'
            f'<td class="number">{one.found.found:.2f}</td>'
            f'<td class="number optional">{100 * one.found.confident:.1f} %</td></tr>'
        )
    skipped = "".join(
        f'<p class="soft">Not judged, {text(why)}: '
        f"{', '.join(text(name) for name, own in found.skipped.items() if own == why)}.</p>"
        for why in dict.fromkeys(found.skipped.values())
    )
    return (
        '<div class="wide"><table><thead><tr><th>attribute</th><th class="number optional">labels</th>'
        '<th class="number">wrong, at most about</th><th class="number">more likely wrong than not</th>'
        '<th class="number">planted errors found</th>'
        '<th class="number optional">confident learning</th></tr></thead><tbody>'
        + "".join(rows)
        + "</tbody></table></div>"
        + '<p class="small soft">Planted errors found: average precision with which labels that the audit flipped in '
        "mind (5 %, evenly to other classes) are ranked first; labels that are wrong already stand in their way. "
        "Near 1 the head of the queue can be trusted; near 0 the pictures do not show this attribute well enough to "
        "judge single labels. Errors that people make between similar classes are harder to find than these.</p>"
        + skipped
    )


def _pictures(found: Audit, shown: list[Finding]) -> dict[int, str]:
    rows = np.unique([one.row for one in shown]).astype(np.int64)
    if not len(rows) or not found.about:
        return {}
    how = Pictures(root=Path(found.folder), **found.about)
    seen = thumbnails(found.table, found.schema, np.arange(len(found.table)), rows, how, bad={})
    return {one.place: one.data for one in seen}


def audit_page(found: Audit, *, most: int = MOST_SHOWN) -> str:
    """The page.

    Args:
        found: The audit.
        most: Entries of the queue that are shown; the CSV file has all.
    """
    cells = [one for one in found.queue if one.attribute]
    bare = [one for one in found.queue if not one.attribute]
    shown = cells[:most] + bare[: max(0, most - len(cells[:most])) + 40]
    pictures = _pictures(found, shown)
    counts = "".join(
        f'<tr><td>{text(KINDS[kind])}</td><td class="number">{count:,}</td></tr>'
        for kind, count in found.counts().items()
    )

    def cards(some: list[Finding]) -> str:
        return f'<div class="cards">{"".join(_card(one, pictures.get(one.row)) for one in some)}</div>'

    parts = [
        f"<h1>Audit of {text(Path(found.table.name).name)}</h1>",
        f'<p class="soft">{len(found.table):,} rows, {len(found.schema.attributes)} attributes, '
        f"{_some(len(cells), 'cell')} and {_some(len(bare), 'picture')} to look at. Go through queue.csv, write "
        "yes under <i>accept</i> where you agree, and train with <code>--corrections queue.csv</code>.</p>",
        f'<h2>What was found</h2><div class="wide"><table class="narrow"><tbody>{counts}</tbody></table></div>'
        if counts
        else "",
        f"<h2>Attributes</h2>{_attributes(found)}",
    ]
    if cells:
        first = f"the first {min(most, len(cells)):,} of {len(cells):,}"
        parts.append(f'<h2>Cells, the most probably wrong first</h2><p class="soft">{first}</p>')
        parts.append(cards(cells[:most]))
    if bare:
        parts.append(f"<h2>Pictures</h2>{cards([one for one in shown if not one.attribute])}")
    return page(f"audit of {Path(found.table.name).name}", "".join(parts), style=_STYLE)
