"""A run as one page: how good it is beside guessing, where it errs, what the data lacks, what to label next."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from facetwise.images import REASONS
from facetwise.metrics import Evaluation
from facetwise.reports._album import ALBUM_STYLE, Album
from facetwise.reports._attribute_section import SECTION_STYLE, Size, attribute_section, headline, number_text, within
from facetwise.reports._charts import CHART_STYLE, score_bar
from facetwise.reports._facts import Reported
from facetwise.reports._mistakes import MISTAKE_STYLE
from facetwise.reports._page import page, share, text
from facetwise.reports._training_section import training_section
from facetwise.schema import NOT_APPLICABLE, VALUE, Kind

__all__ = ["report_page"]

MOST_SECTIONS = 200
# Pictures that all attributes together may show; more attributes show fewer each.
_PICTURES = 1100
_MOST_CATEGORIES, _FEW_CATEGORIES = 60, 15
_MOST_LEFT_OUT = 30
# With more attributes than this their pictures are behind a line that opens: the page stays one that can be read.
_MOST_OPEN = 12

_STYLE = """
h1 small { font-weight: 400; color: var(--soft); font-size: 1rem; }
nav.top { display: flex; flex-wrap: wrap; gap: .2rem 1rem; font-size: .9rem; margin: .6rem 0 1.2rem; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 9.5rem), 1fr)); gap: .8rem; }
.card { background: var(--panel); border: 1px solid var(--line); border-radius: 6px; padding: .7rem .8rem;
  min-width: 0; }
.card .big { font-size: 1.7rem; line-height: 1.2; font-variant-numeric: tabular-nums; }
.card > .title { font-size: .85rem; font-weight: 600; line-height: 1.3; }
.card .range { margin: .35rem 0; } .card span.one { display: inline-block; margin-right: .6em; }
td.trust, th.trust { padding-left: .6rem; }
.two { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr)); gap: 0 2rem; }
.next { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 15rem), 1fr)); gap: .8rem; }
.next .miss dd { font-size: .8rem; }
pre { overflow-x: auto; background: var(--panel); border: 1px solid var(--line); border-radius: 6px; padding: .7rem;
  font-size: .8rem; }
@media (max-width: 34rem) { .card .big { font-size: 1.45rem; } }
@media (min-width: 34rem) { th.bars { min-width: 5rem; } }
@media print { .up, nav.top { display: none; } section.attribute { break-inside: avoid-page; } }
"""


def _size(attributes: int) -> Size:
    """What one attribute may show, so that all of them stay within the page's pictures."""
    each, folded = _PICTURES / max(1, attributes), attributes > _MOST_OPEN
    if each >= 60:
        return Size(pairs=6, pictures=5, mistakes=8, neighbours=4)
    if each >= 28:
        return Size(pairs=3, pictures=4, mistakes=4, neighbours=3, folded=folded)
    if each >= 12:
        return Size(pairs=2, pictures=3, mistakes=3, neighbours=2, folded=folded)
    return Size(pairs=2, pictures=2, mistakes=1, neighbours=1, folded=folded)


def report_page(told: Reported) -> str:
    """The page.

    Args:
        told: Everything that it is written from.
    """
    metrics, album = told.metrics, Album(told.names)
    shown = min(len(told.schema.attributes), MOST_SECTIONS)
    size = _size(shown)
    sections = "\n".join(attribute_section(told, album, place, size) for place in range(shown))
    if (more := len(told.schema.attributes) - shown) > 0:
        sections += f"<p>{more:,} more attributes are in metrics.json and evaluation.parquet.</p>"
    parts = [
        _head(told),
        _cards(metrics),
        _index(told),
        _worst(told),
        _categories(metrics),
        _tiers(metrics),
        f'<h2 id="attributes">Attribute by attribute</h2>{sections}',
        training_section(told),
        _data(told),
        _next(told, album),
        _about(told),
    ]
    style = "".join((CHART_STYLE, MISTAKE_STYLE, SECTION_STYLE, _STYLE, ALBUM_STYLE))
    body = "\n".join(filter(None, parts))
    return page(f"report of {told.name}", body, style=style + album.style(told.draw))


