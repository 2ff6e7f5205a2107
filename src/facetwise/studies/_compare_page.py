"""A comparison as files: JSON for programs, CSV for tables, one HTML page that opens anywhere."""

import csv
import io
from html import escape
from pathlib import Path

from facetwise.inference import inert, write_json, write_text
from facetwise.reports import page
from facetwise.studies._verdicts import Compared, Comparison

__all__ = ["comparison_csv", "comparison_page", "notes_of", "write_comparison"]

_COLUMNS = (
    "variant", "verdict", "mean", "deviation", "difference", "low", "high", "p", "p_adjusted", "right_difference",
    "right_low", "right_high", "seconds", "peak_megabytes", "epochs", "parameters", "scores", "settings", "errors",
)  # fmt: skip
# Tints that leave the letters readable on light and on dark paper.
_STYLE = """
tr.better { background: rgb(46 125 50 / .14); } tr.worse { background: rgb(198 40 40 / .14); }
tr.baseline { font-weight: 600; } svg { display: block; }
"""
_WIDTH, _HEIGHT, _EDGE = 260, 22, 8


def notes_of(found: Comparison) -> list[str]:
    """What the numbers can show and what they cannot, in a few sentences."""
    seeds, test = len(found.seeds), f"{found.test:,.0f} test rows"
    notes = [
        f"{found.metric} on {test}, {seeds} paired {'seed' if seeds == 1 else 'seeds'}; differences are to "
        f"{found.baseline!r}."
    ]
    if seeds == 1:
        return [*notes, "One seed cannot tell a difference from chance. Repeat with --seeds 5."]
    notes.append(
        "Intervals and p-values: corrected resampled t-test (Nadeau and Bengio 2003), p-values corrected for "
        f"{found.comparisons} {'comparison' if found.comparisons == 1 else 'comparisons'} (Holm 1979). "
        "No significant difference means: not shown with these seeds and rows, not that there is none."
    )
    if found.fixed_test:
        notes.append(
            "Every seed was measured on the same test rows: what is shown holds for these rows, and for others only as "
            "far as the interval of the right answers, which resamples them, says so."
        )
    return notes


def _cells(one: Compared) -> list[object]:
    low, high = one.interval or (None, None)
    right_low, right_high = one.right_interval or (None, None)
    scores = " ".join("" if value is None else f"{value:.6g}" for value in one.scores)
    return [
        inert(one.name), one.verdict, one.mean, one.deviation, one.difference, low, high, one.p, one.p_adjusted,
        one.right, right_low, right_high, one.seconds, one.peak_megabytes, one.epochs, one.parameters, scores,
        inert("; ".join(one.settings)), inert("; ".join(one.errors)),
    ]  # fmt: skip


def comparison_csv(found: Comparison) -> str:
    """One line per variant."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    writer.writerows([["" if cell is None else cell for cell in _cells(one)] for one in found.variants])
    return text.getvalue()


def _number(value: float | None, digits: int = 3, *, signed: bool = False) -> str:
    if value is None:
        return "–"
    return f"{value:+.{digits}f}" if signed else f"{value:,.{digits}f}"


def _scale(found: Comparison) -> float:
    """The largest end of an interval, which the charts reach to."""
    ends = [abs(end) for one in found.variants for end in (one.interval or (one.difference or 0.0,))]
    return max(ends, default=0.0) or 1.0


def _chart(one: Compared, reach: float) -> str:
    """The difference as a dot, its interval as a line, and the baseline in the middle."""
    middle, half = _WIDTH / 2, _WIDTH / 2 - _EDGE

    def at(value: float) -> float:
        return round(middle + value / reach * half, 2)

    parts = [f'<line x1="{middle}" y1="0" x2="{middle}" y2="{_HEIGHT}" stroke="#999"/>']
    y = _HEIGHT / 2
    colour = {"better": "#2e7d32", "worse": "#c62828"}.get(one.verdict, "#555")
    if one.interval is not None:
        low, high = map(at, one.interval)
        parts.append(f'<line x1="{low}" y1="{y}" x2="{high}" y2="{y}" stroke="{colour}" stroke-width="2"/>')
    if one.difference is not None:
        parts.append(f'<circle cx="{at(one.difference)}" cy="{y}" r="4" fill="{colour}"/>')
    label = escape(f"difference {_number(one.difference, signed=True)}")
    return (
        f'<svg width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{label}">'
        f"{''.join(parts)}</svg>"
    )


def _row(one: Compared, reach: float) -> str:
    interval = "–" if one.interval is None else " to ".join(_number(end, signed=True) for end in one.interval)
    kind = one.verdict if one.verdict in ("better", "worse", "baseline") else "other"
    numbers = [
        _number(one.mean), _number(one.difference, signed=True), interval, _number(one.p_adjusted),
        _number(one.right, signed=True), _number(one.seconds, 1), _number(one.peak_megabytes, 0),
    ]  # fmt: skip
    cells = [f"<td>{escape(one.name)}</td>", f"<td>{escape(one.verdict)}</td>", f"<td>{_chart(one, reach)}</td>"]
    cells += [f'<td class="number">{escape(text)}</td>' for text in numbers]
    why = "".join(f'<tr><td></td><td class="soft" colspan="9">{escape(text)}</td></tr>' for text in one.errors)
    return f'<tr class="{kind}">{"".join(cells)}</tr>{why}'


def comparison_page(found: Comparison) -> str:
    """One self-contained page: no script, nothing loaded, every text escaped."""
    reach = _scale(found)
    heads = ["variant", "verdict", f"difference (±{reach:.3g})"]
    numbers = ["mean", "difference", "95 % interval", "p, corrected", "right answers", "seconds", "peak MB"]
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    head += "".join(f'<th class="number">{escape(text)}</th>' for text in numbers)
    rows = "\n".join(_row(one, reach) for one in found.variants)
    notes = "".join(f'<p class="soft">{escape(text)}</p>' for text in notes_of(found))
    body = f"""<h1>Comparison of {len(found.variants)} variants</h1>
{notes}
<div class="wide"><table>
<thead><tr>{head}</tr></thead>
<tbody>
{rows}
</tbody>
</table></div>"""
    return page("comparison", body, style=_STYLE)


def write_comparison(folder: Path, found: Comparison) -> None:
    """result.json, table.csv and report.html."""
    write_json(folder / "result.json", found.to_dict())
    write_text(folder / "table.csv", comparison_csv(found))
    write_text(folder / "report.html", comparison_page(found))
