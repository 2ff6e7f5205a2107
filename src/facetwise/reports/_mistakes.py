"""Pictures that say more than figures: what is taken for what, and the mistakes that the model was surest of."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from facetwise.metrics import confidences
from facetwise.reports._album import Album
from facetwise.reports._facts import Nearby, Reported, value_text
from facetwise.reports._page import text
from facetwise.schema import VALUE, Kind

__all__ = ["MISTAKE_STYLE", "confusion_pictures", "surest_mistakes", "worst_cells"]

# Letters below a small picture.
_SHORT = 28

MISTAKE_STYLE = """
.pairs, .wrong { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 19rem), 1fr)); gap: .8rem; }
.wrong { grid-template-columns: repeat(auto-fill, minmax(min(100%, 15rem), 1fr)); }
.pair, .miss { background: var(--panel); border: 1px solid var(--line); border-radius: 6px; padding: .6rem;
  min-width: 0; font-size: .85rem; line-height: 1.35; }
.strip { display: flex; flex-wrap: wrap; gap: .35rem; margin-top: .4rem; }
.strip .p { width: 64px; }
.miss { display: grid; grid-template-columns: auto 1fr; gap: .1rem .7rem; align-content: start; }
.miss dl { margin: 0; } .miss dt { font-size: .72rem; color: var(--soft); } .miss dd { margin: 0 0 .15rem; }
.near { grid-column: 1 / -1; display: grid; grid-template-columns: repeat(4, minmax(0, 1fr)); gap: .4rem;
  margin-top: .35rem; padding-top: .35rem;
  border-top: 1px solid var(--line); }
.near .p { width: 100%; }
.near figcaption { font-weight: 400; color: var(--soft); font-size: .66rem;
  line-height: 1.2; margin: .15rem 0 0; hyphens: auto; }
@media (max-width: 34rem) { .wrong { grid-template-columns: 1fr 1fr; gap: .5rem; }
  .miss { grid-template-columns: 1fr; } .near { grid-template-columns: 1fr 1fr; } .strip .p { width: 56px; } }
.not { color: var(--warn); }
"""


def confusion_pictures(
    told: Reported, album: Album, place: int, metrics: Mapping[str, Any], *, pairs: int, pictures: int
) -> str:
    """The most frequent wrong pairs, each with pictures of it."""
    found = (metrics.get("confusions") or [])[:pairs]
    if not found:
        return ""
    attribute = told.schema.attributes[place]
    code = {name: number for number, name in enumerate(attribute.classes)}
    truth, guess = told.truth.index[:, place], told.decisions.index[:, place]
    valued = told.truth.state[:, place] == VALUE
    panels = []
    for pair in found:
        given = -1 if pair["given"] is None else code[pair["given"]]
        items = np.flatnonzero(valued & (truth == code[pair["truth"]]) & (guess == given))[:pictures]
        strip = "".join(album.show(int(told.places[item])) for item in items)
        all_true = (metrics.get("per_class") or {}).get(pair["truth"], {}).get("support")
        of = f" of {all_true:,}" if all_true else ""
        panels.append(
            f'<div class="pair"><strong>{text(pair["truth"])}</strong> taken for '
            f'<strong class="not">{text(pair["given"] or "no class")}</strong>'
            f'<div class="soft">{pair["cells"]:,}{of} cells</div><div class="strip">{strip}</div></div>'
        )
    more = len(metrics.get("confusions") or []) - len(found)
    rest = f'<p class="small soft">{_further(metrics, found)}</p>' if more > 0 else ""
    return f'<h4>Taken for one another</h4><div class="pairs">{"".join(panels)}</div>{rest}'


def _further(metrics: Mapping[str, Any], shown: list[Any]) -> str:
    others = metrics["confusions"][len(shown) : len(shown) + 6]
    said = "; ".join(f"{text(one['truth'])} as {text(one['given'] or 'no class')} {one['cells']:,}" for one in others)
    return f"Then: {said}."


def worst_cells(told: Reported, place: int, count: int) -> list[tuple[int, float]]:
    """(item, confidence) of the wrong cells, the surest first; of numbers the furthest off, with no confidence."""
    if told.schema.attributes[place].kind is Kind.NUMERIC:
        rows = np.flatnonzero(told.truth.state[:, place] == VALUE)
        off = np.abs(told.truth.number[rows, place] - told.decisions.number[rows, place])
        return [(int(rows[one]), float("nan")) for one in np.argsort(-off, kind="stable")[:count]]
    items, sure, right = confidences(told.schema, told.truth, told.decisions, place)
    if told.schema.attributes[place].kind is Kind.MULTILABEL:
        sure, wrong = np.abs(sure - right), np.abs(sure - right) > 0.5
    else:
        wrong = ~right
    own = np.flatnonzero(wrong)
    chosen, seen = [], set()
    for one in own[np.argsort(-sure[own], kind="stable")]:
        if (item := int(items[one])) not in seen:
            seen.add(item)
            chosen.append((item, float(sure[one])))
        if len(chosen) == count:
            break
    return chosen


def surest_mistakes(told: Reported, album: Album, place: int, *, count: int, neighbours: int) -> str:
    """The mistakes that the model was surest of, each beside the training rows that look most like it."""
    chosen = worst_cells(told, place, count)
    if not chosen:
        return ""
    column, numeric = told.schema.attributes[place].column, told.schema.attributes[place].kind is Kind.NUMERIC
    near = told.nearby([item for item, _ in chosen]) if told.nearby is not None else [[] for _ in chosen]
    panels = []
    for (item, sure), rows in zip(chosen, near, strict=True):
        said = text(value_text(told.schema, told.decisions, item, place))
        true = text(value_text(told.schema, told.truth, item, place))
        confidence = "" if numeric else f' <span class="soft">{100 * sure:.0f} %</span>'
        panels.append(
            f'<div class="miss">{album.show(int(told.places[item]))}<dl><dt>model</dt>'
            f'<dd class="not">{said}{confidence}</dd><dt>table</dt><dd>{true}</dd></dl>'
            f"{_nearest(album, rows[:neighbours], column)}</div>"
        )
    words = "Furthest off" if numeric else "Surest mistakes"
    hint = " Below each: the training pictures most like it, and how they are labelled." if any(near) else ""
    return (
        f"<h4>{words}</h4><p class=\"small soft\">Some are the model's mistakes, some the table's.{hint}</p>"
        f'<div class="wrong">{"".join(panels)}</div>'
    )


def _nearest(album: Album, rows: list[Nearby], column: str) -> str:
    figures = []
    for row in rows:
        value = row.cells.get(column, "unknown")
        said = ", ".join(value) if isinstance(value, list) else f"{value:.4g}" if isinstance(value, float) else value
        shown = album.show(row.place) if row.place is not None else '<span class="p"></span>'
        said = str(said)
        said = said if len(said) <= _SHORT else said[: _SHORT - 1] + "…"
        figures.append(f"<figure>{shown}<figcaption>{text(said)}</figcaption></figure>")
    return f'<div class="near">{"".join(figures)}</div>' if figures else ""
