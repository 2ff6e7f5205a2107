"""One attribute of a run: figures beside floors, curves, confusions, mistakes, classes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from facetwise.reports._album import Album
from facetwise.reports._charts import Line, chart, depth_bars, score_bar
from facetwise.reports._facts import Reported
from facetwise.reports._mistakes import confusion_pictures, surest_mistakes
from facetwise.reports._page import share, text
from facetwise.schema import Kind

__all__ = ["SECTION_STYLE", "Size", "attribute_section", "headline", "number_text", "within"]

# Classes that are listed; all of them are in evaluation.parquet.
MOST_CLASSES = 40

SECTION_STYLE = """
section.attribute { border-top: 1px solid var(--line); padding-top: 1.1rem; margin-top: 1.6rem;
  scroll-margin-top: .5rem; }
section.attribute > h3 { font-size: 1.1rem; } h4 { font-size: .9rem; margin: 1rem 0 .35rem; }
.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 16rem), 1fr)); gap: 1.1rem 1.75rem;
  align-items: start; margin-top: .7rem; }
.columns table { font-size: .82rem; } .columns th, .columns td { padding: .2rem .5rem .2rem 0; }
.figures { display: grid; grid-template-columns: minmax(5.5rem, auto) minmax(3.5rem, 1fr) auto; gap: .25rem .6rem;
  align-items: center; font-size: .88rem; }
.figures .of { grid-column: 1 / -1; font-size: .75rem; color: var(--soft); margin: -.2rem 0 .3rem; }
.figures .of span { display: inline-block; margin-right: .8em; }
section.attribute details { margin-top: .7rem; font-size: .9rem; }
.band { white-space: nowrap; } .columns > div { min-width: 0; }
.columns > div > figure + figure { margin-top: .8rem; }
.up { font-size: .8rem; font-weight: 400; margin-left: .5rem; }
/* On a phone two charts stand side by side, their numbers as large as before; the captions name the axes. */
@media (max-width: 34rem) { .columns { grid-template-columns: 1fr 1fr; gap: 1rem .9rem; } .columns > .full {
  grid-column: 1 / -1; } .columns .chart text { font-size: 16px; } .columns .chart text.up { display: none; } }
"""
_NAMES = {
    "macro_f1": "macro-F1", "accuracy": "accuracy", "decided_accuracy": "accuracy, open = wrong",
    "exact_match": "whole set right", "micro_f1": "micro-F1", "mean_class_accuracy": "mean class accuracy",
    "average_precision": "average precision", "map": "mean average precision", "quadratic_kappa": "quadratic kappa",
    "mae": "mean error", "rmse": "root of mean square", "r2": "R²", "mae_over_floor": "error over the median's",
}  # fmt: skip
_SHOWN = {
    Kind.CATEGORICAL: ("macro_f1", "accuracy", "mean_class_accuracy"),
    Kind.BINARY: ("macro_f1", "accuracy", "average_precision"),
    Kind.ORDINAL: ("macro_f1", "accuracy", "quadratic_kappa", "mae"),
    Kind.MULTILABEL: ("macro_f1", "exact_match", "map"),
    Kind.NUMERIC: ("mae", "rmse", "r2", "mae_over_floor"),
}
# Metrics that are not shares: no bar.
_PLAIN = {"mae", "rmse", "r2", "mae_over_floor"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is shown of each attribute, so that sixty of them still make a page that opens."""

    pairs: int
    pictures: int
    mistakes: int
    neighbours: int
    folded: bool = False


def number_text(value: Any, digits: int = 3) -> str:
    """A figure, or n/a."""
    if not isinstance(value, int | float):
        return "n/a"
    return f"{value:,.{digits}f}" if abs(value) < 1000 else f"{value:,.0f}"


def within(interval: Any) -> str:
    """The ends of an interval; nothing without one."""
    return f"{number_text(interval[0])} to {number_text(interval[1])}" if interval else ""


