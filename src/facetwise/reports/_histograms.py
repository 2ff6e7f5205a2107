"""Counts of an attribute as bars: classes one below the other, numbers in bins side by side."""

import numpy as np

from facetwise.reports._counts import Binned, Counted
from facetwise.reports._page import bar, share, text
from facetwise.schema import Kind

__all__ = ["HISTOGRAM_STYLE", "MOST_CLASSES", "MOST_DRAWN", "histograms", "overview"]

# Classes with a bar of their own. Further ones are counted in one line.
MOST_CLASSES = 15
# Attributes with a histogram; so that a thousand of them make a page that still opens.
MOST_DRAWN = 200
_BIN, _HEIGHT = 12, 64

HISTOGRAM_STYLE = """
.attributes { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 21rem), 1fr)); gap: 1rem;
  align-items: start; }
.attribute { background: var(--panel); border: 1px solid var(--line); border-radius: 6px; padding: .7rem .8rem;
  min-width: 0; }
.classes { display: grid; grid-template-columns: minmax(4rem, 2fr) minmax(3rem, 3fr) auto auto; gap: .1rem .6rem;
  align-items: center; margin-top: .5rem; font-size: .85rem; line-height: 1.35; }
.classes .head { font-size: .75rem; color: var(--soft); }
.key { display: inline-block; width: .7rem; height: .7rem; border-radius: 2px; margin: 0 .25rem 0 .6rem; }
svg { display: block; width: 100%; height: 5rem; margin-top: .6rem; } svg rect { fill: var(--train); }
.ends { display: flex; justify-content: space-between; gap: .5rem; }
"""


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) and abs(value) < 1e9 else f"{value:.6g}"


def _shown(counted: Counted) -> list[int]:
    """The classes that get a bar: the most frequent, in the order of frequency; those with an order keep it."""
    total = counted.classes[:, 0]
    # Sorting is stable, so classes that occur equally often keep the schema's order.
    chosen = np.argsort(-total, kind="stable")[:MOST_CLASSES].tolist()
    return sorted(chosen) if counted.attribute.kind in (Kind.ORDINAL, Kind.BINARY) else chosen


def _class_bars(counted: Counted) -> str:
    cells, chosen = counted.classes, _shown(counted)
    most = max(1, int(cells[:, 0].max()))
    lines = ['<span class="head">class</span><span></span><span class="head number">train</span>']
    lines.append('<span class="head number">val · test</span>')
    for place in chosen:
        train, *others = cells[place].tolist()
        warn = "" if train else " warn"
        lines.append(
            f"<span>{text(counted.attribute.classes[place])}</span>{bar((train / most, ''))}"
            f'<span class="number{warn}">{train:,}</span>'
            f'<span class="number soft">{" · ".join(f"{count:,}" for count in others)}</span>'
        )
    rest = ""
    if more := len(cells) - len(chosen):
        left = int(cells[:, 0].sum() - cells[chosen, 0].sum())
        words = f"{more:,} more {'class' if more == 1 else 'classes'}, {left:,} {'cell' if left == 1 else 'cells'}"
        rest = f'<p class="small soft">{words}</p>'
    return f'<div class="classes">{"".join(lines)}</div>{rest}'


def _number_bars(numbers: Binned, unit: str) -> str:
    """Bins as an inline picture, each with its count as a tooltip."""
    most = max(numbers.counts)
    bars = []
    for place, count in enumerate(numbers.counts):
        # A bin with one cell among a million is not empty, and does not look it.
        height = max(1.0, round(_HEIGHT * count / most, 1)) if count else 0.0
        bars.append(
            f'<rect x="{place * _BIN}" y="{_HEIGHT - height:g}" width="{_BIN - 1}" height="{height:g}">'
            f"<title>{count:,} cells</title></rect>"
        )
    width = len(numbers.counts) * _BIN
    scale = ", logarithmic scale" if numbers.logarithmic else ""
    label = f"{len(numbers.counts)} bins from {_number(numbers.low)} to {_number(numbers.high)}{scale}"
    said = f" {text(unit)}" if unit else ""
    return (
        f'<svg viewBox="0 0 {width} {_HEIGHT}" preserveAspectRatio="none" role="img" aria-label="{label}">'
        f"{''.join(bars)}</svg>"
        f'<p class="small soft ends"><span>{_number(numbers.low)}{said}</span>'
        f"<span>median {_number(numbers.middle)}{said}{scale}</span><span>{_number(numbers.high)}{said}</span></p>"
    )


def _facts(counted: Counted) -> str:
    said = [str(counted.attribute.kind), f"{text(share(counted.filled, counted.rows))} filled"]
    if counted.attribute.kind is not Kind.NUMERIC:
        said.insert(1, f"{len(counted.classes):,} {'class' if len(counted.classes) == 1 else 'classes'}")
    if counted.absent:
        said.append(f"{text(share(counted.absent, counted.rows))} not applicable")
    return ", ".join(said)


def _histogram(counted: Counted) -> str:
    attribute = counted.attribute
    if attribute.kind is not Kind.NUMERIC:
        drawn = _class_bars(counted)
    elif counted.numbers is not None:
        drawn = _number_bars(counted.numbers, attribute.unit)
    else:
        drawn = '<p class="small warn">no training row has a number</p>'
    return (
        f'<section class="attribute" id="{text(attribute.id)}"><h3>{text(attribute.column)}</h3>'
        f'<p class="small soft">{_facts(counted)}</p>{drawn}</section>'
    )


def histograms(counted: tuple[Counted, ...]) -> str:
    """One panel per attribute: counts of classes, or numbers in bins, over the training rows."""
    drawn = "\n".join(_histogram(one) for one in counted[:MOST_DRAWN])
    more = len(counted) - MOST_DRAWN
    rest = f"<p>{more:,} more attributes are in the table above, without a histogram.</p>" if more > 0 else ""
    return f'<div class="attributes">\n{drawn}\n</div>{rest}'


def overview(counted: tuple[Counted, ...]) -> str:
    """One line per attribute: how much of it is filled, unknown and not applicable, classes, the rarest one."""
    lines = []
    for place, one in enumerate(counted):
        name = text(one.attribute.column)
        named = f'<a href="#{text(one.attribute.id)}">{name}</a>' if place < MOST_DRAWN else name
        rows, numeric = max(1, one.rows), one.attribute.kind is Kind.NUMERIC
        unknown = one.rows - one.filled - one.absent
        parts = bar((one.filled / rows, ""), (unknown / rows, "unknown"), (one.absent / rows, "absent"))
        numbers = [
            share(one.filled, one.rows), share(unknown, one.rows), share(one.absent, one.rows),
            "" if numeric else f"{len(one.classes):,}", "" if one.rarest is None else f"{one.rarest:,}",
        ]  # fmt: skip
        cells = "".join(f'<td class="number">{text(number)}</td>' for number in numbers)
        lines.append(f'<tr><td class="name">{named}</td><td>{one.attribute.kind}</td><td>{parts}</td>{cells}</tr>')
    heads = "".join(
        f'<th class="number">{head}</th>' for head in ("filled", "unknown", "n. a.", "classes", "rarest class")
    )
    return (
        '<p class="small soft">Training rows:<span class="key" style="background:var(--train)"></span>filled'
        '<span class="key" style="background:var(--empty)"></span>unknown'
        '<span class="key" style="background:var(--absent)"></span>not applicable (n. a.)</p>'
        f'<div class="wide"><table><thead><tr><th>attribute</th><th>kind</th><th style="min-width:6rem"></th>{heads}'
        f"</tr></thead><tbody>\n{chr(10).join(lines)}\n</tbody></table></div>"
    )
