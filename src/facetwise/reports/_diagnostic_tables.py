"""Diagnostics as tables: gates by attribute and expert, what is alike, which attributes share what."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from facetwise.reports._page import text

__all__ = ["diagnostic_tables"]

# What can be read at a glance; of larger tables the rows and columns with the largest numbers.
_MOST_ROWS, _MOST_COLUMNS = 60, 16
# The model's own count of classes, which people do not read: in diagnostics.json alone.
_UNREAD = "logit"
_OLD = "trained before diagnostics said what rows and columns are"


@dataclass(frozen=True, slots=True)
class _Told:
    """One fact: its stage and name, what it is about, what its dimensions count, its numbers."""

    stage: str
    name: str
    about: str
    axes: tuple[str, ...]
    values: np.ndarray


def diagnostic_tables(diagnostics: Mapping[str, Any]) -> str:
    """A table per fact with two dimensions; facts with one are columns of a table whose rows count the same.

    Args:
        diagnostics: `diagnostics.json`. That of an old run does not say what its tables are about; they are shown with
            numbers for names.
    """
    names = diagnostics.get("names") or {}
    told = _told(diagnostics)
    beside = [one for one in told if one.values.ndim == 1]
    drawn = []
    for one in (one for one in told if one.values.ndim == 2):
        own = [other for other in beside if (other.stage, other.axes[0]) == (one.stage, one.axes[0])]
        beside = [other for other in beside if other not in own]
        drawn.append(_table(one, own, names))
    while beside:
        own = [other for other in beside if (other.stage, other.axes[0]) == (beside[0].stage, beside[0].axes[0])]
        beside = [other for other in beside if other not in own]
        drawn.append(_table(None, own, names))
    return "".join(drawn)


def _told(diagnostics: Mapping[str, Any]) -> list[_Told]:
    facts = diagnostics.get("facts")
    found = []
    for key, value in diagnostics.items():
        if not isinstance(value, list) or (facts is not None and key not in facts):
            continue
        values = _numbers(value)
        if facts is None:
            about, axes = _OLD, ("row", "column")
            legible = values.ndim == 2 and len(values) <= _MOST_ROWS and values.shape[1] <= _MOST_COLUMNS
        else:
            about, axes = str(facts[key]["about"]), tuple(map(str, facts[key]["axes"]))
            legible = values.ndim in (1, 2) and len(axes) == values.ndim and _UNREAD not in axes
        if legible and values.size:
            stage, _, name = key.rpartition(".")
            found.append(_Told(stage, name.replace("_", " "), about, axes, values))
    return found


def _numbers(value: list[Any]) -> np.ndarray:
    try:
        return np.array(value, dtype=float)
    except (TypeError, ValueError):  # no table: rows of several lengths, or words
        return np.zeros(0)


def _heads(axis: str, count: int, names: Mapping[str, Sequence[str]]) -> list[str]:
    known = names.get(axis, ())
    return list(known) if len(known) == count else [f"{axis} {number}" for number in range(count)]


def _largest(sizes: np.ndarray, most: int) -> np.ndarray:
    """Places of the largest, in their own order."""
    return np.sort(np.argsort(-sizes, kind="stable")[:most])


def _table(main: _Told | None, beside: Sequence[_Told], names: Mapping[str, Sequence[str]]) -> str:
    first = beside[0] if main is None else main
    values = np.zeros((len(first.values), 0)) if main is None else main.values
    sizes = np.abs(values) if main is not None else np.abs(first.values)[:, None]
    rows, columns = _largest(sizes.sum(axis=1), _MOST_ROWS), _largest(np.abs(values).sum(axis=0), _MOST_COLUMNS)
    row_names = _heads(first.axes[0], len(values), names)
    column_names = [] if main is None else _heads(main.axes[1], values.shape[1], names)
    most = float(np.abs(values).max(initial=0.0)) or 1.0
    heads = [column_names[n] for n in columns] + [one.name for one in beside]
    body = "".join(
        f'<tr><td class="name">{text(row_names[row])}</td>'
        + "".join(_cell(values[row, column], most) for column in columns)
        + "".join(f'<td class="number">{one.values[row]:.2f}</td>' for one in beside)
        + "</tr>"
        for row in rows
    )
    title = f"{first.stage} {first.name}".strip()
    return (
        f"<details><summary>{text(title)}: {text(first.about)}</summary>"
        f"{_words(main, beside, len(rows), len(columns))}"
        f'<div class="wide"><table><thead><tr><th>{text(first.axes[0])}</th>'
        + "".join(f'<th class="number">{text(head)}</th>' for head in heads)
        + f"</tr></thead><tbody>{body}</tbody></table></div></details>"
    )


def _cell(value: float, most: float) -> str:
    """Shaded by its size; a point where it is exactly 0, which a penalty has made it."""
    if value == 0:
        return '<td class="number soft">·</td>'
    shade = f"color-mix(in srgb, var(--train) {60 * abs(value) / most:.0f}%, transparent)"
    return f'<td class="number" style="background:{shade}">{value:.2f}</td>'


def _words(main: _Told | None, beside: Sequence[_Told], rows: int, columns: int) -> str:
    """What the columns at the end are; how many are exactly 0; what is left out."""
    said = [f"{text(one.name.capitalize())}: {text(one.about)}." for one in beside if one is not beside[0] or main]
    first = beside[0] if main is None else main
    if main is not None and (zeros := int((main.values == 0).sum())):
        said.append(f"{zeros:,} of {main.values.size:,} are exactly 0 (·).")
    counts = [("rows", rows, len(first.values))]
    counts += [] if main is None else [("columns", columns, main.values.shape[1])]
    for what, shown, there in counts:
        if shown < there:
            said.append(f"The {shown} of {there:,} {what} with the largest numbers; all of them in diagnostics.json.")
    return f'<p class="small soft">{" ".join(said)}</p>' if said else ""