def _head(told: Reported) -> str:
    side = {"test": "test", "val": "validation"}.get(told.metrics["split"], told.metrics["split"])
    links = [("index", "index"), ("attributes", "attributes"), ("training", "training"), ("data", "data"),
             ("next", "what to label next"), ("about", "how it was made")]  # fmt: skip
    if told.metrics.get("categories"):
        links.insert(2, ("categories", "categories"))
    there = "".join(f'<a href="#{name}">{words}</a>' for name, words in links)
    notes = "".join(f'<p class="small warn">{text(note, longest=400)}</p>' for note in told.notes)
    unseen = "which neither training nor tuning has seen" if side == "test" else "which the epoch was chosen by"
    return (
        f"<h1>{text(told.name)} <small>report</small></h1>"
        f"<p>{told.metrics['items']:,} {side} items, {unseen}, of "
        f"{len(told.names):,} in {text(told.table, longest=200)}.</p>{notes}"
        f'<nav class="top">{there}</nav>'
    )


def _card(title: str, value: str, bar: str, *lines: str) -> str:
    name, _, about = title.partition(", ")
    told = "".join(f'<div class="small soft">{line}</div>' for line in (about, *lines) if line)
    return f'<div class="card"><div class="title">{name}</div><div class="big">{value}</div>{bar}{told}</div>'


def _cards(metrics: Mapping[str, Any]) -> str:
    overall, floors = metrics["overall"], metrics.get("floors", {})
    beside = [floors.get(name, {}).get("overall", {}) for name in ("majority", "random")]
    cards = []
    for name, title in (
        ("mean_macro_f1", "macro-F1, mean over attributes"), ("mean_accuracy", "accuracy, mean over attributes"),
        ("exact_match", "whole item right"), ("applicability_f1", "applies or not, F1"),
        ("nested_harmonic_mean", "harmonic mean, nested in categories"),
    ):  # fmt: skip
        value, interval = overall.get(name), (metrics.get("intervals") or {}).get(name)
        if value is None or (name == "nested_harmonic_mean" and not metrics.get("categories")):
            continue
        guess = "".join(f'<span class="one">{word} {number_text(each.get(name))}</span>' for word, each in
                        zip(("majority", "random"), beside, strict=True))  # fmt: skip
        drawn = score_bar(value, floor=beside[0].get(name), interval=interval)
        cards.append(_card(title, number_text(value), drawn, within(interval), guess))
    if (value := overall.get("mean_mae_over_floor")) is not None:
        cards.append(
            _card("error of numbers, as a multiple of the median's", number_text(value), "", "below 1 beats guessing")
        )
    known = [one["calibration"] for one in metrics["attributes"].values() if one.get("calibration")]
    if known:
        good = sum(one["error"] <= one["error_if_calibrated"] for one in known)
        cards.append(
            _card("confidence to be trusted", f"{good} of {len(known)}", score_bar(good / len(known)),
                  "attributes whose calibration error is no larger than chance")
        )  # fmt: skip
    legend = (
        '<p class="small soft">Bars run from 0 to 1. The thin mark is what always saying the most frequent answer '
        "reaches; the pale stripe and “… to …” are the 95 % interval, from resampling whole groups of items. Random: "
        "answers drawn with the training frequencies.</p>"
    )
    return f'<div class="cards">{"".join(cards)}</div>{legend}'


def _tiers(metrics: Mapping[str, Any]) -> str:
    tiers = metrics.get("tiers")
    if not tiers or tiers["all_cells"]["cells"] == tiers["value_given_applicable"]["cells"]:
        return ""
    words = {
        "all_cells": "every known cell: the right value, or rightly “does not apply”",
        "applicable": "only: does it apply?",
        "value_given_applicable": "only: which value, where there is one",
    }
    rows = "".join(
        f'<tr><td>{words[name]}</td><td class="number">{one["cells"]:,}</td>'
        f'<td class="number">{number_text(one["accuracy"])}</td><td class="optional" style="min-width:6rem">'
        f"{score_bar(one['accuracy'])}</td></tr>"
        for name, one in tiers.items()
    )
    open_share = tiers["all_cells"].get("abstained") or 0.0
    left = f'<p class="small soft">{share(round(1e4 * open_share), 10_000)} of the cells were left open; these count '
    left += "as wrong in the first two.</p>"
    return (
        '<h2>Three readings of right</h2><div class="wide"><table><thead><tr><th></th><th class="number">cells</th>'
        f'<th class="number">right</th><th class="optional"></th></tr></thead><tbody>{rows}</tbody></table></div>{left}'
    )