def headline(metrics: Mapping[str, Any]) -> str:
    """The metric that stands for an attribute of the kind."""
    return "mae_over_floor" if metrics["kind"] == Kind.NUMERIC else "macro_f1"


def _figures(metrics: Mapping[str, Any], floors: list[Mapping[str, Any]], unit: str) -> str:
    rows = []
    for name in _SHOWN[Kind(metrics["kind"])]:
        value, interval = metrics.get(name), (metrics.get("intervals") or {}).get(name)
        floor = floors[0].get(name)
        drawn = "<span></span>" if name in _PLAIN else score_bar(value, floor=floor, interval=interval)
        said = f"{number_text(value)} {unit}".strip() if name in ("mae", "rmse") else number_text(value)
        rows.append(f'<span>{_NAMES[name]}</span>{drawn}<span class="number">{text(said)}</span>')
        beside = [f"95 %: {within(interval)}"] if interval else []
        beside += [
            f"{word} {number_text(each.get(name))}"
            for word, each in zip(("majority", "random"), floors, strict=True)
            if isinstance(each.get(name), int | float)
        ]
        if beside:
            rows.append(f'<span class="of">{"".join(f"<span>{one}</span>" for one in beside)}</span>')
    return f'<div class="figures">{"".join(rows)}</div>'


def _facts(metrics: Mapping[str, Any], told: Reported, column: str, classes: int) -> str:
    said = [metrics["kind"], f"{metrics['labelled']:,} labelled cells here"]
    if classes:
        said.insert(1, f"{classes:,} classes")
    if metrics.get("coverage") is not None:
        said.append(f"a value given to {share(round(1000 * metrics['coverage']), 1000)} of the items")
    if applicable := metrics.get("applicability"):
        said.append(f"applicable or not: {number_text(applicable['accuracy'])} right of {applicable['cells']:,}")
    if unknown := told.unknown.get(column):
        said.append(f"{unknown:,} unknown cells in the whole table")
    return ", ".join(said)


def _curves(metrics: Mapping[str, Any]) -> list[str]:
    drawn = []
    if points := metrics.get("reliability"):
        own = [(one["confidence"], one["right"]) for one in points]
        calibration = metrics.get("calibration") or {}
        error, chance = calibration.get("error"), calibration.get("error_if_calibrated")
        verdict = ""
        if error is not None and chance is not None:
            words = "As good as calibrated" if error <= chance else "Further off than chance"
            verdict = f"{words}: error {error:.3f}, by chance alone up to {chance:.3f}."
        drawn.append(
            chart(
                "Can its confidence be believed?",
                [Line(points=[(0, 0), (1, 1)], name="ideal"), Line(points=own, dots=[one["rows"] for one in points])],
                x="confidence", y="share right", note=text(verdict, longest=120),
            )
        )  # fmt: skip
    if curve := metrics.get("risk_coverage"):
        at = curve["coverage_at"]
        asked = " / ".join(f"{100 * float(name):.0f}" for name in at)
        reached = " / ".join(share(value, 1).removesuffix(" %") for value in at.values())
        risks = list(zip(curve["coverage"], curve["risk"], strict=True))
        most = max(0.05, *(risk for _, risk in risks))
        drawn.append(
            chart(
                "If only the surest are answered",
                [Line(points=risks)], x="share answered", y="share wrong", up=(0.0, most),
                note=text(f"To be {asked} % right it can answer {reached} % of the cells.", longest=160) if at else "",
            )
        )  # fmt: skip
    return drawn