def _index(told: Reported) -> str:
    rows = []
    floors = told.metrics.get("floors", {}).get("majority", {}).get("attributes", {})
    for place, attribute in enumerate(told.schema.attributes):
        metrics = told.metrics["attributes"][attribute.column]
        name, key = text(attribute.column), headline(metrics)
        value, floor = metrics.get(key), (floors.get(attribute.column) or {}).get(key)
        interval = (metrics.get("intervals") or {}).get(key)
        link = f'<a href="#{text(attribute.id)}">{name}</a>' if place < MOST_SECTIONS else name
        numeric = attribute.kind is Kind.NUMERIC
        drawn = "" if numeric else score_bar(value, floor=floor, interval=interval)
        at = ((metrics.get("risk_coverage") or {}).get("coverage_at") or {}).get("0.97")
        calibration = metrics.get("calibration")
        trust = "" if not calibration else (
            "yes" if calibration["error"] <= calibration["error_if_calibrated"]
            else '<span class="warn">no</span>'
        )  # fmt: skip
        said = f"{number_text(value)} ×" if numeric and value is not None else number_text(value)
        rows.append(
            f'<tr><td class="name">{link}</td><td class="optional">{attribute.kind}</td>'
            f'<td class="number optional">{metrics["labelled"]:,}</td><td class="number">{said}</td><td>{drawn}</td>'
            f'<td class="number">{"1.000 ×" if numeric and value is not None else number_text(floor)}</td>'
            f'<td class="number optional">{"" if at is None else share(round(1000 * at), 1000)}</td>'
            f'<td class="optional trust">{trust}</td></tr>'
        )
    return (
        f'<h2 id="index">{len(rows):,} attributes</h2><div class="wide"><table><thead><tr><th>attribute</th>'
        '<th class="optional">kind</th><th class="number optional">cells</th><th class="number keep">macro-F1</th>'
        '<th class="bars"></th><th class="number">majority</th>'
        '<th class="number optional">answered at 97&nbsp;%</th><th class="optional trust">calibrated</th></tr></thead>'
        f"<tbody>\n{chr(10).join(rows)}\n</tbody></table></div>"
        '<p class="small soft">Answered at 97 %: the share of cells that can be filled with 97 of 100 right, by '
        "leaving the least sure open. ×: error of numbers as a multiple of the median's; less is better.</p>"
    )


def _worst(told: Reported) -> str:
    evaluation = Evaluation.from_dict(dict(told.metrics))
    if len(evaluation.attributes) < 4:
        attributes = ""
    else:
        ids = {attribute.column: attribute.id for attribute in told.schema.attributes}
        lines = "".join(
            f'<li><a href="#{text(ids[column])}">{text(column)}</a> {value:.3f}</li>'
            for column, value in evaluation.worst_attributes(8)
        )
        attributes = f"<div><h4>Attributes with the lowest macro-F1</h4><ul>{lines}</ul></div>"
    classes = "".join(
        f'<li>{text(name)} <span class="soft">({text(column)})</span> {value:.3f}</li>'
        for column, name, value in evaluation.worst_classes(8)
    )
    drawn = (
        f"<div><h4>Classes with the lowest F1, of five cells or more</h4><ul>{classes}</ul></div>" if classes else ""
    )
    return f'<h2>Where to look first</h2><div class="two">{attributes}{drawn}</div>' if attributes or drawn else ""


def _categories(metrics: Mapping[str, Any]) -> str:
    found = {name: one for name, one in metrics.get("categories", {}).items() if one["items"]}
    if not found:
        return ""
    order = sorted(found, key=lambda name: -found[name]["items"])
    rows = "".join(
        f'<tr><td class="name">{text(name)}</td><td class="number">{found[name]["items"]:,}</td>'
        f'<td class="number">{number_text(found[name]["mean_macro_f1"])}</td>'
        f'<td class="number">{number_text(found[name]["nested_harmonic_mean"])}</td>'
        f'<td class="optional" style="min-width:5rem">{score_bar(found[name]["nested_harmonic_mean"])}</td>'
        f'<td class="number">{number_text(found[name]["exact_match"])}</td></tr>'
        for name in order[:_MOST_CATEGORIES]
    )
    more = len(order) - _MOST_CATEGORIES
    rest = f'<p class="small soft">{more:,} more are in metrics.json.</p>' if more > 0 else ""
    return (
        '<h2 id="categories">By category</h2>'
        f"<details{' open' if len(order) <= _FEW_CATEGORIES else ''}><summary>"
        f'{len(order):,} categories with items</summary><div class="wide"><table><thead><tr><th>category</th>'
        '<th class="number">items</th><th class="number">macro-F1</th><th class="number">harmonic mean</th>'
        '<th class="optional"></th><th class="number">all right</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div>{rest}</details>"
    )