def _frequency(metrics: Mapping[str, Any]) -> str:
    bands = {name: one for name, one in (metrics.get("frequency") or {}).items() if one["classes"]}
    if len(bands) < 2:
        return ""
    rows = "".join(
        f'<tr><td class="band">{name}</td><td class="number">{one["classes"]:,}</td>'
        f'<td class="number">{one["cells"]:,}</td>'
        f'<td class="number">{number_text(one["mean_class_accuracy"])}</td>'
        f'<td class="number">{number_text(one["macro_f1"])}</td></tr>'
        for name, one in bands.items()
    )
    return (
        "<figure><figcaption>Frequent and rare classes</figcaption><table><thead><tr>"
        '<th></th><th class="number">classes</th><th class="number">cells</th><th class="number">recall</th>'
        f'<th class="number">F1</th></tr></thead><tbody>{rows}</tbody></table>'
        '<p class="note">Common: 100 training cells or more; rare: fewer than 20.</p></figure>'
    )


def _classes(metrics: Mapping[str, Any]) -> str:
    told = {name: one for name, one in (metrics.get("per_class") or {}).items() if one["support"] or one["precision"]}
    if not told:
        return ""
    order = sorted(told, key=lambda name: -(told[name]["support"] or 0))
    rows = "".join(
        f'<tr><td class="name">{text(name)}</td><td class="number">{told[name]["support"]:,}</td>'
        f'<td class="number">{number_text(told[name]["precision"])}</td>'
        f'<td class="number">{number_text(told[name]["recall"])}</td>'
        f'<td class="number">{number_text(told[name]["f1"])}</td><td>{score_bar(told[name]["f1"])}</td></tr>'
        for name in order[:MOST_CLASSES]
    )
    more = len(order) - MOST_CLASSES
    rest = f'<p class="small soft">{more:,} more classes are in evaluation.parquet.</p>' if more > 0 else ""
    return (
        f"<details><summary>{len(order):,} classes: precision, recall, F1</summary>"
        '<div class="wide"><table><thead><tr><th>class</th><th class="number">cells</th>'
        '<th class="number">precision</th><th class="number">recall</th><th class="number">F1</th>'
        f'<th style="min-width:6rem"></th></tr></thead><tbody>{rows}</tbody></table></div>{rest}</details>'
    )


def attribute_section(told: Reported, album: Album, place: int, size: Size) -> str:
    """Everything about one attribute."""
    attribute = told.schema.attributes[place]
    column, metrics = attribute.column, told.metrics["attributes"][attribute.column]
    floors = [
        (told.metrics.get("floors", {}).get(name, {}).get("attributes", {}) or {}).get(column, {})
        for name in ("majority", "random")
    ]
    head = (
        f'<section class="attribute" id="{text(attribute.id)}"><h3>{text(column)}'
        '<a class="up" href="#index">index ↑</a></h3>'
        f'<p class="small soft">{text(_facts(metrics, told, column, len(attribute.classes)), longest=400)}</p>'
    )
    if not metrics["labelled"]:
        return f"{head}<p>No labelled cell on this side: nothing can be said.</p></section>"
    levels = told.depth.get(column) or {}
    depths = sorted(((name, one["added_loss"] or 0.0) for name, one in levels.items()), key=lambda one: -one[1])[:6]
    heard = ""
    if len(levels) > 1:
        heard = (
            f"<figure><figcaption>Depths it listens to</figcaption>{depth_bars(depths)}"
            '<p class="note">Loss added when a depth is shuffled.</p></figure>'
        )
    columns = [("full", _figures(metrics, floors, attribute.unit or "")), *(("", one) for one in _curves(metrics)),
               ("full", _frequency(metrics) + heard)]  # fmt: skip
    pictures = confusion_pictures(told, album, place, metrics, pairs=size.pairs, pictures=size.pictures)
    pictures += surest_mistakes(told, album, place, count=size.mistakes, neighbours=size.neighbours)
    if size.folded and pictures:
        pictures = f"<details><summary>Where it errs, in pictures</summary>{pictures}</details>"
    drawn = "".join(f'<div class="{style}">{one}</div>' for style, one in columns if one)
    return f'{head}<div class="columns">{drawn}</div>{pictures}{_classes(metrics)}</section>'