def _data(told: Reported) -> str:
    bad = {reason: count for reason, count in told.issues.items() if reason != "ok"}
    lines = "".join(
        f'<tr><td class="number">{count:,}</td><td>{text(reason)}</td><td>{text(REASONS.get(reason, ""))}</td></tr>'
        for reason, count in sorted(bad.items(), key=lambda one: -one[1])
    )
    named = "".join(
        f"<li>row {one.row:,}: {text(one.image) if one.image else 'no name'} "
        f'<span class="soft">{text(one.reason)}, {text(one.message, longest=200)}</span></li>'
        for one in told.unreadable
    )
    more = sum(bad.values()) - len(told.unreadable)
    rest = f"<li>{more:,} more, all in issues.parquet</li>" if more > 0 else ""
    pictures = (
        f'<div class="wide"><table><tbody>{lines}</tbody></table></div><ul class="small">{named}{rest}</ul>'
        if lines
        else "<p>Every row has a picture that can be read.</p>"
    )
    state = told.truth.state
    cells = state.size or 1
    valued, absent = int((state == VALUE).sum()), int((state == NOT_APPLICABLE).sum())
    thin = [
        text(attribute.column)
        for attribute in told.schema.attributes
        if told.metrics["attributes"][attribute.column]["labelled"] < 30
    ]
    few = (
        f"<p>Fewer than 30 labelled cells on this side, so read with care: {', '.join(thin[:40])}"
        f"{f' and {len(thin) - 40} more' if len(thin) > 40 else ''}.</p>"
        if thin
        else ""
    )
    return (
        f'<h2 id="data">Data</h2>{pictures}<p>Of the cells measured here {share(valued, cells)} have a value, '
        f"{share(absent, cells)} do not apply, {share(cells - valued - absent, cells)} are unknown and count nowhere."
        f"</p>{few}{_left_out(told)}"
    )


def _left_out(told: Reported) -> str:
    lines = "".join(
        f'<tr><td class="name">{text(column)}</td><td>{text(why, longest=300)}</td></tr>'
        for column, why in told.left_out[:_MOST_LEFT_OUT]
    )
    more = len(told.left_out) - _MOST_LEFT_OUT
    rest = f'<p class="small soft">{more:,} more are left out.</p>' if more > 0 else ""
    table = (
        f'<h4>Columns of the table that are left out</h4><div class="wide"><table><tbody>{lines}</tbody></table></div>'
    )
    return table + rest if lines else ""


def _next(told: Reported, album: Album) -> str:
    if told.unsure is None:
        return ""
    if not told.unsure:
        return '<h2 id="next">What to label next</h2><p>No cell that could apply is unknown.</p>'
    panels = "".join(
        f'<div class="miss">{album.show(one.place)}<dl>'
        + "".join(
            f'<dt>{text(column)}</dt><dd>{text(value)}? <span class="soft">{100 * sure:.0f} %</span></dd>'
            for column, value, sure in one.cells[:4]
        )
        + (f'<dd class="soft">and {len(one.cells) - 4} more</dd>' if len(one.cells) > 4 else "")
        + f'</dl><div class="small soft">{text(told.names[one.place], longest=60)}</div></div>'
        for one in told.unsure
    )
    return (
        '<h2 id="next">What to label next</h2><p class="small soft">Items whose unknown cells the model is least sure '
        f'of, among the attributes that apply to them. A label here teaches most.</p><div class="next">{panels}</div>'
    )


def _about(told: Reported) -> str:
    packages = told.environment.get("packages", {})
    versions = ", ".join(f"{text(name)} {text(value)}" for name, value in packages.items() if value)
    rows = np.asarray(told.places).size
    return (
        f'<h2 id="about">How it was made</h2><p class="small">{versions}.</p>'
        f'<p class="small soft">{rows:,} items measured from predictions/{text(told.metrics["split"])}.parquet. The '
        "numbers are in metrics.json and evaluation.parquet.</p>"
        f"<details><summary>The whole configuration</summary><pre>{text(told.config, longest=20_000)}</pre></details>"
    )
